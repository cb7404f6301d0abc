"""What a transaction changed of the rows that carry authority: it stands in the audit record written with it.

So the log says at every moment which of these rows there are and what is in them, and whoever puts one in, takes one
out or restores an older one by hand contradicts it (`storage.state_verification`, DESIGN §5.12).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Delete, Executable, Insert, Table, Update

from storage.codec import to_json

GONE = ""
"""What the log says of a row that was deleted."""
LIVELY: Mapping[str, frozenset[str]] = {
    "sessions": frozenset({"last_used_at"}),
    "persons": frozenset({"idp_checked_at"}),
}
"""Columns that change with mere use, and give nothing when an older value comes back: the log leaves them out."""
_SEAL = frozenset({"version", "mac_key", "mac"})


class Journal:
    """The changes of one transaction, until a record takes them."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def note(self, changes: Mapping[str, str]) -> None:
        """Add changes; the latest of a row is the one that counts."""
        self._changes.update(changes)

    def take(self) -> dict[str, str]:
        """The changes, which are no longer here then."""
        taken, self._changes = self._changes, {}
        return taken


@dataclass(frozen=True, slots=True)
class Mark:
    """What a statement does to the rows of a table that carry authority."""

    table: Table
    key: str
    returned_at: int | None
    """Where a statement that deletes by something else than the key returns it."""
    deletes: bool

    def changes(self, values: Mapping[str, Any]) -> dict[str, str]:
        """What it changed, given these values. Raises `TypeError` where they do not say."""
        try:
            row = values[self.key] if self.key in values else values["row"]
            tag = GONE if self.deletes else fingerprint(self.table, {self.key: row, **values})
        except KeyError as missing:
            raise TypeError(f"a statement on {self.table.name} gives the key and every column: {missing}") from None
        return {name_of(self.table, row): tag}

    def deleted(self, rows: Sequence[tuple[Any, ...]]) -> dict[str, str]:
        """What it deleted, given what it returned. Raises `TypeError` for a statement that does more than delete."""
        if self.returned_at is None:
            raise TypeError(f"a statement that changes rows of {self.table.name} is run by `change`")
        return {name_of(self.table, row[self.returned_at]): GONE for row in rows}


def mark_of(construct: Executable) -> Mark | None:
    """What the statement does to rows that carry authority; None for every other statement.

    Raises `TypeError` for deleting without saying which.
    """
    if not isinstance(construct, Insert | Update | Delete) or not isinstance(construct.table, Table):
        return None
    table = construct.table
    if "mac" not in table.c:
        return None
    (column,) = table.primary_key
    returned = [str(description["name"]) for description in construct.returning_column_descriptions]
    deletes = isinstance(construct, Delete)
    at = returned.index(column.name) if deletes and column.name in returned else None
    return Mark(table=table, key=column.name, returned_at=at, deletes=deletes)


def name_of(table: Table, row: str) -> str:
    """How the log names a row."""
    return f"{table.name} {row}"


def fingerprinted(table: Table) -> Callable[[Mapping[str, Any]], str]:
    """The fingerprint of a row of this table: 128 bits of SHA-256 over what stands in it."""
    lively = LIVELY.get(table.name)
    left_out = lively | _SEAL if lively else frozenset()
    names = tuple(name for name in table.c.keys() if name not in left_out)  # noqa: SIM118 - no mapping

    def of(values: Mapping[str, Any]) -> str:
        columns = {name: _plain(values[name]) for name in names if values[name] is not None}
        return hashlib.sha256(to_json([table.name, columns]).encode()).hexdigest()[:32]

    return of


_fingerprints: dict[str, Callable[[Mapping[str, Any]], str]] = {}


def fingerprint(table: Table, values: Mapping[str, Any]) -> str:
    """See `fingerprinted`."""
    of = _fingerprints.get(table.name)
    if of is None:
        of = _fingerprints[table.name] = fingerprinted(table)
    return of(values)


def _plain(value: Any) -> Any:  # noqa: ANN401 - what a column holds
    return value.hex() if isinstance(value, bytes) else value
