"""Notices a clock that was set back, and sees to it that what was over by then stays over.

The latest time that any replica saw is a mark in the database. Where the present is well before it, everything that was
over at the mark is ended as of the mark: sessions, handles and what waits under them, proofs. Then the present is the
mark, so that nobody is kept out for as long as the clock had been wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.domain.audit import EventType
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services.audit_trail import Scribe

MARK = "clock"
SKEW = timedelta(seconds=30)
"""The clocks of replicas differ by less."""
log = structlog.get_logger("doorward.clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockWatch:
    """Asked before the sweep of sessions, and run as a job by every replica."""

    database: Database
    clock: Clock

    def set_back(self, tx: Transaction) -> datetime | None:
        """The time until which everything is over, where the clock was set back; else None, and the time is noted."""
        now, known = self.clock.now(), tx.jobs.mark(MARK)
        latest = None if known is None else datetime.fromisoformat(known)
        if latest is not None and now < latest - SKEW:
            return latest
        if latest is None or now > latest:
            tx.jobs.set_mark(MARK, now.isoformat())
        return None

    def settle(self, tx: Transaction, latest: datetime) -> None:
        """Void what was over by `latest`, let the jobs run again, and write it down; sessions are the sweep's."""
        now = self.clock.now()
        log.critical("clock_set_back", seconds=int((latest - now).total_seconds()))
        tx.interactions.sweep(latest)
        tx.proofs.void_between(now, latest)
        tx.jobs.forget_after(now)
        tx.jobs.set_mark(MARK, now.isoformat())
        scribe = Scribe(time=now, channel="scheduler", correlation="", principal="")
        tx.audit.append(scribe.event(EventType.CLOCK_SET_BACK, decision="alarm", code="clock.set_back"))
