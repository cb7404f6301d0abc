"""Letters waiting for the mail server, sealed: they name a mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Integer, bindparam, delete, select, update

from bot.errors import IntegrityAlarm
from bot.ports.mail import WaitingLetter
from storage.codec import Packed, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Statement, inserting_once
from storage.tables.sessions import letters

_log = structlog.get_logger(__name__)
_letters = Packed(WaitingLetter)

_PUT = inserting_once(letters)
_due = (
    select(letters.c.id)
    .where(letters.c.due_at <= bindparam("now"))
    .order_by(letters.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_CLAIM = Statement(
    update(letters)
    .where(letters.c.id.in_(_due))
    .values(due_at=bindparam("until"), attempts=letters.c.attempts + 1)
    .returning(letters.c.id, letters.c.payload, letters.c.attempts)
)
_DONE = Statement(delete(letters).where(letters.c.id == bindparam("letter")))
_RETRY = Statement(update(letters).where(letters.c.id == bindparam("letter")).values(due_at=bindparam("at")))


class Letters:
    """See `bot.ports.mail.LetterStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(self, waiting: WaitingLetter, *, lease_seconds: int) -> None:
        payload = self._sealer.seal(_letters.pack(waiting), table="letters", row=waiting.id, purpose="payload")
        due_at = to_micros(waiting.written_at) + lease_seconds * 1_000_000
        self._connection.change(_PUT, id=waiting.id, payload=payload, attempts=1, due_at=due_at)

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[WaitingLetter]:
        micros = to_micros(now)
        rows = self._connection.rows(_CLAIM, now=micros, until=micros + lease_seconds * 1_000_000, limit=limit)
        claimed = []
        for row, payload, attempts in rows:
            try:
                packed = self._sealer.open(payload, table="letters", row=row, purpose="payload")
                claimed.append(replace(_letters.unpack(packed), attempts=attempts))
            except IntegrityAlarm as alarm:
                # It stays leased: one bad row must not hold up the others.
                _log.error("integrity.alarm", table="letters", row=row, detail=alarm.detail)
        return claimed

    def done(self, letter_id: str) -> None:
        self._connection.change(_DONE, letter=letter_id)

    def retry(self, letter_id: str, *, at: datetime) -> None:
        self._connection.change(_RETRY, letter=letter_id, at=to_micros(at))
