"""Every condition of `adapters.idp.id_token`, each broken alone, with tokens signed by keys of our own."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from adapters.idp.id_token import (
    LEEWAY,
    OLDEST,
    Claims,
    Expectation,
    contexts,
    moment,
    read_header,
    saved_claims,
    verify,
)
from adapters.idp.metadata import ProviderMetadata
from bot.errors import SignInRefused

ISSUER = "https://idp.example/corp"
CLIENT = "doorward"
NONCE = "n-0S6_WzA2Mj"
ALLOWED = frozenset({"RS256"})
KEY = RSAKey.generate_key(2048, {"kid": "k1"})
FOREIGN_KEY = RSAKey.generate_key(2048, {"kid": "k1"})

pytestmark = pytest.mark.requirement("22")


def metadata(issuer: str = ISSUER) -> ProviderMetadata:
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        jwks_uri=f"{ISSUER}/keys",
        revocation_endpoint=None,
        revocation_auth_methods=(),
        end_session_endpoint=None,
        iss_parameter_promised=True,
        scopes=frozenset(),
    )


EXPECTED = Expectation(metadata=metadata(), client_id=CLIENT, nonce=NONCE)


def honest(now: datetime, **changes: Any) -> dict[str, Any]:
    issued = int(now.timestamp())
    claims: dict[str, Any] = {"iss": ISSUER, "sub": "24400320", "aud": CLIENT, "exp": issued + 300, "iat": issued}
    claims |= {"nonce": NONCE, "auth_time": issued} | changes
    return {name: value for name, value in claims.items() if value is not ...}


def signed(claims: dict[str, Any], *, key: Key = KEY, **header: Any) -> str:
    full = {"alg": "RS256", "kid": "k1"} | header
    return jwt.encode(full, claims, key, [full["alg"]])


def check(token: str, now: datetime, *, key: Key = KEY, expected: Expectation = EXPECTED) -> Claims:
    return verify(token, read_header(token, ALLOWED), key, expected, now)


def code_of(token: str, now: datetime, **options: Any) -> str:
    with pytest.raises(SignInRefused) as refused:
        check(token, now, **options)
    return refused.value.code


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)]
    return f"{parts[0]}.{parts[1]}.{signature}"


def test_an_honest_token_holds(now: datetime) -> None:
    assert check(signed(honest(now)), now)["sub"] == "24400320"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://evil.example"}, "idp.wrong_issuer"),
        ({"iss": f"{ISSUER}/"}, "idp.wrong_issuer"),
        ({"iss": ...}, "idp.wrong_issuer"),
        ({"iss": [ISSUER]}, "idp.wrong_issuer"),
        ({"aud": "somebody-else"}, "idp.wrong_audience"),
        ({"aud": f"{CLIENT} "}, "idp.wrong_audience"),
        ({"aud": []}, "idp.wrong_audience"),
        ({"aud": ...}, "idp.wrong_audience"),
        ({"aud": {CLIENT: True}}, "idp.wrong_audience"),
        ({"aud": [CLIENT, "somebody-else"]}, "idp.wrong_audience"),
        ({"aud": [CLIENT, "somebody-else"], "azp": "somebody-else"}, "idp.wrong_audience"),
        ({"azp": "somebody-else"}, "idp.wrong_audience"),
        ({"exp": ...}, "idp.expired"),
        ({"exp": "tomorrow"}, "idp.bad_token"),
        ({"exp": True}, "idp.bad_token"),
        ({"exp": 10**30}, "idp.bad_token"),
        ({"iat": ...}, "idp.issued_in_future"),
        ({"iat": "now"}, "idp.bad_token"),
        ({"sub": ...}, "idp.no_subject"),
        ({"sub": ""}, "idp.no_subject"),
        ({"sub": 24400320}, "idp.no_subject"),
        ({"sub": "x" * 256}, "idp.no_subject"),
        ({"sub": "a\nb"}, "idp.no_subject"),
        ({"nonce": "another"}, "idp.nonce"),
        ({"nonce": ...}, "idp.nonce"),
        ({"nonce": 7}, "idp.nonce"),
        ({"nonce": "ñ"}, "idp.nonce"),
    ],
    ids=str,
)
def test_one_broken_claim_breaks_the_token(changes: dict[str, Any], code: str, now: datetime) -> None:
    assert code_of(signed(honest(now, **changes)), now) == code


def test_several_audiences_hold_when_we_are_the_authorized_party(now: datetime) -> None:
    token = signed(honest(now, aud=[CLIENT, "an-api"], azp=CLIENT))
    assert check(token, now)["azp"] == CLIENT


def test_times_are_held_to_the_leeway_and_not_a_second_more(now: datetime) -> None:
    issued = int(now.timestamp())
    leeway = int(LEEWAY.total_seconds())
    assert check(signed(honest(now, exp=issued - leeway + 1)), now)
    assert code_of(signed(honest(now, exp=issued - leeway)), now) == "idp.expired"
    assert check(signed(honest(now, iat=issued + leeway)), now)
    assert code_of(signed(honest(now, iat=issued + leeway + 1)), now) == "idp.issued_in_future"
    assert code_of(signed(honest(now, nbf=issued + leeway + 1)), now) == "idp.issued_in_future"
    oldest = issued - int(OLDEST.total_seconds())
    assert check(signed(honest(now, iat=oldest)), now)
    assert code_of(signed(honest(now, iat=oldest - 1)), now) == "idp.stale"


def test_another_key_with_the_same_name_is_a_forgery(now: datetime) -> None:
    assert code_of(signed(honest(now), key=FOREIGN_KEY), now) == "idp.bad_signature"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_part_of_the_token_can_be_changed(part: int, now: datetime) -> None:
    ours, theirs = signed(honest(now)).split("."), signed(honest(now, sub="root"), typ="jwt").split(".")
    ours[part] = theirs[part]
    assert code_of(".".join(ours), now) == "idp.bad_signature"


def test_an_unsigned_token_is_refused(now: datetime) -> None:
    for algorithm in ("none", "None", "NONE", ""):
        assert code_of(unsigned({"alg": algorithm}, honest(now)), now) == "idp.bad_algorithm"
    assert code_of(unsigned({"alg": "RS256", "kid": "k1"}, honest(now)), now) == "idp.bad_signature"


def test_the_public_key_is_no_shared_secret(now: datetime) -> None:
    """The classic confusion: HS256 with the provider's public key, in each form a library might use, as the secret."""
    forms = (KEY.as_pem(private=False), KEY.as_der(private=False), json.dumps(KEY.as_dict(private=False)).encode())
    for form in forms:
        secret = OctKey.import_key(base64.urlsafe_b64encode(form).rstrip(b"=").decode())
        header = {"alg": "HS256", "kid": "k1"}
        token = jws.serialize_compact(header, json.dumps(honest(now)).encode(), secret, ["HS256"])
        assert code_of(token, now) == "idp.bad_algorithm"


