"""The adapter against providers that lie, break and hang; the honest one is in `tests/contract`."""

from __future__ import annotations

import asyncio
import json
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from adapters.idp.oidc import OidcProvider
from bot.errors import AccountRevoked, DoorwardError, Misconfigured, ProviderUnavailable, SignInRefused
from bot.ports.identity_provider import SignIn
from tests.fakes.clock import FixedClock
from tests.fakes.openid_provider import (
    AUTHORITY,
    CLIENT_ID,
    CLIENT_SECRET,
    SUBJECT,
    FakeOpenIdProvider,
    fake_openid_provider,
)

REDIRECT_URI = "http://127.0.0.1:9/signin/callback/corp"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
ENTRA = f"https://login.microsoftonline.com/{TENANT}"
TOLD_WITHIN_SECONDS = 3.0


@pytest.fixture
def fake(clock: FixedClock) -> Iterator[FakeOpenIdProvider]:
    with fake_openid_provider(clock) as provider:
        yield provider


@pytest.fixture
async def identity(fake: FakeOpenIdProvider) -> AsyncIterator[OidcProvider]:
    provider = adapter(fake)
    yield provider
    await provider.close()


def adapter(fake: FakeOpenIdProvider, **settings: Any) -> OidcProvider:
    usual: dict[str, Any] = {
        "name": "corp",
        "kind": "oidc",
        "authority": AUTHORITY,
        "transport_url": fake.transport_url,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "role_claims": {"roles": {"staff": "employee", "boss": "line_manager"}},
    }
    return OidcProvider(**(usual | settings))


async def sign_in(identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime, **request: Any) -> SignIn:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st", **request)
    return await identity.complete_sign_in(flow=attempt.flow, response=fake.authorize(attempt.authorize_url), now=now)


async def refusal(identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime, **request: Any) -> str:
    with pytest.raises(SignInRefused) as refused:
        await sign_in(identity, fake, now, **request)
    return refused.value.code


async def test_an_honest_provider_signs_in(identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime) -> None:
    signed = await sign_in(identity, fake, now)
    assert (signed.claims.issuer, signed.claims.subject) == (AUTHORITY, SUBJECT)
    assert signed.claims.roles == {"employee"}


