"""Inbound events, durable before they are acknowledged; payloads sealed and gone when dealt with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Integer, bindparam, delete, select, update

from bot.domain.messages import IncomingMessage
from bot.errors import IntegrityAlarm
from storage.codec import Packed, to_micros
from storage.crypto import Keyring, Purpose
from storage.sealing import Sealer
from storage.statement import Connection, Statement, inserting_once
from storage.tables.queues import inbox

KEPT = timedelta(days=1)
"""How long a keyed hash stays for dedupe, and a payload at the most."""
SWEPT = 10_000
"""How many rows one sweep looks at."""

_log = structlog.get_logger(__name__)
_messages = Packed(IncomingMessage)

_ACCEPT = inserting_once(inbox)
_KNOWN = Statement(select(inbox.c.id).where(inbox.c.id == bindparam("id")))
_waiting = (
    select(inbox.c.position)
    .where(inbox.c.payload.is_not(None), inbox.c.lease_until <= bindparam("now"))
    .order_by(inbox.c.lease_until, inbox.c.position)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_CLAIM = Statement(
    update(inbox)
    .where(inbox.c.position.in_(_waiting))
    .values(lease_until=bindparam("until"), attempts=inbox.c.attempts + 1)
    .returning(inbox.c.position, inbox.c.id, inbox.c.payload, inbox.c.attempts)
)
_HOLD = Statement(
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.payload.is_not(None))
    .values(lease_until=bindparam("until"))
)
_COMPLETE = Statement(
    update(inbox)
    .where(inbox.c.id == bindparam("row"), inbox.c.completed_at.is_(None))
    .values(payload=None, completed_at=bindparam("now"))
)
# The oldest stand first, so that no index on the time has to be kept with every event.
_oldest = select(inbox.c.position).order_by(inbox.c.position).limit(SWEPT)
_SWEEP = Statement(delete(inbox).where(inbox.c.position.in_(_oldest), inbox.c.received_at < bindparam("before")))


class Inbox:
    """See `bot.ports.stores.InboxStore`."""

    def __init__(self, connection: Connection, keys: Keyring, sealer: Sealer) -> None:
        self._connection = connection
        self._keys = keys
        self._sealer = sealer

    def accept(self, message: IncomingMessage, *, lease_seconds: int) -> str | None:
        row = self._new(message)
        if row is None:
            return None
        payload = self._sealer.seal_briefly(_messages.pack(message), table="inbox", row=row, purpose="payload")
        return row if self._insert(row, message, lease_seconds=lease_seconds, payload=payload) else None

    def note(self, message: IncomingMessage) -> bool:
        row = self._new(message)
        return row is not None and self._insert(row, message, completed_at=to_micros(message.received_at))

    def _new(self, message: IncomingMessage) -> str | None:
        """The row's name; None where the event stands there under an older key."""
        place = message.place
        row, *older = self._keys.hashes(Purpose.PEPPER, f"{place.platform}|{place.tenant}|{message.event_id}")
        return None if any(self._connection.row(_KNOWN, id=known) for known in older) else row

    def _insert(
        self,
        row: str,
        message: IncomingMessage,
        *,
        lease_seconds: int = 0,
        payload: bytes | None = None,
        completed_at: int | None = None,
    ) -> bool:
        received_at = to_micros(message.received_at)
        accepted = self._connection.change(
            _ACCEPT,
            id=row,
            payload=payload,
            attempts=1,
            received_at=received_at,
            lease_until=received_at + lease_seconds * 1_000_000,
            completed_at=completed_at,
        )
        return accepted == 1

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[tuple[str, IncomingMessage, int]]:
        micros = to_micros(now)
        rows = self._connection.rows(_CLAIM, now=micros, until=micros + lease_seconds * 1_000_000, limit=limit)
        claimed = []
        for _, row, payload, attempt in sorted(rows):
            try:
                packed = self._sealer.open(payload, table="inbox", row=row, purpose="payload")
                claimed.append((row, _messages.unpack(packed), attempt))
            except IntegrityAlarm as alarm:
                # It stays leased and is swept in the end: one bad row must not hold up the queue.
                _log.error("integrity.alarm", table="inbox", row=row, detail=alarm.detail)
        return claimed

    def hold(self, row: str, until: datetime) -> int:
        return self._connection.change(_HOLD, row=row, until=to_micros(until))

    def complete(self, row: str, now: datetime) -> bool:
        return self._connection.change(_COMPLETE, row=row, now=to_micros(now)) == 1

    def sweep(self, now: datetime) -> int:
        return self._connection.change(_SWEEP, before=to_micros(now - KEPT))