def test_a_symmetric_algorithm_is_refused_even_when_configured(now: datetime) -> None:
    secret = OctKey.generate_key(256)
    token = signed(honest(now), key=secret, alg="HS256")
    with pytest.raises(SignInRefused) as refused:
        read_header(token, frozenset({"HS256", "none"}))
    assert refused.value.code == "idp.bad_algorithm"


def test_an_algorithm_that_is_not_configured_is_refused(now: datetime) -> None:
    assert code_of(signed(honest(now), alg="RS512"), now) == "idp.bad_algorithm"


def test_a_key_of_another_kind_verifies_nothing(now: datetime) -> None:
    token = signed(honest(now))
    for key in (ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")):
        assert code_of(token, now, key=key) == "idp.bad_signature"


def test_another_kind_of_token_is_no_id_token(now: datetime) -> None:
    for kind in ("logout+jwt", "at+jwt", "secevent+jwt"):
        assert code_of(signed(honest(now), typ=kind), now) == "idp.bad_token"
    assert code_of(unsigned({"alg": "RS256", "kid": "k1", "typ": ["JWT"]}, honest(now), "AA"), now) == "idp.bad_token"


def test_a_header_may_have_what_we_do_not_know_up_to_a_size(now: datetime) -> None:
    def token(extra: str) -> str:
        registry = jws.JWSRegistry(algorithms=["RS256"], strict_check_header=False)
        header = {"alg": "RS256", "kid": "k1", "pi.atm": extra}
        return jwt.encode(header, honest(now), KEY, registry=registry)

    assert check(token("x" * 1000), now)["sub"] == "24400320"
    assert code_of(token("x" * 4000), now) == "idp.bad_token"


def test_a_critical_extension_is_refused(now: datetime) -> None:
    header = {"alg": "RS256", "kid": "k1", "crit": ["exp"], "exp": 1}
    assert code_of(unsigned(header, honest(now), "AA"), now) == "idp.bad_token"


def test_a_key_in_the_header_is_not_looked_at(now: datetime) -> None:
    token = signed(honest(now), key=FOREIGN_KEY, jwk=FOREIGN_KEY.as_dict(private=False))
    assert code_of(token, now) in {"idp.bad_signature", "idp.bad_token"}


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é.é.é", "x" * 40_000, "e30.e30.e30"])
def test_what_is_no_token_is_refused(token: str, now: datetime) -> None:
    assert code_of(token, now) in {"idp.bad_token", "idp.bad_algorithm"}


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=50))
def test_nothing_but_a_refusal_comes_of_noise(header: str, payload: str, signature: str) -> None:
    parts = [base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in (header, payload, signature)]
    with pytest.raises(SignInRefused):
        read_header(".".join(parts), ALLOWED)
    with pytest.raises(SignInRefused):
        read_header(f"{header}.{payload}.{signature}", ALLOWED)


