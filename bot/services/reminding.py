"""Tells those who review of every use of break-glass, at once and then once a day. A job of `bot.jobs`."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.domain.audit import EventType
from bot.domain.outbound import OutboxItem
from bot.errors import IntegrityAlarm
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.mail import WaitingLetter
from bot.services import break_glass, break_glass_cards
from bot.services.audit_trail import Scribe
from bot.services.delivery import Delivery
from bot.services.letters import Letterbox

LOOKED = "break_glass_looked_for"
"""The mark that says on which day it was last compared with the log."""
log = structlog.get_logger("doorward.reminding")


class Reminding:
    """Composed once; keeps nothing between runs."""

    def __init__(self, *, database: Database, clock: Clock, delivery: Delivery, letterbox: Letterbox) -> None:
        self._database = database
        self._clock = clock
        self._delivery = delivery
        self._letterbox = letterbox

    async def run(self) -> int:
        """Remind of what waits for a review; of how many."""
        now, told = self._clock.now(), 0
        if await self._database.read(lambda tx: tx.jobs.mark(LOOKED)) != now.date().isoformat():
            await self._database.write(self._look_for_missing)
        for use in await self._database.read(lambda tx: tx.break_glass.unreviewed()):
            if use.to_remind(now):
                items, letters = await self._database.write(lambda tx, one=use.id: self._tell(tx, one))  # type: ignore[misc]  # a loop's own value
                await self._delivery.send(items)
                await self._letterbox.post(letters)
                told += 1
        return told

    def _look_for_missing(self, tx: Transaction) -> None:
        """Once a day: a use whose row was deleted waits for a review all the same, and is named."""
        today = self._clock.now().date().isoformat()
        if tx.jobs.mark(LOOKED) == today:
            return
        tx.jobs.set_mark(LOOKED, today)
        scribe = Scribe(time=self._clock.now(), channel="scheduler", correlation=f"{LOOKED}:{today}")
        for use_id in sorted(break_glass.missing(tx)):
            log.critical("integrity.alarm", table="break_glass", row=use_id, detail="its use is in the log")
            alarm = scribe.event(
                EventType.INTEGRITY_ALARM, resource=f"BreakGlass::{use_id}", decision="alarm", code=IntegrityAlarm.code
            )
            tx.audit.append(alarm)

    def _tell(self, tx: Transaction, use_id: str) -> tuple[list[OutboxItem], tuple[WaitingLetter, ...]]:
        use, now = tx.break_glass.hold(use_id), self._clock.now()
        if use is None or not use.to_remind(now):
            return [], ()
        tx.break_glass.save(replace(use, reminded_at=now))
        people = break_glass_cards.readers(tx, now)
        written = break_glass_cards.letters(tx, use, people)
        items = self._delivery.put_all(tx, break_glass_cards.postings(tx, use, people), use.id)
        return items, tuple(one for letter in written for one in self._letterbox.put(tx, letter))
