"""The demonstration's provider: what it does beyond the identity provider port, for one browser with many people."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from adapters.idp.demo.people import PEOPLE
from adapters.idp.demo_provider import DemoProvider
from adapters.idp.oidc import OidcProvider
from bot.errors import ProviderUnavailable
from tests.contract.test_identity_provider import REDIRECT_URI, adapter, signed_in
from tests.fakes.person_at_provider import PersonAtProvider

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoProvider]:
    with DemoProvider.start(redirect_uris=[REDIRECT_URI]) as provider:
        yield provider


@pytest.fixture
async def identity(demo: DemoProvider) -> AsyncIterator[OidcProvider]:
    provider = adapter(demo)
    yield provider
    await provider.close()


@pytest.fixture
def person() -> Iterator[PersonAtProvider]:
    with PersonAtProvider() as at_provider:
        yield at_provider


def test_there_are_two_departments_and_two_regions() -> None:
    assert {person.department for person in PEOPLE} == {"sales", "support"}
    assert {person.region for person in PEOPLE} == {"eu", "us"}


async def test_two_people_have_two_sessions_in_one_browser(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    for username in ("john", "mia", "john", "mia"):
        assert (await signed_in(identity, person, demo, username)).claims.username == username
    assert person.passwords_typed == 2
    names = {cookie.name for cookie in person.browser.cookies.jar}
    assert {"idp_session_john", "idp_session_mia"} <= names
    assert not {"session", "canaille", "provider_session"} & names


async def test_opening_the_login_page_by_name_is_no_authentication(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    """Canaille counts a switch between open sessions as a fresh login; the demo's provider does not."""
    await signed_in(identity, person, demo, "john")
    demo.advance(301)
    page = person.browser.get(f"{demo.transport_url}/login/john")
    assert page.headers["Location"].endswith("/auth/password")
    await signed_in(identity, person, demo, "john", max_age=300)
    assert person.passwords_typed == 2


async def test_the_login_page_helps(identity: OidcProvider, person: PersonAtProvider) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="help", login_hint=None)
    names = person.browser.get(attempt.authorize_url, follow_redirects=True)
    assert 'data-testid="sign-in-as-raj"' in names.text
    password = person.browser.get(names.url.join("/login/raj"), follow_redirects=True)
    assert 'data-testid="demo-password"' in password.text
    assert 'value="demo"' in password.text


async def test_the_provider_says_where_a_browser_ends_its_session(identity: OidcProvider, demo: DemoProvider) -> None:
    url = await identity.end_session_url()
    assert url == f"{demo.transport_url}/oauth/end_session?client_id=doorward"


@pytest.mark.requirement("30")
async def test_a_provider_that_has_gone_is_unavailable(person: PersonAtProvider) -> None:
    with DemoProvider.start(redirect_uris=[REDIRECT_URI]) as gone:
        identity = adapter(gone)
        signed = await signed_in(identity, person, gone, "john")
    with pytest.raises(ProviderUnavailable):
        await identity.ping()
    with pytest.raises(ProviderUnavailable):
        await identity.revalidate(subject="s", token_cache=signed.token_cache, now=datetime.now(UTC))
    await identity.close()


def test_an_unknown_account_cannot_be_disabled(demo: DemoProvider) -> None:
    with pytest.raises(ProviderUnavailable, match="KeyError"):
        demo.disable("nobody")
    demo.enable("john")


def test_the_provider_answers_on_loopback_only(demo: DemoProvider) -> None:
    table = Path(f"/proc/{demo.pid}/net/tcp").read_text().splitlines()[1:]
    local = [line.split()[1] for line in table if int(line.split()[1].partition(":")[2], 16) == demo.port]
    assert local
    assert {address.partition(":")[0] for address in local} == {"0100007F"}


def test_a_secret_is_in_no_argument_and_no_environment(demo: DemoProvider) -> None:
    seen = Path(f"/proc/{demo.pid}/cmdline").read_bytes() + Path(f"/proc/{demo.pid}/environ").read_bytes()
    assert demo.client_secret.encode() not in seen


def test_the_provider_dies_with_whoever_started_it() -> None:
    program = (
        "import os, sys\n"
        "from adapters.idp.demo_provider import DemoProvider\n"
        "provider = DemoProvider.start(redirect_uris=[])\n"
        "print(provider.port, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    port = int(killed.stdout)
    assert killed.returncode == -9
    with httpx2.Client(trust_env=False, timeout=3.0) as client:
        for _ in range(200):
            try:
                client.get(f"http://127.0.0.1:{port}/.well-known/openid-configuration")
            except httpx2.ConnectError:
                return
            except httpx2.TransportError:
                continue  # going down while it was asked
    pytest.fail("the provider still answers")
