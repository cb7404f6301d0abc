"""The proof that an ID token is the provider's, for us, for this sign-in and for now (OpenID Connect Core §3.1.3.7).

MSAL stopped checking ID tokens in 1.38, so everything is checked here. What must hold:

 1. it is a compact JWS of bounded size, typed as a JWT or not at all, without critical extensions;
 2. its algorithm is one of those configured: never `none`, never symmetric;
 3. its signature is good under the provider's key with that id and of that kind;
 4. a tenant, where tenants are configured, is one of them;
 5. the issuer is exactly the provider's (of that tenant);
 6. the audience is us, and where it is not us alone, we are the authorized party;
 7. it has not expired, and it does say when it will;
 8. it was issued lately, and not in the future; it is valid already;
 9. it names a subject;
10. the nonce is the one of this sign-in;
11. the authentication is as fresh as was asked for;
12. the authentication context is one of those asked for.

The key is found by the caller between (2) and (3), because that may need the network.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key

from adapters.idp.metadata import ProviderMetadata
from bot.errors import SignInRefused

TOKEN_BYTES = 32 * 1024
HEADER_BYTES = 2048
LEEWAY = timedelta(seconds=60)
"""Between the provider's clock and ours."""
OLDEST = timedelta(minutes=10)
"""A token answers the request just made; an older one was kept by somebody."""
SUBJECT_CHARACTERS = 255
UNTYPED = "JWT"
TYPES = frozenset({UNTYPED, "jwt"})
ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What of the header is used: to choose a key, not yet trusted."""

    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What this token has to fit."""

    metadata: ProviderMetadata
    client_id: str
    tenants: frozenset[str] = frozenset()
    nonce: str | None = field(default=None, repr=False)
    """As it stands in the token; None on a refresh, where there is none (OpenID Connect Core §12.2)."""
    max_age: int | None = None
    acr_values: tuple[str, ...] = ()


def read_header(token: str, algorithms: frozenset[str], types: frozenset[str] = TYPES) -> Header:
    """(1) and (2): the header of a token worth looking for a key for; raises SignInRefused."""
    if len(token) > TOKEN_BYTES:
        raise SignInRefused("the ID token is too large", code="idp.bad_token")
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as malformed:
        raise SignInRefused("the ID token cannot be read", code="idp.bad_token") from malformed
    kind = header.get("typ", UNTYPED)
    if not isinstance(kind, str) or kind not in types or "crit" in header:
        raise SignInRefused("the token is not an ID token", code="idp.bad_token")
    algorithm, key_id = header.get("alg"), header.get("kid")
    if algorithm not in algorithms & ASYMMETRIC:
        raise SignInRefused("the ID token's algorithm is not one of those configured", code="idp.bad_algorithm")
    if key_id is not None and not isinstance(key_id, str):
        raise SignInRefused("the ID token's key id cannot be read", code="idp.bad_token")
    return Header(algorithm=algorithm, key_id=key_id)


def verify(token: str, header: Header, key: Key, expected: Expectation, now: datetime) -> Claims:
    """(3) to (12): the claims of a token that holds; raises SignInRefused with the code of the first that does not."""
    claims = signed_claims(token, header, key)
    check_issuer(claims, expected)
    _check_audience(claims, expected.client_id)
    check_times(claims, now)
    _check_subject(claims)
    _check_nonce(claims, expected.nonce)
    _check_authentication(claims, expected, now)
    return claims


def signed_claims(token: str, header: Header, key: Key) -> Claims:
    """(3); raises SignInRefused."""
    try:
        return jwt.decode(token, key, registry=_registry(header.algorithm)).claims
    except (JoseError, ValueError, TypeError, RecursionError) as forged:
        raise SignInRefused("the ID token's signature is not the provider's", code="idp.bad_signature") from forged


def check_issuer(claims: Claims, expected: Expectation) -> None:
    """(4) and (5); raises SignInRefused."""
    tenant = claims.get("tid")
    if expected.tenants and tenant not in expected.tenants:
        raise SignInRefused("the tenant is not one of those configured", code="idp.tenant")
    if claims.get("iss") != expected.metadata.issuer_for(tenant if isinstance(tenant, str) else None):
        raise SignInRefused("the issuer is not the provider", code="idp.wrong_issuer")


def _check_audience(claims: Claims, client_id: str) -> None:
    """(6)."""
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or client_id not in audiences:
        raise SignInRefused("the token is for somebody else", code="idp.wrong_audience")
    authorized_party = claims.get("azp")
    if authorized_party != client_id and (authorized_party is not None or len(audiences) > 1):
        raise SignInRefused("the token was issued to somebody else", code="idp.wrong_audience")


def check_times(claims: Claims, now: datetime) -> None:
    """(7) and (8); raises SignInRefused."""
    expires_at, issued_at = moment(claims, "exp"), moment(claims, "iat")
    if expires_at is None or now >= expires_at + LEEWAY:
        raise SignInRefused("the token has expired", code="idp.expired")
    if issued_at is None or issued_at > now + LEEWAY:
        raise SignInRefused("the token comes from the future", code="idp.issued_in_future")
    if issued_at < now - OLDEST:
        raise SignInRefused("the token is not a fresh one", code="idp.stale")
    not_before = moment(claims, "nbf")
    if not_before is not None and not_before > now + LEEWAY:
        raise SignInRefused("the token is not valid yet", code="idp.issued_in_future")


def _check_subject(claims: Claims) -> None:
    """(9)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_CHARACTERS or not subject.isprintable():
        raise SignInRefused("the token names no subject", code="idp.no_subject")


def _check_nonce(claims: Claims, expected: str | None) -> None:
    """(10)."""
    if expected is None:
        return
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.encode()):
        raise SignInRefused("the token belongs to another sign-in", code="idp.nonce")


def _check_authentication(claims: Claims, expected: Expectation, now: datetime) -> None:
    """(11) and (12)."""
    auth_time = moment(claims, "auth_time")
    if auth_time is not None and auth_time > now + LEEWAY:
        raise SignInRefused("the authentication lies in the future", code="idp.auth_time")
    if expected.max_age is not None and (
        auth_time is None or now > auth_time + timedelta(seconds=expected.max_age) + LEEWAY
    ):
        raise SignInRefused("the authentication is older than was asked for", code="idp.auth_too_old")
    if expected.acr_values and not set(expected.acr_values) & contexts(claims):
        raise SignInRefused("the authentication context is not the one asked for", code="idp.acr")


def _registry(*algorithms: str) -> jws.JWSRegistry:
    """Header parameters that are not understood are ignored (RFC 7515 §4); the library by itself refuses them."""
    registry = jws.JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    registry.max_header_length = HEADER_BYTES
    return registry


def saved_claims(token: str) -> Claims:
    """The claims of a token nobody verified here: one verified when it was saved, or one told apart before it is."""
    try:
        claims = json.loads(jws.extract_compact(token.encode("ascii"), registry=_registry()).payload)
    except (JoseError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


def contexts(claims: Claims) -> frozenset[str]:
    """The authentication contexts a token asserts: `acr`, and Entra's `acrs`."""
    several = claims.get("acrs")
    found = [claims.get("acr"), *(several if isinstance(several, list) else [several])]
    return frozenset(value for value in found if isinstance(value, str))


def moment(claims: Claims, name: str) -> datetime | None:
    """A NumericDate (RFC 7519 §2) as a time, None where there is none; raises SignInRefused for anything else."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SignInRefused(f"{name} is not a date", code="idp.bad_token")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as absurd:
        raise SignInRefused(f"{name} is not a date", code="idp.bad_token") from absurd