def test_a_payload_that_is_no_object_is_refused(now: datetime) -> None:
    for payload in (b"[]", b'"sub"', b"nonsense", b"\xff\xfe", b"1"):
        token = jws.serialize_compact({"alg": "RS256", "kid": "k1"}, payload, KEY, ["RS256"])
        assert code_of(token, now) == "idp.bad_signature"


def test_a_tenant_must_be_one_of_ours_and_fill_the_issuer(now: datetime) -> None:
    entra = metadata("https://login.microsoftonline.com/{tenantid}/v2.0")
    expected = Expectation(metadata=entra, client_id=CLIENT, tenants=frozenset({"t1", "t2"}), nonce=NONCE)

    def token(tenant: Any, issuer_tenant: str) -> str:
        return signed(honest(now, tid=tenant, iss=f"https://login.microsoftonline.com/{issuer_tenant}/v2.0"))

    assert check(token("t1", "t1"), now, expected=expected)["tid"] == "t1"
    assert code_of(token("t1", "t2"), now, expected=expected) == "idp.wrong_issuer"
    assert code_of(token("evil", "evil"), now, expected=expected) == "idp.tenant"
    assert code_of(token("evil", "t1"), now, expected=expected) == "idp.tenant"
    assert code_of(token(..., "t1"), now, expected=expected) == "idp.tenant"
    assert code_of(token("t1", "{tenantid}"), now, expected=expected) == "idp.wrong_issuer"


def test_a_maximum_age_needs_an_authentication_time_that_young(now: datetime) -> None:
    expected = Expectation(metadata=metadata(), client_id=CLIENT, nonce=NONCE, max_age=300)
    oldest = int((now - timedelta(seconds=300) - LEEWAY).timestamp())
    assert check(signed(honest(now, auth_time=oldest)), now, expected=expected)
    assert code_of(signed(honest(now, auth_time=oldest - 1)), now, expected=expected) == "idp.auth_too_old"
    assert code_of(signed(honest(now, auth_time=...)), now, expected=expected) == "idp.auth_too_old"
    assert check(signed(honest(now, auth_time=...)), now)


def test_an_authentication_in_the_future_is_refused_always(now: datetime) -> None:
    late = int((now + LEEWAY).timestamp()) + 1
    assert code_of(signed(honest(now, auth_time=late)), now) == "idp.auth_time"


def test_an_authentication_context_that_was_asked_for_must_come_back(now: datetime) -> None:
    expected = Expectation(metadata=metadata(), client_id=CLIENT, nonce=NONCE, acr_values=("phr", "c1"))
    assert check(signed(honest(now, acr="phr")), now, expected=expected)
    assert check(signed(honest(now, acrs=["c0", "c1"])), now, expected=expected)
    assert code_of(signed(honest(now, acr="pwd")), now, expected=expected) == "idp.acr"
    assert code_of(signed(honest(now, acr=["phr"])), now, expected=expected) == "idp.acr"
    assert code_of(signed(honest(now)), now, expected=expected) == "idp.acr"


def test_a_refreshed_token_has_no_nonce_and_needs_none(now: datetime) -> None:
    expected = Expectation(metadata=metadata(), client_id=CLIENT)
    assert check(signed(honest(now, nonce=...)), now, expected=expected)


def test_an_expectation_does_not_print_its_nonce() -> None:
    assert NONCE not in repr(EXPECTED)


def test_contexts_and_moments_ignore_what_they_cannot_mean() -> None:
    assert contexts({"acr": 3, "acrs": "c1"}) == {"c1"}
    assert contexts({}) == frozenset()
    assert moment({}, "exp") is None
    fraction = moment({"exp": 1.5}, "exp")
    assert fraction is not None
    assert fraction.timestamp() == 1.5


def test_claims_of_a_saved_token_are_read_without_a_key(now: datetime) -> None:
    assert saved_claims(signed(honest(now)))["sub"] == "24400320"
    assert saved_claims("nonsense") == {}
