"""Letters to the company mailbox: written down with what they tell of, and tried until the mail server takes them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

import structlog

from bot.errors import MailUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.mail import Letter, Mail, NullMail, WaitingLetter

LEASE_SECONDS = 60
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 3600
KEPT = timedelta(days=3)
"""After that a notice is no news; whoever runs the mail server has been told by then."""
log = structlog.get_logger("doorward.letters")


class Letterbox:
    """Implements `bot.ports.mail.Mail` durably: a letter that is handed over here survives a crash and an outage."""

    def __init__(self, *, database: Database, mail: Mail, clock: Clock) -> None:
        self._database = database
        self._mail = mail
        self._clock = clock

    async def send(self, letter: Letter) -> None:
        """Keep it, and try it once now. Raises `StorageUnavailable`, never `MailUnavailable`."""
        await self.post(await self._database.write(lambda tx: self.put(tx, letter)))

    def put(self, tx: Transaction, letter: Letter | None) -> tuple[WaitingLetter, ...]:
        """Queue a letter in the transaction of what it tells; held for this process, which calls `post` next.

        Nothing where there is no letter, or no mail server to take it.
        """
        if letter is None or isinstance(self._mail, NullMail):
            return ()
        waiting = WaitingLetter(id=secrets.token_hex(12), letter=letter, written_at=self._clock.now())
        tx.letters.put(waiting, lease_seconds=LEASE_SECONDS)
        return (waiting,)

    async def post(self, waiting: Sequence[WaitingLetter]) -> None:
        """Hand them over; what is not taken stays queued, and nothing is raised for it."""
        for one in waiting:
            await self._post(one)

    async def take_over(self, limit: int = 20) -> int:
        """Hand over what is due again, or what another process left behind; how many."""
        now = self._clock.now()
        due = await self._database.write(lambda tx: tx.letters.claim(now=now, lease_seconds=LEASE_SECONDS, limit=limit))
        await self.post(due)
        return len(due)

    async def _post(self, one: WaitingLetter) -> None:
        try:
            await self._mail.send(one.letter)
        except MailUnavailable as error:
            await self._again(one, error)
            return
        await self._database.write(lambda tx: tx.letters.done(one.id))

    async def _again(self, one: WaitingLetter, error: MailUnavailable) -> None:
        now = self._clock.now()
        if now - one.written_at >= KEPT:
            log.error("letter_given_up", code=error.code, detail=error.detail, attempts=one.attempts)
            await self._database.write(lambda tx: tx.letters.done(one.id))
            return
        log.warning("letter_not_sent", code=error.code, detail=error.detail, attempts=one.attempts)
        pause = min(FIRST_PAUSE_SECONDS * 2 ** (one.attempts - 1), LONGEST_PAUSE_SECONDS)
        await self._database.write(lambda tx: tx.letters.retry(one.id, at=now + timedelta(seconds=pause)))
