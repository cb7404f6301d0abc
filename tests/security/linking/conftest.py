"""The bot under attack: `doorward serve`'s own composition, over ASGI, between a fake Slack and OpenID providers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, fake_openid_provider
from tests.fakes.slack_installation import PROVIDER, Registration, installation
from tests.fakes.slack_server import FakeSlack
from tests.fakes.web_stage import HTTPS, directory
from tests.security.linking.kit import ATTACKER, VICTIM, Site


@pytest.fixture
def provider_names() -> tuple[str, ...]:
    """The company's identity providers; a test of mix-ups names two."""
    return (PROVIDER,)


@pytest.fixture
async def site(tmp_path: Path, clock: FixedClock, provider_names: tuple[str, ...]) -> AsyncIterator[Site]:
    """The bot, two members of its workspace, and nobody linked."""
    with ExitStack() as stack:
        providers = {
            name: stack.enter_context(fake_openid_provider(clock, authority=f"https://{name}.idp.example/login"))
            for name in provider_names
        }
        registrations = {
            name: Registration(
                authority=provider.authority,
                transport_url=provider.transport_url,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
            )
            for name, provider in providers.items()
        }
        for provider in providers.values():
            provider.manners.claims = directory
        async with (
            FakeSlack(now=clock).running() as slack,
            installation(tmp_path, slack, registrations, origin=HTTPS, clock=clock) as doorward,
        ):
            slack.join(ATTACKER, real_name="John Carver")
            slack.join(VICTIM, real_name="Mia Lang")
            yield Site(doorward=doorward, providers=providers)
