"""Proofs of presence: a second factor counts once, for one consent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import LinkedIdentity


class ProofMethod(StrEnum):
    """How somebody proves it is really them, now. The order is the order in which they are offered."""

    PROVIDER = "provider"
    PASSKEY = "passkey"
    TOTP = "totp"


class ConsentKind(StrEnum):
    """What one proof opens; policy names it (annotation `@consent`)."""

    PER_ACTION = "per_action"
    OWN_READING = "own_reading"


PROOF_SECONDS = 300
"""A proof for one action is spent within five minutes or not at all."""
OWN_READING_SECONDS = 600
"""One proof opens a named set of one's own data for ten minutes, in that session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A verified second factor, bound to a digest (per action) or to a named set (own reading)."""

    id: str
    identity: LinkedIdentity
    method: ProofMethod
    phishing_resistant: bool
    kind: ConsentKind
    binding: str
    """The digest of the canonical action, or `<session id hash>:<set name>` for one's own reading."""
    at: datetime
    until: datetime
    src_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """A bound TOTP authenticator; the seed stays sealed in storage (`AuthenticatorStore.seed`)."""

    id: str
    identity: LinkedIdentity
    method: ProofMethod
    name: str
    created_at: datetime
    confirmed_at: datetime | None
    last_step: int
    failures: int
    """Consecutive failures; at a hundred the authenticator is disabled (NIST SP 800-63B-4 §3.2.2)."""
    disabled: bool
    counts_from: datetime | None = None
    """Before this it satisfies nothing."""
    chat_failures: int = 0
    """Those of the failures that came from the chat, since the last code that was right."""
