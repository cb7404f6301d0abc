"""What every machine's way in begins with: a bounded body, and a bearer credential compared by its hash.

What must hold before anything is read (RFC 6750 §2.1):

1. there is one Authorization header, of the Bearer scheme;
2. the token's hash is, in constant time, that of a credential in force.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from starlette.requests import Request

from bot.errors import Malformed, NotProven, TooLarge

BODY_SECONDS = 5

Rejected = Callable[[str, str], Awaitable[None]]
"""Notes a refusal: the way in, and its code. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """A credential as it is kept in memory: its hash, and when it ends."""

    digest: bytes = field(repr=False)
    until: datetime | None = None

    @classmethod
    def of(cls, token: str, until: datetime | None = None) -> Bearer:
        """The credential of a token, which is at least 128 random bits, so that a plain hash is enough."""
        return cls(digest=_digest(token), until=until)

    def matches(self, digest: bytes, now: datetime) -> bool:
        """Whether this is the token of that hash, and still in force."""
        return hmac.compare_digest(self.digest, digest) and (self.until is None or now < self.until)


class Credentialed(Protocol):
    """Somebody who shows a credential."""

    @property
    def bearers(self) -> Sequence[Bearer]:
        """The credentials of theirs; two while one is being changed."""
        ...


Sender = TypeVar("Sender", bound=Credentialed)


def sender_of(request: Request, senders: Iterable[Sender], now: datetime) -> Sender:
    """Who sends this. Raises `NotProven` unless conditions 1 and 2 hold."""
    # Condition 1.
    values = request.headers.getlist("authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise NotProven("no bearer token")
    # Condition 2.
    digest = _digest(token.strip())
    matching = [sender for sender in senders if any(bearer.matches(digest, now) for bearer in sender.bearers)]
    if len(matching) != 1:
        raise NotProven("unknown bearer token")
    return matching[0]


async def read_body(request: Request, limit: int) -> bytes:
    """The body, never more than allowed. Raises `TooLarge`, or `Malformed` when it does not come."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise TooLarge("body")
    except TimeoutError as late:
        raise Malformed("the body did not arrive") from late
    return bytes(body)


def content_type(request: Request) -> str:
    """The media type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
