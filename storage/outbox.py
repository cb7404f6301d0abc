"""Replies waiting to be posted, sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Integer, bindparam, delete, select, update

from bot.domain.outbound import OutboxItem
from bot.errors import IntegrityAlarm
from storage.codec import Packed, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Statement, inserting_once
from storage.tables.queues import outbox

_log = structlog.get_logger(__name__)
_items = Packed(OutboxItem)

_PUT = inserting_once(outbox)
_due = (
    select(outbox.c.position)
    .where(outbox.c.due_at <= bindparam("now"))
    .order_by(outbox.c.due_at, outbox.c.position)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_CLAIM = Statement(
    update(outbox)
    .where(outbox.c.position.in_(_due))
    .values(due_at=bindparam("until"), attempts=outbox.c.attempts + 1)
    .returning(outbox.c.position, outbox.c.id, outbox.c.payload, outbox.c.attempts)
)
_DONE = Statement(delete(outbox).where(outbox.c.id == bindparam("item")))
_RETRY = Statement(update(outbox).where(outbox.c.id == bindparam("item")).values(due_at=bindparam("at")))


class Outbox:
    """See `bot.ports.stores.OutboxStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(self, item: OutboxItem, *, lease_seconds: int) -> None:
        """Queue, held for the lease; the same item twice is queued once."""
        due_at = to_micros(item.created_at) + lease_seconds * 1_000_000
        payload = self._sealer.seal_briefly(_items.pack(item), table="outbox", row=item.id, purpose="payload")
        self._connection.change(_PUT, id=item.id, payload=payload, attempts=item.attempts + 1, due_at=due_at)

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[OutboxItem]:
        micros = to_micros(now)
        rows = self._connection.rows(_CLAIM, now=micros, until=micros + lease_seconds * 1_000_000, limit=limit)
        claimed = []
        for _, row, payload, attempts in sorted(rows):
            try:
                packed = self._sealer.open(payload, table="outbox", row=row, purpose="payload")
                claimed.append(replace(_items.unpack(packed), attempts=attempts))
            except IntegrityAlarm as alarm:
                # It stays leased: one bad row must not hold up the queue.
                _log.error("integrity.alarm", table="outbox", row=row, detail=alarm.detail)
        return claimed

    def done(self, item_id: str) -> None:
        self._connection.change(_DONE, item=item_id)

    def retry(self, item_id: str, *, at: datetime) -> None:
        self._connection.change(_RETRY, item=item_id, at=to_micros(at))
