"""Statements: SQLAlchemy Core constructs compiled once an engine and then run by the driver itself.

Written in Core, a statement is typed, portable and checked against the tables; run through Core, it costs some forty
microseconds of Python each time. Compiled once, what is left a message is the driver's own work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import BigInteger, Dialect, Executable, Table, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from storage.journal import Journal, mark_of

Value = str | int | bytes | None
Row = tuple[Any, ...]
Arguments = Callable[[Mapping[str, Value]], Sequence[Value]]

_SQLITE = sqlite.dialect(paramstyle="qmark")
_POSTGRESQL = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


class Compiled:
    """The text for one engine, and how named values become its positional ones."""

    __slots__ = ("arguments", "text")

    def __init__(self, construct: ClauseElement, dialect: Dialect, columns: Sequence[str] | None) -> None:
        compiled = construct.compile(dialect=dialect, column_keys=list(columns) if columns is not None else None)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError("only statements with parameters are run this way")
        self.text = str(compiled)
        names = tuple(compiled.positiontup or ())
        constants: dict[str, Value] = {
            name: compiled.binds[name].value for name in names if not compiled.binds[name].required
        }
        self.arguments = _arranged(names, constants)


def _arranged(names: tuple[str, ...], constants: Mapping[str, Value]) -> Arguments:
    """The quickest way from named values to a tuple in the statement's order."""
    if constants:
        return lambda values: tuple([values[name] if name in values else constants[name] for name in names])
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple([values[name] for name in names])


class Statement:
    """One statement, made at import, compiled for an engine when it first runs there."""

    def __init__(self, construct: Executable, *, columns: Sequence[str] | None = None, journaled: bool = True) -> None:
        if not isinstance(construct, ClauseElement):
            raise TypeError("not a statement")
        self.mark = mark_of(construct) if journaled else None
        """What the audit log has to say of it; None where it touches no authority, or only what mere use changes."""
        self._construct = construct
        self._columns = columns

    @cached_property
    def sqlite(self) -> Compiled:
        """For SQLite."""
        return Compiled(self._construct, _SQLITE, self._columns)

    @cached_property
    def postgresql(self) -> Compiled:
        """For PostgreSQL through asyncpg."""
        return Compiled(self._construct, _POSTGRESQL, self._columns)


class Connection(Protocol):
    """What the stores run statements on: one transaction of one engine."""

    read_only: bool
    concurrent: bool
    """Whether others write at the same time, so that rows and the log's head must be locked (PostgreSQL)."""
    journal: Journal
    """What this transaction changed of rows that carry authority, and no record has told yet."""

    def row(self, statement: Statement, **values: Value) -> Row | None:
        """The first row, or None."""
        ...

    def rows(self, statement: Statement, **values: Value) -> list[Row]:
        """All rows."""
        ...

    def change(self, statement: Statement, **values: Value) -> int:
        """Insert, update or delete; how many rows it was."""
        ...


ALONE = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
"""PostgreSQL: one transaction at a time with this key, until it ends. For what has no row yet that could be locked."""


def key_of(*what: str) -> int:
    """The key for `ALONE` of anything that has a name."""
    return int.from_bytes(hashlib.sha256("|".join(what).encode()).digest()[:8], signed=True)


def inserting(table: Table) -> Statement:
    """Insert a whole row."""
    return Statement(postgresql.insert(table).inline(), columns=_given(table))


def inserting_once(table: Table) -> Statement:
    """Insert unless a unique key is taken: `change` gives 0 then. Both engines read the same ON CONFLICT clause."""
    return Statement(postgresql.insert(table).inline().on_conflict_do_nothing(), columns=_given(table))


def upserting(table: Table) -> Statement:
    """Insert a whole row, or replace the one with its key."""
    keys = [column.name for column in table.primary_key]
    inserted = postgresql.insert(table)
    others = {name: inserted.excluded[name] for name in _names(table) if name not in keys}
    return Statement(inserted.on_conflict_do_update(index_elements=keys, set_=others))


def noting_again(table: Table, column: str) -> Statement:
    """Insert a whole row, or set one column of the row with its key."""
    keys = [key.name for key in table.primary_key]
    inserted = postgresql.insert(table)
    again = inserted.on_conflict_do_update(index_elements=keys, set_={column: inserted.excluded[column]})
    return Statement(again, columns=_given(table))


def replacing(table: Table, *, journaled: bool = True) -> Statement:
    """Set every column of the row whose key is `row`; not `journaled` where only `LIVELY` ones differ."""
    (key,) = table.primary_key
    others = [name for name in _names(table) if name != key.name]
    return Statement(update(table).where(key == bindparam("row")), columns=others, journaled=journaled)


def locking(table: Table) -> Statement:
    """Read the row whose key is `row`, to change it: PostgreSQL holds it until the end of the transaction."""
    (key,) = table.primary_key
    return Statement(select(table).where(key == bindparam("row")).with_for_update())


def finding(table: Table) -> Statement:
    """Read the row whose key is `row`."""
    (key,) = table.primary_key
    return Statement(select(table).where(key == bindparam("row")))


def holding(table: Table) -> Statement:
    """Read the row whose key is `row`, to decide on it: on PostgreSQL it stays as it is until the transaction ends."""
    (key,) = table.primary_key
    return Statement(select(table).where(key == bindparam("row")).with_for_update(read=True))


def deleting(table: Table) -> Statement:
    """Delete the row whose key is `row`."""
    (key,) = table.primary_key
    return Statement(delete(table).where(key == bindparam("row")))


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _given(table: Table) -> list[str]:
    """The columns we give a value; `position` comes from the database."""
    return [column.name for column in table.columns if column.autoincrement is not True]
