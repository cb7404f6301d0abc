"""Puts every row under the newest keys, a few at a time, and tells which rows are under which key.

What there is to do is read off the rows themselves: sealed columns and MACs name their key. So a rotation that was
killed goes on where it stopped, and new tables take part by the kinds of their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import structlog
from sqlalchemy import Column, Integer, LargeBinary, Table, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from bot.errors import IntegrityAlarm
from bot.ports.keys import Rewritten
from storage import authenticators, challenges, interactions, pending, revocations
from storage.authority import AuthorityRows
from storage.crypto import Keyring, Purpose
from storage.journal import LIVELY
from storage.sealing import Sealer, head_of
from storage.statement import Connection, Statement, Value, replacing
from storage.tables.everything import metadata
from storage.tables.metadata import SEALED

Binding = Callable[[Mapping[str, Any]], str]

BOUND: dict[str, Binding] = {
    "authenticators": authenticators.bound,
    "claims_challenges": challenges.bound,
    "interactions": interactions.bound,
    "pending": pending.bound,
    "revocations": revocations.bound,
}
"""What a sealed column is bound to besides table and purpose, where that is more than the row's key."""
BOUND_TO_ID = {"inbox", "outbox"}
"""Their key is the order of arrival; the row's name is its id."""

_log = structlog.get_logger(__name__)


def sealed_columns(table: Table) -> list[str]:
    """The columns of ciphertext."""
    return [column.name for column in table.columns if column.info.get(SEALED)]


def kept_tables() -> list[Table]:
    """Every table with anything sealed or authenticated."""
    return [table for table in metadata.sorted_tables if sealed_columns(table) or "mac_key" in table.c]


class Rekeying:
    """One table's rows at a time, on one connection."""

    def __init__(self, connection: Connection, keys: Keyring, sealer: Sealer) -> None:
        self._connection = connection
        self._keys = keys
        self._sealer = sealer

    def older(self, table: str) -> int:
        """How many rows have anything under another key than those written with."""
        statement = _counting(table, self._length())
        row = self._connection.row(statement, **self._newest(table))
        return 0 if row is None else int(row[0])

    def rewrite(self, table: str, after: str | int | None, *, limit: int) -> Rewritten:
        """The next rows in the order of their key; rows locked by somebody else are left for another pass."""
        kept = metadata.tables[table]
        (key,) = kept.primary_key
        start = after if after is not None else ("" if key.type.python_type is str else -1)
        rows = self._connection.rows(_older(table, self._length()), after=start, limit=limit, **self._newest(table))
        broken = 0
        for row in rows:
            values = dict(zip(kept.c.keys(), row, strict=True))
            try:
                renewed = self._renewed(kept, values)
                self._connection.change(_changing(table), row=renewed.pop(key.name), **renewed)
            except IntegrityAlarm as alarm:
                _log.error("integrity.alarm", table=table, detail=alarm.detail)
                broken += 1
        last = dict(zip(kept.c.keys(), rows[-1], strict=True))[key.name] if len(rows) == limit else None
        return Rewritten(done=len(rows) - broken, broken=broken, last=last)

    def use(self) -> dict[str, int]:
        """Rows by key; those under a key that is not held by `?`."""
        found: dict[str, int] = {}
        for table in kept_tables():
            for purpose, key_id, count in (*self._seals(table), *self._macs(table)):
                name = f"{purpose}:{key_id}"
                found[name] = found.get(name, 0) + count
        return found

    def _seals(self, table: Table) -> list[tuple[Purpose, str, int]]:
        known = [key.id for key in self._keys.of(Purpose.SEAL)]
        counted = []
        for column in sealed_columns(table):
            by_key = [(key_id, self._count(_under(table.name, column, len(key_id)), key_id)) for key_id in known]
            row = self._connection.row(_all(table.name, column))
            others = (0 if row is None else int(row[0])) - sum(count for _, count in by_key)
            counted += [(Purpose.SEAL, key_id, count) for key_id, count in (*by_key, ("?", others)) if count]
        return counted

    def _count(self, statement: Statement, key_id: str) -> int:
        row = self._connection.row(statement, head=head_of(key_id))
        return 0 if row is None else int(row[0])

    def _macs(self, table: Table) -> list[tuple[Purpose, str, int]]:
        if "mac_key" not in table.c:
            return []
        known = {key.id for key in self._keys.of(Purpose.ROW_MAC)}
        rows = self._connection.rows(_by_mac_key(table.name))
        return [(Purpose.ROW_MAC, key_id if key_id in known else "?", count) for key_id, count in rows]

    def _renewed(self, table: Table, values: dict[str, Any]) -> dict[str, Value]:
        """The row with its sealed columns and its MAC anew. Raises `IntegrityAlarm`: what does not hold stays so."""
        rows = AuthorityRows(table, self._keys, dict) if "mac_key" in table.c else None
        if rows is not None:
            rows.check(values)
        bound = _bound(table, values)
        for column in sealed_columns(table):
            if values[column] is not None:
                values[column] = self._sealer.reseal(values[column], table=table.name, row=bound, purpose=column)
        if rows is not None:
            values = rows.signed({name: value for name, value in values.items() if name not in ("mac_key", "mac")})
        return values

    def _length(self) -> int:
        return len(self._keys.newest(Purpose.SEAL).id)

    def _newest(self, table: str) -> dict[str, Value]:
        kept = metadata.tables[table]
        newest: dict[str, Value] = {}
        if sealed_columns(kept):
            newest["head"] = head_of(self._keys.newest(Purpose.SEAL).id)
        if "mac_key" in kept.c:
            newest["mac_key_now"] = self._keys.newest(Purpose.ROW_MAC).id
        return newest


