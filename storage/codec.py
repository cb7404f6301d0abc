"""Between domain values and what columns hold: moments, identities, lists, and whole values as versioned JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from bot.domain.identity import ChannelIdentity, Issuer, LinkedIdentity, Platform, Subject
from bot.errors import IntegrityAlarm

T = TypeVar("T")
FORM = b"1"
"""First byte of every packed value: a later form can be told from this one."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970. Raises TypeError for a naive time."""
    return (moment - _EPOCH) // _MICROSECOND


def to_moment(micros: int) -> datetime:
    """The moment in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def optional_micros(moment: datetime | None) -> int | None:
    """Microseconds, if there is a moment."""
    return None if moment is None else to_micros(moment)


def optional_moment(micros: int | None) -> datetime | None:
    """The moment, if there is one."""
    return None if micros is None else to_moment(micros)


def channel_key(channel: ChannelIdentity) -> str:
    """The column form of a chat account. Raises ValueError where two accounts could share one key."""
    if ":" in channel.tenant:
        raise ValueError("a tenant holds no colon")
    return channel.key


def to_channel(key: str) -> ChannelIdentity:
    """The chat account of a key; an account may hold colons, platform and tenant do not."""
    platform, tenant, account = key.split(":", 2)
    return ChannelIdentity(platform=Platform(platform), tenant=tenant, account=account)


def identity_key(identity: LinkedIdentity) -> str:
    """The column form of an identity. An issuer has no fragment (OpenID Connect Core §2). Raises ValueError."""
    if "#" in identity.issuer:
        raise ValueError("an issuer holds no fragment")
    return identity.key


def to_identity(key: str) -> LinkedIdentity:
    """The identity of a key."""
    issuer, subject = key.split("#", 1)
    return LinkedIdentity(issuer=Issuer(issuer), subject=Subject(subject))


def to_json(value: object) -> str:
    """Compact JSON with sorted keys; of strings, integers and lists it is the canonical form of RFC 8785."""
    return _encoder.encode(value)


def words_to_json(words: Iterable[str]) -> str:
    """A list of words."""
    return _encoder.encode(list(words))


def words(text: str) -> tuple[str, ...]:
    """The words of a list."""
    return tuple(json.loads(text))


class Packed(Generic[T]):
    """One type of value as versioned bytes; the validator is built once."""

    def __init__(self, kind: type[T]) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)

    def pack(self, value: T) -> bytes:
        """The bytes."""
        return FORM + self._adapter.dump_json(value)

    def unpack(self, packed: bytes) -> T:
        """The value. Raises `IntegrityAlarm` for what is not of this type and form."""
        if packed[:1] != FORM:
            raise IntegrityAlarm("a stored value is of an unknown form")
        try:
            return self._adapter.validate_json(packed[1:])
        except ValidationError:
            # The cause would quote the value.
            raise IntegrityAlarm("a stored value does not fit its type") from None
