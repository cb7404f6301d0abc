"""Counters in fixed windows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from storage.codec import to_micros
from storage.statement import Connection, Statement
from storage.tables.operations import throttle

_HIT = Statement(
    postgresql.insert(throttle)
    .on_conflict_do_update(index_elements=["key", "window_seconds", "starts_at"], set_={"hits": throttle.c.hits + 1})
    .returning(throttle.c.hits),
    columns=throttle.c.keys(),
)
_USED = Statement(
    select(throttle.c.hits).where(
        throttle.c.key == bindparam("key"),
        throttle.c.window_seconds == bindparam("window_seconds"),
        throttle.c.starts_at == bindparam("starts_at"),
    )
)
_GIVE_BACK = Statement(
    update(throttle)
    .where(
        throttle.c.key == bindparam("row"),
        throttle.c.window_seconds == bindparam("window"),
        throttle.c.starts_at == bindparam("start"),
        throttle.c.hits > 0,
    )
    .values(hits=throttle.c.hits - 1)
)
_SWEEP = Statement(delete(throttle).where(throttle.c.until <= bindparam("now")))


class Throttle:
    """See `bot.ports.stores.ThrottleStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def hit(self, key: str, *, limit: int, window_seconds: int, now: datetime) -> bool:
        window = window_seconds * 1_000_000
        micros = to_micros(now)
        starts_at = micros - micros % window
        row = self._connection.row(
            _HIT, key=key, window_seconds=window_seconds, starts_at=starts_at, until=starts_at + window, hits=1
        )
        return row is not None and row[0] <= limit

    def used(self, key: str, *, window_seconds: int, now: datetime) -> int:
        window = window_seconds * 1_000_000
        micros = to_micros(now)
        row = self._connection.row(_USED, key=key, window_seconds=window_seconds, starts_at=micros - micros % window)
        return 0 if row is None else int(row[0])

    def give_back(self, key: str, *, window_seconds: int, now: datetime) -> None:
        window = window_seconds * 1_000_000
        micros = to_micros(now)
        self._connection.change(_GIVE_BACK, row=key, window=window_seconds, start=micros - micros % window)

    def sweep(self, now: datetime) -> int:
        return self._connection.change(_SWEEP, now=to_micros(now))
