"""Passkeys as values (WebAuthn Level 2): a credential, what it signs, and when its counter tells of a copy."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from bot.domain.identity import LinkedIdentity
from bot.domain.proof import ProofMethod

NONCE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A bound credential."""

    id: str
    """The credential id, base64url without padding."""
    identity: LinkedIdentity
    name: str
    public_key: bytes
    """As the authenticator gave it (COSE)."""
    sign_count: int
    transports: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None = None
    counts_from: datetime | None = None
    """Before this it satisfies nothing."""

    @property
    def method(self) -> ProofMethod:
        """What kind of proof it gives."""
        return ProofMethod.PASSKEY

    @property
    def confirmed_at(self) -> datetime | None:
        """A passkey is bound by what confirms it."""
        return self.created_at

    @property
    def disabled(self) -> bool:
        """There is nothing to guess, so none is switched off."""
        return False


def challenge_for(nonce: bytes, signs: str) -> bytes:
    """What the authenticator signs: SHA-256 over the server's nonce and the digest of what is consented to."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a nonce has a fixed length, so that nothing of what is signed can pass for part of it")
    return hashlib.sha256(nonce + signs.encode()).digest()


def counter_went_on(before: int, after: int) -> bool:
    """Whether a signature counter tells of no copy (WebAuthn §7.2 step 21): one that never counted says nothing."""
    return after > before or before == after == 0
