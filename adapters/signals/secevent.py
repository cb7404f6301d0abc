"""The proof that a security event token is this transmitter's, for us, and of now (RFC 8417 §2, RFC 8935 §2).

What must hold:

 1. it is a compact JWS of bounded size, typed `secevent+jwt`, without critical extensions;
 2. its algorithm is one of the allowed two: never `none`, never symmetric;
 3. its signature is good under the transmitter's key with that id and of that kind;
 4. the issuer is exactly the transmitter's;
 5. the audience has us in it;
 6. it was issued within the days that ids are remembered for, and not in the future; where it says when it ends,
    it has not;
 7. it has an id of bounded length;
 8. its events are an object of objects, at least one and not many.

That the id counts once is the database's part, in the transaction of the effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from adapters.signals.keys import TransmitterKeys
from adapters.signals.requests import Bearer
from bot.domain.identity import LinkedIdentity
from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.errors import Malformed

TOKEN_BYTES = 64 * 1024
HEADER_BYTES = 2048
ALGORITHMS = ("RS256", "ES256")
LEEWAY = timedelta(seconds=60)
OLDEST = timedelta(days=7)
"""A transmitter sends again what we did not take; ids are remembered for twice as long."""
ID_CHARACTERS = 255
EVENTS_AT_MOST = 16

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"
EVENTS: Mapping[str, SignalKind] = {
    f"{_CAEP}session-revoked": SignalKind.SESSION_REVOKED,
    f"{_CAEP}credential-change": SignalKind.CREDENTIAL_CHANGE,
    f"{_CAEP}token-claims-change": SignalKind.TOKEN_CLAIMS_CHANGE,
    f"{_CAEP}assurance-level-change": SignalKind.ASSURANCE_LEVEL_CHANGE,
    f"{_RISC}account-disabled": SignalKind.ACCOUNT_DISABLED,
    f"{_RISC}account-enabled": SignalKind.ACCOUNT_ENABLED,
    f"{_RISC}account-purged": SignalKind.ACCOUNT_PURGED,
    f"{_RISC}account-credential-change-required": SignalKind.CREDENTIAL_CHANGE,
    f"{_RISC}credential-compromise": SignalKind.CREDENTIAL_CHANGE,
    f"{_RISC}sessions-revoked": SignalKind.SESSION_REVOKED,
    "https://schemas.openid.net/secevent/ssf/event-type/verification": SignalKind.VERIFICATION,
    "https://schemas.openid.net/secevent/sse/event-type/verification": SignalKind.VERIFICATION,
}
"""What we know of CAEP 1.0, RISC 1.0 and the Shared Signals Framework; others are taken and have no effect."""


class SetRefused(Malformed):
    """A token that fails a check; `err` is the word of RFC 8935 §2.4 for it."""

    def __init__(self, err: str, detail: str) -> None:
        super().__init__(detail, code=f"signal.{err}")
        self.err = err


@dataclass(frozen=True, slots=True, kw_only=True)
class Transmitter:
    """One of the settings: who it is, for whom its tokens are, and whose people it may speak of."""

    source: SignalSource
    issuer: str
    audience: str
    keys: TransmitterKeys
    bearers: Sequence[Bearer] = field(repr=False)


async def verified(token: str, transmitter: Transmitter, now: datetime) -> Signal:
    """The signal of a token that holds. Raises `SetRefused`, `ProviderUnavailable`."""
    algorithm, key_id = _header(token)
    # Condition 3.
    key = await transmitter.keys.find(algorithm=algorithm, key_id=key_id)
    if key is None:
        raise SetRefused("invalid_key", "no key of the transmitter fits the token")
    try:
        claims = jwt.decode(token, key, registry=_registry(algorithm)).claims
    except (JoseError, ValueError, TypeError, RecursionError) as forged:
        raise SetRefused("invalid_key", "the signature is not the transmitter's") from forged
    # Conditions 4 and 5.
    if claims.get("iss") != transmitter.issuer:
        raise SetRefused("invalid_issuer", "the issuer is not the transmitter's")
    audience = claims.get("aud")
    if transmitter.audience not in (audience if isinstance(audience, list) else [audience]):
        raise SetRefused("invalid_audience", "the token is for somebody else")
    _check_times(claims, now)
    return Signal(source=transmitter.source, id=_id(claims), happenings=_happenings(claims, transmitter.source))


def _header(token: str) -> tuple[str, str | None]:
    """Conditions 1 and 2."""
    if len(token) > TOKEN_BYTES:
        raise SetRefused("invalid_request", "the token is too large")
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as malformed:
        raise SetRefused("invalid_request", "the token cannot be read") from malformed
    kind, algorithm, key_id = header.get("typ"), header.get("alg"), header.get("kid")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") != "secevent+jwt" or "crit" in header:
        raise SetRefused("invalid_request", "the token is not a security event token")
    if algorithm not in ALGORITHMS or not (key_id is None or isinstance(key_id, str)):
        raise SetRefused("invalid_key", "the token's algorithm is not one of those allowed")
    return algorithm, key_id


def _check_times(claims: Mapping[str, Any], now: datetime) -> None:
    """Condition 6."""
    issued_at, expires_at = _moment(claims, "iat"), _moment(claims, "exp")
    if issued_at is None or issued_at > now + LEEWAY:
        raise SetRefused("invalid_request", "the token comes from the future, or from no time")
    if issued_at < now - OLDEST or (expires_at is not None and now >= expires_at + LEEWAY):
        raise SetRefused("invalid_request", "the token is too old")


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SetRefused("invalid_request", f"{name} is not a date")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as absurd:
        raise SetRefused("invalid_request", f"{name} is not a date") from absurd


def _id(claims: Mapping[str, Any]) -> str:
    """Condition 7."""
    value = claims.get("jti")
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS or not value.isprintable():
        raise SetRefused("invalid_request", "the token has no id")
    return value


def _happenings(claims: Mapping[str, Any], source: SignalSource) -> tuple[Happening, ...]:
    """Condition 8, and what of it we know."""
    events = claims.get("events")
    if not isinstance(events, dict) or not 0 < len(events) <= EVENTS_AT_MOST:
        raise SetRefused("invalid_request", "the token has no events")
    if not all(isinstance(event, dict) for event in events.values()):
        raise SetRefused("invalid_request", "an event is not an object")
    return tuple(
        Happening(kind=EVENTS[name], subject=_subject(event.get("subject", claims.get("sub_id")), source))
        for name, event in events.items()
        if name in EVENTS
    )


def _subject(subject: object, source: SignalSource, *, deeper: bool = True) -> LinkedIdentity | None:
    """The person of a subject identifier (RFC 9493), by issuer and subject only: never by address or name."""
    if not isinstance(subject, dict):
        return None
    if deeper and isinstance(subject.get("user"), dict):
        return _subject(subject["user"], source, deeper=False)
    if deeper and isinstance(subject.get("identifiers"), list):
        found = [_subject(one, source, deeper=False) for one in subject["identifiers"][:EVENTS_AT_MOST]]
        return next((identity for identity in found if identity is not None), None)
    form = subject.get("format", subject.get("subject_type"))
    name = subject.get("sub")
    if form not in ("iss_sub", "iss-sub") or subject.get("iss") != source.issuer:
        return None
    if not isinstance(name, str) or not 0 < len(name) <= ID_CHARACTERS or not name.isprintable():
        return None
    return source.identity(name)


def _registry(*algorithms: str) -> jws.JWSRegistry:
    registry = jws.JWSRegistry(algorithms=list(algorithms), strict_check_header=False)
    registry.max_header_length = HEADER_BYTES
    return registry