def _bound(table: Table, values: Mapping[str, Any]) -> str:
    if table.name in BOUND:
        return BOUND[table.name](values)
    (key,) = table.primary_key
    return str(values["id" if table.name in BOUND_TO_ID else key.name])


def _is_older(table: Table, length: int) -> ColumnElement[bool]:
    tests: list[ColumnElement[bool]] = [
        _head(table.c[name], length) != bindparam("head", type_=LargeBinary) for name in sealed_columns(table)
    ]
    if "mac_key" in table.c:
        tests.append(table.c.mac_key != bindparam("mac_key_now"))
    return or_(*tests)


def _head(column: Column[Any], length: int) -> ColumnElement[bytes]:
    """The key id with its length before it: all but the form at the front of what is sealed (`storage.sealing`)."""
    return func.substr(column, 2, 1 + length, type_=LargeBinary)


@cache
def _older(name: str, length: int) -> Statement:
    table = metadata.tables[name]
    (key,) = table.primary_key
    return Statement(
        select(table)
        .where(key > bindparam("after", type_=key.type), _is_older(table, length))
        .order_by(key)
        .limit(bindparam("limit", type_=Integer))
        .with_for_update(skip_locked=True)
    )


@cache
def _counting(name: str, length: int) -> Statement:
    table = metadata.tables[name]
    return Statement(select(func.count()).select_from(table).where(_is_older(table, length)))


@cache
def _under(name: str, column: str, length: int) -> Statement:
    table = metadata.tables[name]
    same = _head(table.c[column], length) == bindparam("head", type_=LargeBinary)
    return Statement(select(func.count()).select_from(table).where(same))


@cache
def _all(name: str, column: str) -> Statement:
    table = metadata.tables[name]
    return Statement(select(func.count()).select_from(table).where(table.c[column].is_not(None)))


@cache
def _by_mac_key(name: str) -> Statement:
    table = metadata.tables[name]
    return Statement(select(table.c.mac_key, func.count()).group_by(table.c.mac_key))


@cache
def _changing(name: str) -> Statement:
    """The whole row, so that the log can tell what it is now."""
    return replacing(metadata.tables[name], journaled=name not in LIVELY)
