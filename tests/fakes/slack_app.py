"""The Slack adapter put together against the fake Slack, as the composition does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette

from adapters.slack.config import Phrases, SigningSecret, SlackConfig
from adapters.slack.endpoint import slack_routes
from adapters.slack.platform import SlackPlatform
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.secret import Secret
from tests.fakes.clock import FixedClock
from tests.fakes.recording_ingress import RecordingIngress
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack
from tests.fakes.slack_workspace import APP, BOT_TOKEN, TEAM

PHRASES = Phrases(loading_title="One moment", loading="Loading…", busy="Busy, press again.", not_for_you="Not for you.")


@dataclass
class SlackSide:
    """Slack on one side, the core on the other, the adapter between them."""

    slack: FakeSlack
    ingress: RecordingIngress
    platform: SlackPlatform
    client: httpx2.AsyncClient

    async def send(self, payload: dict[str, Any], **headers: str) -> httpx2.Response:
        """Send as Slack does, and let what runs beside the answer finish."""
        answer: httpx2.Response = await self.slack.send(self.client, payload, **headers)
        await self.platform.settled()
        return answer


def config(slack: FakeSlack, **changes: Any) -> SlackConfig:
    """The configuration for the fake's workspace."""
    plain: dict[str, Any] = {
        "signing_secrets": (SigningSecret(value=Secret(SIGNING_SECRET)),),
        "bot_token": Secret(BOT_TOKEN),
        "workspaces": frozenset({TEAM}),
        "phrases": PHRASES,
        "app_id": APP,
        "api_base_url": slack.api_base_url,
    }
    return SlackConfig(**plain | changes)


def identity(account: str, tenant: str = TEAM) -> ChannelIdentity:
    """The identity of a person of the fake's workspace."""
    return ChannelIdentity(platform=Platform.SLACK, tenant=tenant, account=account)


@asynccontextmanager
async def slack_side(clock: FixedClock, **changes: Any) -> AsyncIterator[SlackSide]:
    """Everything running for one test; `changes` go to the configuration."""
    ingress = RecordingIngress()
    async with FakeSlack(now=clock).running() as slack:
        settings = config(slack, **changes)
        platform = SlackPlatform(settings.bot_token, api_base_url=settings.api_base_url)
        app = Starlette(routes=slack_routes(settings, ingress=ingress, platform=platform, clock=clock))
        transport = httpx2.ASGITransport(app=app)
        try:
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
                yield SlackSide(slack=slack, ingress=ingress, platform=platform, client=client)
        finally:
            await platform.close()
