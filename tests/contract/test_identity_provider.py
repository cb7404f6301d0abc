"""The identity provider port, kept by the MSAL adapter against a real OpenID provider in its own process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import pytest

from adapters.idp.demo.people import BY_USERNAME, subject_of
from adapters.idp.demo_provider import DemoProvider
from adapters.idp.oidc import OidcProvider
from bot.errors import AccountRevoked, SignInRefused
from bot.ports.identity_provider import IdentityProvider, SignIn
from tests.fakes.person_at_provider import PersonAtProvider, SignInFailed
from tests.node_provider import node_provider

REDIRECT_URI = "http://127.0.0.1:9/signin/callback/demo"


class RealProvider(Protocol):
    """A provider in a process of its own, whose directory a test can change."""

    issuer: str
    transport_url: str
    client_id: str
    client_secret: str
    ahead_seconds: float

    def disable(self, username: str) -> None: ...

    def enable(self, username: str) -> None: ...

    def change(self, username: str, **fields: Any) -> None: ...

    def advance(self, seconds: float) -> None: ...


@pytest.fixture(scope="module", params=["Canaille", "oidc-provider"])
def demo(request: pytest.FixtureRequest) -> Iterator[RealProvider]:
    if request.param == "Canaille":
        with DemoProvider.start(redirect_uris=[REDIRECT_URI]) as canaille:
            yield canaille
    else:
        with node_provider([REDIRECT_URI]) as from_npm:
            yield from_npm


@pytest.fixture
async def identity(demo: RealProvider) -> AsyncIterator[OidcProvider]:
    provider = adapter(demo)
    yield provider
    await provider.close()


@pytest.fixture
def person() -> Iterator[PersonAtProvider]:
    with PersonAtProvider(one_each=True) as at_provider:
        yield at_provider


def adapter(demo: RealProvider) -> OidcProvider:
    return OidcProvider(
        name="demo",
        kind="oidc",
        authority=demo.issuer,
        transport_url=demo.transport_url,
        client_id=demo.client_id,
        client_secret=demo.client_secret,
    )


def provider_time(demo: RealProvider) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=demo.ahead_seconds)


async def signed_in(
    identity: IdentityProvider,
    person: PersonAtProvider,
    demo: RealProvider,
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
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider, username: str
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


async def test_a_claims_challenge_goes_to_the_provider_and_is_no_statement_of_it(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    """The npm provider knows the `claims` parameter, Canaille passes over it; who it is stays the provider's word."""
    wanted = '{"id_token":{"email":{"essential":true}},"userinfo":{"name":null}}'
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="more", login_hint="john", claims=wanted)
    asked = parse_qs(urlsplit(attempt.authorize_url).query)["claims"][0]
    assert json.loads(asked) == json.loads(wanted)
    response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    done = await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    assert (done.claims.username, done.claims.email) == ("john", BY_USERNAME["john"].email)


async def test_a_claims_challenge_that_names_somebody_else_signs_nobody_else_in(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    wanted = json.dumps({"id_token": {"sub": {"essential": True, "value": BY_USERNAME["mia"].subject}}})
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="her", login_hint="john", claims=wanted)
    try:
        response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
        done = await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    except (SignInFailed, SignInRefused):
        return
    assert done.claims.username == "john"


@pytest.mark.requirement("18")
async def test_a_code_is_redeemed_once(identity: OidcProvider, person: PersonAtProvider, demo: RealProvider) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="once", login_hint="john")
    response = await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=attempt.flow, response=response, now=provider_time(demo))
    assert refused.value.code == "idp.code_refused"


@pytest.mark.requirement("18")
async def test_a_code_of_another_attempt_is_refused(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    theirs = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="same", login_hint="john")
    ours = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="same", login_hint="john")
    response = await asyncio.to_thread(person.sign_in, theirs.authorize_url, REDIRECT_URI)
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=ours.flow, response=response, now=provider_time(demo))
    assert refused.value.code == "idp.code_refused"


async def test_codes_that_nobody_redeemed_do_no_harm(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    """Canaille's memory backend took conditions for alternatives, and redeemed somebody else's code."""
    for username in ("john", "mia", "sarah", "sue"):
        person.show(username)
        attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="left", login_hint=username)
        await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI)
    for username in ("raj", "john", "ada", "mia"):
        assert (await signed_in(identity, person, demo, username)).claims.username == username


async def test_a_wrong_password_signs_nobody_in(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="wrong", login_hint="john")
    with pytest.raises(SignInFailed):
        await asyncio.to_thread(person.sign_in, attempt.authorize_url, REDIRECT_URI, password="guess")
    assert "Login failed" in person.last_page


async def test_revalidation_brings_changed_roles_and_keeps_the_authentication_time(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
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
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
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
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
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
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    raj = await signed_in(identity, person, demo, "raj")
    with pytest.raises(AccountRevoked) as refused:
        await identity.revalidate(subject=subject_of("john"), token_cache=raj.token_cache, now=provider_time(demo))
    assert refused.value.code == "idp.subject_changed"


@pytest.mark.requirement("28")
async def test_a_revoked_grant_is_dead_at_the_provider(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    signed = await signed_in(identity, person, demo, "ada")
    assert await identity.revoke(token_cache=signed.token_cache) is True
    with pytest.raises(AccountRevoked):
        await identity.revalidate(
            subject=signed.claims.subject, token_cache=signed.token_cache, now=provider_time(demo)
        )


async def test_an_hour_passes_on_both_sides(
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
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
    identity: OidcProvider, person: PersonAtProvider, demo: RealProvider
) -> None:
    await signed_in(identity, person, demo, "john")
    await signed_in(identity, person, demo, "john", max_age=300)
    assert person.passwords_typed == 1
    demo.advance(301)
    await signed_in(identity, person, demo, "john", max_age=300)
    assert person.passwords_typed == 2
    await signed_in(identity, person, demo, "john", max_age=0)
    assert person.passwords_typed == 3


async def test_ping_reaches_the_provider(identity: OidcProvider) -> None:
    await identity.ping()
