"""What was refused at the way in, written down; limited, so that a flood cannot fill the log."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import structlog

from bot.domain.audit import EventType
from bot.errors import DoorwardError
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.services.audit_trail import Scribe

A_MINUTE = 120
"""Audit events; refusals beyond that are only counted."""

log = structlog.get_logger("doorward.ingress")


@dataclass(slots=True, kw_only=True)
class Rejections:
    """The refusals of one process."""

    database: Database
    clock: Clock
    _minute: int = 0
    _written: int = 0
    _dropped: int = 0

    async def write(self, platform: str, code: str) -> None:
        """One audit event, unless there were too many in this minute. Never raises."""
        now = self.clock.now()
        minute = int(now.timestamp()) // 60
        if self._minute != minute:
            if self._dropped:
                log.warning("rejections_not_written", count=self._dropped)
            self._minute, self._written, self._dropped = minute, 0, 0
        if self._written >= A_MINUTE:
            self._dropped += 1
            return
        self._written += 1
        scribe = Scribe(time=now, channel=platform, correlation=secrets.token_hex(8))
        event = scribe.event(EventType.INGRESS_REJECTED, decision="deny", code=code)
        try:
            await self.database.write(lambda tx: tx.audit.append(event))
        except DoorwardError:
            log.warning("rejection_not_written", platform=platform, code=code)
