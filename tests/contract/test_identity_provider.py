"""The identity provider port, kept by the MSAL adapter against a real OpenID provider in its own process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from adapters.idp.demo.people import BY_USERNAME, PEOPLE, subject_of
from adapters.idp.demo_provider import DemoProvider
from adapters.idp.oidc import OidcProvider
from bot.errors import AccountRevoked, ProviderUnavailable, SignInRefused
from bot.ports.identity_provider import IdentityProvider, SignIn
from tests.fakes.person_at_provider import PersonAtProvider, SignInFailed

REDIRECT_URI = "http://127.0.0.1:9/signin/callback/demo"
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


def adapter(demo: DemoProvider) -> OidcProvider:
    return OidcProvider(
        name="demo",
        kind="oidc",
        authority=demo.issuer,
        transport_url=demo.transport_url,
        client_id=demo.client_id,
        client_secret=demo.client_secret,
    )


def provider_time(demo: DemoProvider) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=demo.ahead_seconds)


async def signed_in(
    identity: IdentityProvider,
    person: PersonAtProvider,
    demo: DemoProvider,
    username: str,
    *,
    max_age: int | None = None,
) -> SignIn:
    person.show(username)
    attempt = await identity.begin_sign_in(
        redirect_uri=REDIRECT_URI, state=f"state-of-{username}", login_hint=username, max_age=max_age
    )
    response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    return await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))


@pytest.mark.parametrize("username", sorted(BY_USERNAME))
async def test_everybody_signs_in_and_is_who_the_directory_says(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider, username: str
) -> None:
    claims = (await signed_in(identity, person, demo, username)).claims
    known = BY_USERNAME[username]
    assert (claims.issuer, claims.subject) == (demo.issuer, known.subject)
    assert (claims.username, claims.display_name, claims.email) == (username, known.name, known.email)
    assert claims.roles == frozenset(known.roles)
    assert (claims.department, claims.region) == (known.department, known.region)
    assert claims.manager == (subject_of(known.manager) if known.manager else None)
    assert claims.employee_number == known.employee_number
    assert claims.amr == ("pwd",)
    assert claims.auth_time is not None
    assert abs(claims.auth_time - provider_time(demo)) < timedelta(seconds=20)


def test_there_are_two_departments_and_two_regions() -> None:
    assert {person.department for person in PEOPLE} == {"sales", "support"}
    assert {person.region for person in PEOPLE} == {"eu", "us"}


@pytest.mark.requirement("18")
async def test_the_authorization_request_carries_state_nonce_and_a_hashed_verifier(identity: OidcProvider) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="s-1", login_hint=None)
    query = parse_qs(urlsplit(attempt.authorize_url).query)
    assert query["state"] == ["s-1"]
    assert query["response_type"] == ["code"]
    assert query["response_mode"] == ["query"]
    assert query["code_challenge_method"] == ["S256"]
    assert len(query["nonce"][0]) == 64
    assert query["nonce"][0] not in attempt.flow.decode().partition('"nonce"')[2], "the token holds only its hash"
    assert "code_verifier" not in attempt.authorize_url


@pytest.mark.requirement("18")
async def test_a_code_is_redeemed_once(identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="once", login_hint="john")
    response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    assert refused.value.code == "idp.code_refused"


@pytest.mark.requirement("18")
async def test_a_code_of_another_attempt_is_refused(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    theirs = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="same", login_hint="john")
    ours = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="same", login_hint="john")
    response = await asyncio.to_thread(person.sign_in, theirs.authorize_url, REDIRECT_URI)
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=ours.flow, response=response, now=provider_time(demo))
    assert refused.value.code == "idp.code_refused"


async def test_codes_that_nobody_redeemed_do_no_harm(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    """Canaille's memory backend took conditions for alternatives, and redeemed somebody else's code."""
    for username in ("john", "mia", "sarah", "sue"):
        person.show(username)
        attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="left", login_hint=username)
        await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    for username in ("raj", "john", "ada", "mia"):
        assert (await signed_in(identity, person, demo, username)).claims.username == username


async def test_a_wrong_password_signs_nobody_in(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="wrong", login_hint="john")
    with pytest.raises(SignInFailed):
        await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI, password="guess")
    assert "Login failed" in person.last_page


async def test_revalidation_brings_changed_roles_and_keeps_the_authentication_time(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    signed = await signed_in(identity, person, demo, "sue")
    demo.change("sue", roles=["employee"], region="us")
    try:
        demo.advance(600)
        again = await identity.revalidate(
            subject=signed.claims.subject, token_cache=signed.token_cache, now=provider_time(demo)
        )
    finally:
        demo.change("sue", roles=list(BY_USERNAME["sue"].roles), region="eu")
    assert again.claims.roles == {"employee"}
    assert again.claims.region == "us"
    assert again.claims.issued_at - signed.claims.issued_at >= timedelta(seconds=600)
    assert signed.claims.auth_time is not None
    assert again.claims.auth_time is not None
    assert abs(again.claims.auth_time - signed.claims.auth_time) < timedelta(seconds=1)


async def test_a_disabled_account_is_revoked_at_the_next_revalidation_and_cannot_sign_in(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    signed = await signed_in(identity, person, demo, "john")
    demo.disable("john")
    try:
        with pytest.raises(AccountRevoked):
            await identity.revalidate(
                subject=signed.claims.subject, token_cache=signed.token_cache, now=provider_time(demo)
            )
        with pytest.raises(SignInFailed):
            await signed_in(identity, person, demo, "john")
        assert "locked" in person.last_page
    finally:
        demo.enable("john")
    assert (await signed_in(identity, person, demo, "john")).claims.username == "john"


async def test_the_account_can_be_asked_about_again_and_again(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    """Refresh tokens rotate, and MSAL keeps HTTP 400 answers for a minute: neither may show."""
    signed = await signed_in(identity, person, demo, "mia")
    cache = signed.token_cache
    demo.disable("mia")
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=signed.claims.subject, token_cache=cache, now=provider_time(demo))
    demo.enable("mia")
    for _ in range(3):
        again = await identity.revalidate(subject=signed.claims.subject, token_cache=cache, now=provider_time(demo))
        assert again.token_cache != cache
        cache = again.token_cache


async def test_a_cache_of_somebody_else_is_no_revalidation(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    raj = await signed_in(identity, person, demo, "raj")
    with pytest.raises(AccountRevoked) as refused:
        await identity.revalidate(subject=subject_of("john"), token_cache=raj.token_cache, now=provider_time(demo))
    assert refused.value.code == "idp.subject_changed"


@pytest.mark.requirement("28")
async def test_a_revoked_grant_is_dead_at_the_provider(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    signed = await signed_in(identity, person, demo, "ada")
    assert await identity.revoke(token_cache=signed.token_cache) is True
    with pytest.raises(AccountRevoked):
        await identity.revalidate(
            subject=signed.claims.subject, token_cache=signed.token_cache, now=provider_time(demo)
        )


async def test_an_hour_passes_on_both_sides(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    signed = await signed_in(identity, person, demo, "john")
    demo.advance(3600)
    now = provider_time(demo)
    again = await identity.revalidate(subject=signed.claims.subject, token_cache=signed.token_cache, now=now)
    assert abs(again.claims.issued_at - now) < timedelta(seconds=20)
    fresh = await signed_in(identity, person, demo, "john", max_age=0)
    assert fresh.claims.auth_time is not None
    assert now - timedelta(seconds=1) <= fresh.claims.auth_time


async def test_a_maximum_age_asks_for_the_password_only_when_it_has_passed(
    identity: OidcProvider, person: PersonAtProvider, demo: DemoProvider
) -> None:
    await signed_in(identity, person, demo, "john")
    await signed_in(identity, person, demo, "john", max_age=300)
    assert person.passwords_typed == 1
    demo.advance(301)
    await signed_in(identity, person, demo, "john", max_age=300)
    assert person.passwords_typed == 2
    await signed_in(identity, person, demo, "john", max_age=0)
    assert person.passwords_typed == 3


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


async def test_ping_reaches_the_provider(identity: OidcProvider) -> None:
    await identity.ping()


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
