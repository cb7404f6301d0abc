"""Passkeys as the browser speaks them: options out, responses in (W3C Web Authentication Level 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.domain.passkey import Passkey


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A credential whose creation was verified."""

    id: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]


class WebAuthn(Protocol):
    """Verifies for one relying party; user verification is always required."""

    def creation_options(self, *, challenge: bytes, account: str, handle: bytes, bound: Sequence[Passkey]) -> str:
        """JSON for `navigator.credentials.create`; authenticators that hold one of `bound` refuse."""
        ...

    def request_options(self, *, challenge: bytes, allowed: Sequence[Passkey]) -> str:
        """JSON for `navigator.credentials.get`, limited to these credentials."""
        ...

    def created(self, response: str, *, challenge: bytes) -> NewCredential:
        """The credential of a creation (WebAuthn §7.1). Raises `NotProven`."""
        ...

    def named(self, response: str) -> str:
        """The credential id a response claims to be of; unverified. Raises `NotProven`."""
        ...

    def asserted(self, response: str, *, challenge: bytes, passkey: Passkey) -> int:
        """The signature counter of an assertion by this passkey (WebAuthn §7.2). Raises `NotProven`."""
        ...
