"""Builds audit events, so that every service writes the same words for the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import AuditEvent, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class Scribe:
    """The part of an event that stays the same through one message."""

    time: datetime
    channel: str
    correlation: str
    principal: str = ""

    def event(
        self,
        type: EventType,  # noqa: A002 - the contract's word
        *,
        action: str = "",
        resource: str = "",
        decision: str = "",
        rules: tuple[str, ...] = (),
        policy_hash: str = "",
        code: str = "",
        digest: str = "",
        principal: str | None = None,
        time: datetime | None = None,
    ) -> AuditEvent:
        """One event."""
        return AuditEvent(
            time=time or self.time,
            type=type,
            principal=self.principal if principal is None else principal,
            channel=self.channel,
            action=action,
            resource=resource,
            decision=decision,
            rules=rules,
            policy_hash=policy_hash,
            correlation=self.correlation,
            code=code,
            digest=digest,
        )
