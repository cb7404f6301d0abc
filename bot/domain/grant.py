"""Grants: a right made for one call. Only `bot.services.authorization` makes one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.identity import LinkedIdentity

GRANT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsGrant:
    """The right to learn a resource's facts, and nothing else; given by the policy action `resolve`."""

    identity: LinkedIdentity
    employee: str | None
    ref: ResourceRef
    correlation: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The right to do one canonical action once; its MAC is over every field, and it is spent in the database."""

    id: str
    identity: LinkedIdentity
    employee: str | None
    action: CanonicalAction
    digest: str
    policy_hash: str
    issued_at: datetime
    until: datetime
    correlation: str
    mac: str

    @property
    def idempotency_key(self) -> str:
        """The same on every attempt at this effect: what a connector hands on, or searches for."""
        return f"dw-{self.id}"
