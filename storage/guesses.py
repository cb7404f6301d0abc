"""How many wrong codes each person has given by each path: one sealed row a person, as old as theirs.

Counts that stood in rows of their own could be deleted, and there would be guesses again. This row is there from the
moment a person is: without it no code of theirs is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.domain.identity import LinkedIdentity
from bot.domain.limit import Limit
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows
from storage.codec import to_json, to_micros
from storage.statement import Connection, Statement, finding, inserting_once, locking, replacing
from storage.tables.ledger import guess_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counts of a person: by path and length of the window, when that began and how many it saw."""

    identity: str
    windows: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    version: int = 0

    def present(self, name: str, starts_at: int) -> tuple[int, int]:
        """The window that counts now; a clock that went back gives nobody a new one."""
        began, hits = self.windows.get(name, (starts_at, 0))
        return (began, hits) if began >= starts_at else (starts_at, 0)


def parse(values: Mapping[str, Any]) -> Counts:
    """The counts of a row."""
    windows = {name: (began, hits) for name, (began, hits) in json.loads(values["counts"]).items()}
    return Counts(identity=values["identity"], windows=windows, version=values["version"])


_FIND = finding(guess_counts)
_LOCK = locking(guess_counts)
_INSERT = inserting_once(guess_counts)
_REPLACE = replacing(guess_counts)


class Guesses:
    """See `bot.ports.people_stores.GuessStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[Counts]) -> None:
        self._connection = connection
        self._rows = rows

    def begin(self, identity: LinkedIdentity) -> None:
        """Make the row of somebody who was just made; one that is there keeps its counts."""
        self._connection.change(_INSERT, **self._signed(identity.key, {}, 1))

    def hit(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> bool:
        counts = self._counts(_LOCK, identity)
        windows, within = dict(counts.windows), True
        for limit in limits:
            name, starts_at = _window(path, limit, now)
            began, hits = counts.present(name, starts_at)
            windows[name] = (began, hits + 1)
            within = within and hits < limit.count
        self._store(counts, windows)
        return within

    def give_back(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> None:
        counts = self._counts(_LOCK, identity)
        windows = dict(counts.windows)
        for limit in limits:
            name, starts_at = _window(path, limit, now)
            began, hits = counts.present(name, starts_at)
            windows[name] = (began, max(0, hits - 1))
        self._store(counts, windows)

    def left(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> int:
        counts = self._counts(_FIND, identity)
        used = [(limit, counts.present(*_window(path, limit, now))[1]) for limit in limits]
        return max(0, min(limit.count - hits for limit, hits in used))

    def _counts(self, statement: Statement, identity: LinkedIdentity) -> Counts:
        row = self._connection.row(statement, row=identity.key)
        if row is None:
            raise IntegrityAlarm("the counts of a person's guesses are missing")
        return self._rows.load(row)

    def _store(self, counts: Counts, windows: Mapping[str, tuple[int, int]]) -> None:
        signed = self._signed(counts.identity, windows, counts.version + 1)
        self._connection.change(_REPLACE, row=counts.identity, **signed)

    def _signed(self, identity: str, windows: Mapping[str, tuple[int, int]], version: int) -> Mapping[str, Any]:
        kept = {name: list(window) for name, window in windows.items() if window[1]}
        return self._rows.signed({"identity": identity, "counts": to_json(kept), "version": version})


def _window(path: str, limit: Limit, now: datetime) -> tuple[str, int]:
    length, micros = limit.window_seconds * 1_000_000, to_micros(now)
    return f"{path}|{limit.window_seconds}", micros - micros % length
