"""Tells those who review of every use of break-glass, at once and then once a day. A job of `bot.jobs`."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.outbound import OutboxItem
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.mail import WaitingLetter
from bot.services import break_glass_cards
from bot.services.delivery import Delivery
from bot.services.letters import Letterbox


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
        for use in await self._database.read(lambda tx: tx.break_glass.unreviewed()):
            if use.to_remind(now):
                items, letters = await self._database.write(lambda tx, one=use.id: self._tell(tx, one))  # type: ignore[misc]  # a loop's own value
                await self._delivery.send(items)
                await self._letterbox.post(letters)
                told += 1
        return told

    def _tell(self, tx: Transaction, use_id: str) -> tuple[list[OutboxItem], tuple[WaitingLetter, ...]]:
        use, now = tx.break_glass.hold(use_id), self._clock.now()
        if use is None or not use.to_remind(now):
            return [], ()
        tx.break_glass.save(replace(use, reminded_at=now))
        people = break_glass_cards.readers(tx, now)
        written = break_glass_cards.letters(tx, use, people)
        items = self._delivery.put_all(tx, break_glass_cards.postings(tx, use, people), use.id)
        return items, tuple(one for letter in written for one in self._letterbox.put(tx, letter))
