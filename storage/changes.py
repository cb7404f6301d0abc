"""Changes of authority that wait for a second yes, or for a day to pass."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.change import Change, ChangeState, Wanted
from storage.authority import AuthorityRows, Values
from storage.codec import optional_micros, optional_moment, to_json, to_micros, to_moment
from storage.statement import ALONE, Connection, Statement, inserting, key_of, locking, replacing
from storage.tables.changes import changes


def parse(values: Mapping[str, Any]) -> Change:
    """The change of a row."""
    return Change(
        id=values["id"],
        wanted=Wanted(
            capability=values["capability"], target=values["target"], arguments=json.loads(values["arguments"])
        ),
        proposed_by=values["proposed_by"],
        proposed_at=to_moment(values["proposed_at"]),
        agreed=tuple(json.loads(values["agreed"])),
        due_at=optional_moment(values["due_at"]),
        until=to_moment(values["until"]),
        state=ChangeState(values["state"]),
        announced=bool(values["announced"]),
        version=values["version"],
    )


_INSERT = inserting(changes)
_LOCK = locking(changes)
_REPLACE = replacing(changes)
_OPEN = (
    select(changes)
    .where(changes.c.state == ChangeState.OPEN.value, changes.c.until > bindparam("now"))
    .order_by(changes.c.proposed_at, changes.c.id)
)
_ALL_OPEN = Statement(_OPEN)
_WAITING = Statement(
    _OPEN.where(changes.c.capability == bindparam("capability"), changes.c.target == bindparam("target"))
    .where(changes.c.arguments == bindparam("arguments"))
    .with_for_update()
)


class Changes:
    """See `bot.ports.changes.ChangeStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[Change]) -> None:
        self._connection = connection
        self._rows = rows

    def insert(self, change: Change) -> None:
        self._connection.change(_INSERT, **self._signed(change, version=1))

    def hold(self, change_id: str) -> Change | None:
        row = self._connection.row(_LOCK, row=change_id)
        return None if row is None else self._rows.load(row)

    def waiting(self, wanted: Wanted, now: datetime) -> Change | None:
        if self._connection.concurrent and not self._connection.read_only:
            # Two first yeses at once would each find nothing to lock: the second waits for what the first writes.
            self._connection.row(ALONE, key=key_of("change", wanted.key))
        row = self._connection.row(
            _WAITING,
            now=to_micros(now),
            capability=wanted.capability,
            target=wanted.target,
            arguments=_arguments(wanted),
        )
        return None if row is None else self._rows.load(row)

    def open(self, now: datetime) -> Sequence[Change]:
        return [self._rows.load(row) for row in self._connection.rows(_ALL_OPEN, now=to_micros(now))]

    def save(self, change: Change) -> None:
        self._connection.change(_REPLACE, row=change.id, **self._signed(change, version=change.version + 1))

    def _signed(self, change: Change, *, version: int) -> Values:
        return self._rows.signed(
            {
                "id": change.id,
                "capability": change.wanted.capability,
                "target": change.wanted.target,
                "arguments": _arguments(change.wanted),
                "proposed_by": change.proposed_by,
                "proposed_at": to_micros(change.proposed_at),
                "agreed": json.dumps(change.agreed),
                "due_at": optional_micros(change.due_at),
                "until": to_micros(change.until),
                "state": change.state.value,
                "announced": int(change.announced),
                "version": version,
            }
        )


def _arguments(wanted: Wanted) -> str:
    return to_json(dict(sorted(wanted.arguments.items())))
