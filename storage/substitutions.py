"""Who stands in for whom, from day to day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.approval import Substitution
from storage.authority import AuthorityRows
from storage.codec import optional_micros, optional_moment, to_micros, to_moment
from storage.statement import Connection, Row, Statement, inserting, locking, replacing
from storage.tables.approvals import substitutions


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSubstitution:
    """A substitution, and whether it was ended early."""

    substitution: Substitution
    ended_at: datetime | None
    version: int


def parse(values: Mapping[str, Any]) -> StoredSubstitution:
    """The row by name."""
    found = Substitution(
        id=values["id"],
        approver=values["approver"],
        approver_name=values["approver_name"],
        substitute=values["substitute"],
        substitute_name=values["substitute_name"],
        starts=date.fromisoformat(values["starts"]),
        ends=date.fromisoformat(values["ends"]),
        named_by=values["named_by"],
        named_at=to_moment(values["named_at"]),
    )
    return StoredSubstitution(
        substitution=found, ended_at=optional_moment(values["ended_at"]), version=values["version"]
    )


_INSERT = inserting(substitutions)
_LOCK = locking(substitutions)
_REPLACE = replacing(substitutions)
_STANDING = select(substitutions).where(substitutions.c.ended_at.is_(None), substitutions.c.ends >= bindparam("since"))
_ORDER = (substitutions.c.starts, substitutions.c.named_at, substitutions.c.id)
_OF_APPROVER = Statement(_STANDING.where(substitutions.c.approver == bindparam("who")).order_by(*_ORDER))
_OF_SUBSTITUTE = Statement(_STANDING.where(substitutions.c.substitute == bindparam("who")).order_by(*_ORDER))


class Substitutions:
    """See `bot.ports.approval_stores.SubstitutionStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[StoredSubstitution]) -> None:
        self._connection = connection
        self._rows = rows

    def name(self, substitution: Substitution) -> None:
        self._connection.change(_INSERT, **self._signed(substitution, ended_at=None, version=1))

    def of_approver(self, approver: str, *, since: date) -> Sequence[Substitution]:
        return self._read(self._connection.rows(_OF_APPROVER, who=approver, since=since.isoformat()))

    def of_substitute(self, substitute: str, *, since: date) -> Sequence[Substitution]:
        return self._read(self._connection.rows(_OF_SUBSTITUTE, who=substitute, since=since.isoformat()))

    def end(self, substitution_id: str, now: datetime) -> bool:
        row = self._connection.row(_LOCK, row=substitution_id)
        stored = None if row is None else self._rows.load(row)
        if stored is None or stored.ended_at is not None:
            return False
        values = self._signed(stored.substitution, ended_at=now, version=stored.version + 1)
        self._connection.change(_REPLACE, row=substitution_id, **values)
        return True

    def _read(self, rows: list[Row]) -> list[Substitution]:
        return [self._rows.load(row).substitution for row in rows]

    def _signed(
        self, item: Substitution, *, ended_at: datetime | None, version: int
    ) -> dict[str, str | int | bytes | None]:
        return self._rows.signed(
            {
                "id": item.id,
                "approver": item.approver,
                "approver_name": item.approver_name,
                "substitute": item.substitute,
                "substitute_name": item.substitute_name,
                "starts": item.starts.isoformat(),
                "ends": item.ends.isoformat(),
                "named_by": item.named_by,
                "named_at": to_micros(item.named_at),
                "ended_at": optional_micros(ended_at),
                "version": version,
            }
        )
