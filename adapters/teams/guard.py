"""Stands in front of botbuilder and lets through only what Teams sent, to us, from our tenants.

What must hold before anything else sees a request, in this order:

 1. it does not announce a body over `MAX_BODY_BYTES`, else 413
 2. one Bearer token of bounded size; its header says RS256, names a key by id and carries no key or address of a key,
    else 401
 3. the key of that id is one the Bot Framework publishes at the configured address, else 401
 4. the signature is good under that key, else 401
 5. issuer and audience are the configured ones, `exp` is there and not past, `nbf` is not ahead (five minutes of skew
    at the most), and there is a `serviceurl` claim, else 401
 6. the body is not over the limit, else 413; it is strict UTF-8 JSON, an object, not too deep, sent as such, else 400
 7. the activity's channel is Teams and the key is endorsed for it, else 403
 8. the activity's service address is the claim's and its host is on the list, else 403
 9. the tenant is on the list, and is named once, else 403

The token does not cover the body: it is a bearer token that Teams uses for many activities. What stops a replay is the
inbox, by activity id. Who it is, and whether a guest, the caller has to find out (`people`).
See: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from adapters.teams.config import CHANNEL, TeamsConfig
from adapters.teams.parsing import Headers, Payload, part, text_of
from adapters.teams.signing_keys import SigningKey, SigningKeys
from bot.errors import NotAllowed, NotProven

SKEW_SECONDS = 300
TOKEN_BYTES = 8 * 1024
KEY_ID_CHARACTERS = 128
MAX_DATE = 253_402_300_799
"""The end of the year 9999; NaN is not within it either."""
ALGORITHM = "RS256"

_FOLLOWED = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"})
"""What a header might lead a verifier to; the Bot Framework sends none of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A token that holds, and the key that signed it."""

    service: str
    endorsements: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An activity that passed every condition; what was checked stands beside it and is not read from it again."""

    activity: Payload
    tenant: str
    service: str


async def prove(headers: Headers, config: TeamsConfig, keys: SigningKeys, now: datetime) -> Proof:
    """Conditions 2 to 5. Raises `NotProven`, or `PlatformUnavailable` when no keys can be had."""
    token = _bearer(headers)
    signing_key = await keys.find(_key_id(token))
    claims = _signed_claims(token, signing_key)
    _check_parties(claims, config)
    _check_times(claims, now)
    service = claims.get("serviceurl")
    if not isinstance(service, str) or not service:
        raise NotProven("serviceurl")
    return Proof(service=service, endorsements=signing_key.endorsements)


def admit(activity: Payload, proof: Proof, config: TeamsConfig) -> Admitted:
    """Conditions 7 to 9. Raises `NotAllowed`, or `Malformed` where a part is not of its type."""
    # (7) endorsements are the only thing that ties the token to a channel, and every other channel lets its own users
    # say who they are
    if text_of(activity, "channelId") != CHANNEL or CHANNEL not in proof.endorsements:
        raise NotAllowed("channel", code="ingress.channel")
    # (8) exactly, as a prefix or another spelling could be somebody else's
    service = text_of(activity, "serviceUrl")
    if service != proof.service or not config.serves(service):
        raise NotAllowed("serviceUrl", code="ingress.service_url")
    # (9) both places where Teams says it agree
    tenant = text_of(part(part(activity, "channelData"), "tenant"), "id").lower()
    elsewhere = text_of(part(activity, "conversation"), "tenantId").lower()
    if elsewhere not in {"", tenant} or not config.admits(tenant):
        raise NotAllowed("tenant")
    return Admitted(activity=activity, tenant=tenant, service=service)


def _bearer(headers: Headers) -> bytes:
    """(2)"""
    values = [value for name, value in headers if name == b"authorization"]
    scheme, _, token = (values[0] if len(values) == 1 else b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token or len(token) > TOKEN_BYTES:
        raise NotProven("authorization")
    return token


def _key_id(token: bytes) -> str:
    """(2)"""
    try:
        header = jws.extract_compact(token).headers()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as unreadable:
        raise NotProven("token") from unreadable
    key_id = header.get("kid")
    if header.get("alg") != ALGORITHM or header.keys() & _FOLLOWED or header.get("typ", "JWT") != "JWT":
        raise NotProven("header")
    if not isinstance(key_id, str) or not 0 < len(key_id) <= KEY_ID_CHARACTERS:
        raise NotProven("kid")
    return key_id


def _signed_claims(token: bytes, signing_key: SigningKey) -> Mapping[str, Any]:
    """(4)"""
    try:
        return jwt.decode(token, signing_key.key, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as forged:
        raise NotProven("signature") from forged


def _check_parties(claims: Mapping[str, Any], config: TeamsConfig) -> None:
    """(5)"""
    if claims.get("iss") != config.issuer:
        raise NotProven("issuer")
    if claims.get("aud") != config.app_id:
        raise NotProven("audience")


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """(5)"""
    seconds = now.timestamp()
    if seconds >= _date(claims, "exp") + SKEW_SECONDS:
        raise NotProven("expired")
    if "nbf" in claims and seconds < _date(claims, "nbf") - SKEW_SECONDS:
        raise NotProven("not yet")


def _date(claims: Mapping[str, Any], name: str) -> float:
    """A NumericDate (RFC 7519 §2)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_DATE <= value <= MAX_DATE:
        raise NotProven(name)
    return float(value)