def changing(**changes: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {name: value for name, value in (claims | changes).items() if value is not None}


@pytest.mark.requirement("22")
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example"}, "idp.wrong_issuer"),
        ({"aud": "another-client"}, "idp.wrong_audience"),
        ({"exp": None}, "idp.expired"),
        ({"exp": 1}, "idp.expired"),
        ({"iat": 4102444800}, "idp.issued_in_future"),
        ({"nonce": "replayed"}, "idp.nonce"),
        ({"nonce": None}, "idp.nonce"),
        ({"sub": ""}, "idp.no_subject"),
        ({"sub": None}, "idp.bad_token"),
    ],
    ids=str,
)
async def test_msal_would_take_it_and_we_do_not(
    changes: dict[str, Any], code: str, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.claims = changing(**changes)
    assert await refusal(identity, fake, now) == code


@pytest.mark.requirement("22")
async def test_a_forged_signature_with_administrator_roles_is_refused(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.signing_key = RSAKey.generate_key(2048, {"kid": "first"})
    fake.manners.claims = changing(roles=["administrator"])
    assert await refusal(identity, fake, now) == "idp.bad_signature"


@pytest.mark.requirement("22")
@pytest.mark.parametrize("broken", ["", "x", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_broken_id_token_is_refused(
    broken: str, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.token = lambda _token: broken
    assert await refusal(identity, fake, now) in {"idp.bad_token", "idp.nonce", "idp.no_id_token"}


@pytest.mark.requirement("22")
async def test_an_unsigned_token_with_the_right_claims_is_refused(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.token = lambda token: "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."
    assert await refusal(identity, fake, now) == "idp.bad_algorithm"


async def test_an_algorithm_is_allowed_by_configuration_only(fake: FakeOpenIdProvider, now: datetime) -> None:
    fake.manners.algorithm = "RS512"
    strict, open_to_it = adapter(fake), adapter(fake, algorithms=["RS512"])
    assert await refusal(strict, fake, now) == "idp.bad_algorithm"
    assert (await sign_in(open_to_it, fake, now)).claims.subject == SUBJECT
    await strict.close()
    await open_to_it.close()


async def test_rotated_keys_are_seen_at_once_and_forged_key_ids_do_not_make_us_fetch_again(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    await sign_in(identity, fake, now)
    fetched = fake.requests.count("GET /keys")
    fake.manners.key_id, fake.manners.signing_key = "forged", RSAKey.generate_key(2048)
    for _ in range(3):
        assert await refusal(identity, fake, now) == "idp.unknown_key"
    assert fake.requests.count("GET /keys") == fetched, "the keys are younger than the pause"


@pytest.mark.requirement("18")
@pytest.mark.parametrize("state", ["another", "", None])
async def test_a_response_with_another_state_is_refused_and_no_code_is_sent(
    state: str | None, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="ours")
    response = fake.authorize(attempt.authorize_url) | ({"state": state} if state is not None else {})
    if state is None:
        del response["state"]
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=attempt.flow, response=response, now=now)
    assert refused.value.code == "idp.state"
    assert "POST /token" not in fake.requests


@pytest.mark.requirement("21")
@pytest.mark.parametrize("issuer", ["https://evil.example", f"{AUTHORITY}/", "", None])
async def test_a_response_of_another_issuer_is_a_mix_up(
    issuer: str | None, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="ours")
    response = fake.authorize(attempt.authorize_url)
    del response["iss"]
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(
            flow=attempt.flow, response=response | ({} if issuer is None else {"iss": issuer}), now=now
        )
    assert refused.value.code == "idp.iss_response"
    assert "POST /token" not in fake.requests, "the code must not reach the wrong provider"


async def test_a_provider_that_never_promised_it_may_leave_the_issuer_out(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.metadata = {"authorization_response_iss_parameter_supported": False}
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="ours")
    response = fake.authorize(attempt.authorize_url)
    del response["iss"]
    signed = await identity.complete_sign_in(flow=attempt.flow, response=response, now=now)
    assert signed.claims.subject == SUBJECT


@pytest.mark.requirement("21")
async def test_the_response_of_one_provider_ends_no_sign_in_at_another(
    identity: OidcProvider, fake: FakeOpenIdProvider, clock: FixedClock, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    with fake_openid_provider(clock, authority="https://other.example/corp") as other:
        second = adapter(other, name="other", authority="https://other.example/corp")
        with pytest.raises(SignInRefused) as refused:
            await second.complete_sign_in(flow=attempt.flow, response=other.authorize(attempt.authorize_url), now=now)
        assert refused.value.code == "idp.state"
        with pytest.raises(SignInRefused) as refused:
            await identity.complete_sign_in(flow=attempt.flow, response=other.authorize(attempt.authorize_url), now=now)
        assert refused.value.code == "idp.iss_response"
        await second.close()


@pytest.mark.parametrize("error", ["access_denied", "login_required", "nonsense"])
async def test_a_person_who_was_not_signed_in_is_refused(
    error: str, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    for response in ({"state": "st", "iss": AUTHORITY, "error": error}, {"state": "st", "iss": AUTHORITY}):
        with pytest.raises(SignInRefused) as refused:
            await identity.complete_sign_in(flow=attempt.flow, response=response, now=now)
        assert refused.value.code == "idp.denied"


async def test_a_provider_that_cannot_at_present_is_unavailable(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    response = {"state": "st", "iss": AUTHORITY, "error": "temporarily_unavailable"}
    with pytest.raises(ProviderUnavailable):
        await identity.complete_sign_in(flow=attempt.flow, response=response, now=now)


async def test_a_maximum_age_is_sent_and_checked(
    identity: OidcProvider, fake: FakeOpenIdProvider, clock: FixedClock, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st", max_age=0)
    assert "max_age=0" in attempt.authorize_url
    fake.manners.claims = changing(auth_time=int((now - timedelta(minutes=5)).timestamp()))
    assert await refusal(identity, fake, now, max_age=0) == "idp.auth_too_old"
    assert await refusal(identity, fake, now, max_age=239) == "idp.auth_too_old"
    assert (await sign_in(identity, fake, now, max_age=300)).claims.subject == SUBJECT
    fake.manners.claims = changing(auth_time=None)
    assert await refusal(identity, fake, now, max_age=300) == "idp.auth_too_old"


async def test_an_authentication_context_is_asked_for_in_both_ways_and_checked(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st", acr_values=("phr",))
    assert "acr_values=phr" in attempt.authorize_url
    assert "claims=%7B%22id_token%22" in attempt.authorize_url
    assert await refusal(identity, fake, now, acr_values=("phr",)) == "idp.acr"
    fake.manners.claims = changing(acr="phr")
    assert (await sign_in(identity, fake, now, acr_values=("phr",))).claims.acr == "phr"


async def test_a_refresh_brings_changed_roles_and_an_authentication_no_younger(
    identity: OidcProvider, fake: FakeOpenIdProvider, clock: FixedClock, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    later = clock.advance(minutes=30)
    fake.manners.claims = changing(roles=["boss", "unknown"])  # this provider says it authenticated just now
    again = await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=later)
    assert again.claims.roles == {"line_manager"}
    assert again.claims.auth_time == signed.claims.auth_time == now
    assert again.claims.issued_at == later


async def test_a_rotated_refresh_token_is_never_used_twice(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    cache = (await sign_in(identity, fake, now)).token_cache
    first = cache
    for _ in range(3):
        cache = (await identity.revalidate(subject=SUBJECT, token_cache=cache, now=now)).token_cache
        assert len(json.loads(cache)["RefreshToken"]) == 1
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=SUBJECT, token_cache=first, now=now)


async def test_a_saved_cache_holds_no_access_token(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    again = await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)
    for cache in (signed.token_cache, again.token_cache):
        assert "AccessToken" not in json.loads(cache)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("invalid_grant", AccountRevoked),
        ("interaction_required", AccountRevoked),
        ("invalid_client", ProviderUnavailable),
        ("unauthorized_client", ProviderUnavailable),
    ],
)
async def test_what_a_refused_refresh_means(
    error: str, expected: type[DoorwardError], identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    fake.manners.token_error = (400, {"error": error})
    with pytest.raises(expected):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)


async def test_a_refusal_is_not_remembered(identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime) -> None:
    """MSAL by itself answers from memory for a minute after an HTTP 400."""
    signed = await sign_in(identity, fake, now)
    fake.manners.token_error = (400, {"error": "invalid_grant"})
    with pytest.raises(AccountRevoked):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)
    fake.manners.token_error = None
    again = await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)
    assert again.claims.subject == SUBJECT


async def test_a_refresh_without_proof_is_no_revalidation(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    cache = (await sign_in(identity, fake, now)).token_cache
    fake.manners.id_token_on_refresh = False
    with pytest.raises(ProviderUnavailable) as refused:
        await identity.revalidate(subject=SUBJECT, token_cache=cache, now=now)
    assert refused.value.code == "idp.no_id_token"


@pytest.mark.requirement("22")
async def test_a_forged_refresh_is_no_revalidation(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    cache = (await sign_in(identity, fake, now)).token_cache
    fake.manners.signing_key = RSAKey.generate_key(2048, {"kid": "first"})
    with pytest.raises(ProviderUnavailable) as refused:
        await identity.revalidate(subject=SUBJECT, token_cache=cache, now=now)
    assert refused.value.code == "idp.bad_signature"


@pytest.mark.requirement("22")
async def test_a_refresh_cannot_turn_into_somebody_else(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    cache = (await sign_in(identity, fake, now)).token_cache
    fake.manners.claims = changing(sub="another")
    with pytest.raises(AccountRevoked) as refused:
        await identity.revalidate(subject=SUBJECT, token_cache=cache, now=now)
    assert refused.value.code == "idp.subject_changed"


async def test_a_cache_without_a_grant_cannot_be_asked_with(identity: OidcProvider, now: datetime) -> None:
    with pytest.raises(AccountRevoked) as refused:
        await identity.revalidate(subject=SUBJECT, token_cache=b"{}", now=now)
    assert refused.value.code == "idp.no_grant"


@pytest.mark.requirement("28")
async def test_revocation_names_the_refresh_token_and_nothing_else(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    (grant,) = fake.grants
    assert await identity.revoke(token_cache=signed.token_cache) is True
    assert fake.revoked == [grant]


@pytest.mark.requirement("28")
async def test_a_provider_without_revocation_says_so(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    fake.manners.metadata = {"revocation_endpoint": None}
    signed = await sign_in(identity, fake, now)
    assert await identity.revoke(token_cache=signed.token_cache) is False


@pytest.mark.requirement("30")
@pytest.mark.parametrize("fault", ["hangs", "redirects", "garbage"])
async def test_a_faulty_provider_is_unavailable_within_three_seconds(
    fault: str, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    response = fake.authorize(attempt.authorize_url)
    setattr(fake.manners, fault, True)
    cold = adapter(fake)
    began = time.monotonic()
    outcomes = await asyncio.gather(
        cold.begin_sign_in(redirect_uri=REDIRECT_URI, state="st"),
        identity.complete_sign_in(flow=attempt.flow, response=response, now=now),
        identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now),
        identity.ping(),
        return_exceptions=True,
    )
    assert time.monotonic() - began < TOLD_WITHIN_SECONDS
    assert [type(outcome) for outcome in outcomes] == [ProviderUnavailable] * 4
    await cold.close()


@pytest.mark.requirement("28")
@pytest.mark.parametrize("fault", ["hangs", "redirects"])
async def test_a_revocation_that_did_not_arrive_can_be_tried_again(
    fault: str, fake: FakeOpenIdProvider, now: datetime
) -> None:
    hasty = adapter(fake, deadline_seconds=0.5)
    signed = await sign_in(hasty, fake, now)
    setattr(fake.manners, fault, True)
    with pytest.raises(ProviderUnavailable):
        await hasty.revoke(token_cache=signed.token_cache)
    setattr(fake.manners, fault, False)
    assert await hasty.revoke(token_cache=signed.token_cache) is True
    await hasty.close()


@pytest.mark.requirement("30")
async def test_more_people_than_threads_are_told_in_time_too(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    fake.manners.hangs = True
    began = time.monotonic()
    outcomes = await asyncio.gather(
        *(identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now) for _ in range(30)),
        return_exceptions=True,
    )
    assert time.monotonic() - began < TOLD_WITHIN_SECONDS
    assert {type(outcome) for outcome in outcomes} == {ProviderUnavailable}


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_provider_in_trouble_is_unavailable(
    status: int, identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime
) -> None:
    signed = await sign_in(identity, fake, now)
    fake.manners.token_error = (status, {"error": "invalid_grant"})
    with pytest.raises(ProviderUnavailable):
        await identity.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "https://evil.example/keys"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"token_endpoint": None},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
async def test_metadata_that_points_elsewhere_is_not_followed(
    metadata: dict[str, Any], identity: OidcProvider, fake: FakeOpenIdProvider
) -> None:
    fake.manners.metadata = metadata
    with pytest.raises(ProviderUnavailable) as refused:
        await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    assert refused.value.code == "idp.metadata"


async def test_entra_takes_people_of_the_configured_tenants_only(clock: FixedClock, now: datetime) -> None:
    with fake_openid_provider(clock, authority=ENTRA) as fake:
        fake.issuer = f"{ENTRA}/v2.0"
        entra = adapter(fake, kind="entra", authority=ENTRA, tenant_ids=[TENANT])
        fake.manners.claims = changing(tid=TENANT)
        signed = await sign_in(entra, fake, now)
        assert (signed.claims.issuer, signed.claims.tenant) == (f"{ENTRA}/v2.0", TENANT)
        again = await entra.revalidate(subject=SUBJECT, token_cache=signed.token_cache, now=now)
        assert again.claims.subject == SUBJECT
        fake.manners.claims = changing(tid="another")
        assert await refusal(entra, fake, now) == "idp.tenant"
        fake.manners.claims = changing()
        assert await refusal(entra, fake, now) == "idp.tenant"
        assert set(fake.requests) == {
            "GET /v2.0/.well-known/openid-configuration",
            "GET /keys",
            "POST /token",
        }, "no instance discovery at Microsoft"
        await entra.close()


async def test_entra_is_asked_for_continuous_evaluation_and_an_offline_grant(clock: FixedClock) -> None:
    with fake_openid_provider(clock, authority=ENTRA) as fake:
        fake.issuer = f"{ENTRA}/v2.0"
        entra = adapter(fake, kind="entra", authority=ENTRA, tenant_ids=[TENANT])
        attempt = await entra.begin_sign_in(redirect_uri=REDIRECT_URI, state="st", acr_values=("c1",))
        assert "offline_access" in attempt.authorize_url
        assert "xms_cc" in attempt.authorize_url
        assert "CP1" in attempt.authorize_url
        assert "acrs" in attempt.authorize_url
        assert "acr_values" not in attempt.authorize_url
        await entra.close()


@pytest.mark.parametrize(
    ("offered", "setting", "asked"),
    [(True, None, True), (False, None, False), (True, False, False), (False, True, True)],
)
async def test_an_offline_grant_is_asked_for_where_it_is_offered_or_configured(
    offered: bool, setting: bool | None, asked: bool, fake: FakeOpenIdProvider
) -> None:
    fake.manners.metadata = {"scopes_supported": ["openid", *(["offline_access"] if offered else [])]}
    identity = adapter(fake, offline_access=setting)
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st")
    assert ("offline_access" in attempt.authorize_url) is asked
    await identity.close()


async def test_an_authority_without_a_path_and_with_a_slash_at_its_end_works(clock: FixedClock, now: datetime) -> None:
    """Auth0's issuer ends in a slash, its authority has no path, and MSAL takes neither."""
    with fake_openid_provider(clock, authority="https://tenant.auth0.example") as fake:
        fake.issuer = "https://tenant.auth0.example/"
        identity = adapter(fake, authority="https://tenant.auth0.example/")
        assert (await sign_in(identity, fake, now)).claims.issuer == "https://tenant.auth0.example/"
        await identity.close()


@pytest.mark.requirement("71")
async def test_no_secret_stands_in_a_refusal(
    identity: OidcProvider, fake: FakeOpenIdProvider, now: datetime, caplog: pytest.LogCaptureFixture
) -> None:
    fake.manners.claims = changing(nonce="replayed", email="john@corp.example")
    attempt = await identity.begin_sign_in(redirect_uri=REDIRECT_URI, state="st", max_age=1)
    response = fake.authorize(attempt.authorize_url)
    with pytest.raises(SignInRefused) as refused:
        await identity.complete_sign_in(flow=attempt.flow, response=response, now=now)
    said = "".join(traceback.format_exception(refused.value)) + caplog.text
    flow = json.loads(attempt.flow)["msal"]
    for secret in (response["code"], flow["code_verifier"], flow["nonce"], CLIENT_SECRET, "john@corp.example"):
        assert secret not in said


@pytest.mark.parametrize(
    "settings",
    [
        {"authority": "http://idp.example/corp"},
        {"transport_url": "http://10.0.0.7:8080"},
        {"transport_url": "http://127.0.0.1.evil.example:80"},
        {"transport_url": "http://127.0.0.1:80@evil.example"},
        {"algorithms": []},
        {"algorithms": ["RS256", "none"]},
        {"algorithms": ["HS256"]},
        {"client_secret": None},
        {"client_secret": ""},
        {"client_certificate": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----"},
        {"client_secret": None, "client_certificate": "no PEM"},
        {"kind": "entra"},
        {"role_claims": {"roles": {"staff": "god"}}},
    ],
    ids=str,
)
def test_settings_that_cannot_be_trusted_are_refused(settings: dict[str, Any], fake: FakeOpenIdProvider) -> None:
    with pytest.raises(Misconfigured):
        adapter(fake, **settings)
