"""Whether the rows that carry authority are the ones the audit log says: each that was put in, is gone, or differs.

The log is taken at its word here; that it is as it was written is `storage.audit_verification`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.audit import AuditRecord
from storage.journal import GONE


class StateFaultKind(StrEnum):
    """What is wrong with a row."""

    INSERTED = "inserted"
    """It stands there, and the log says of none, or that it was deleted."""
    MISSING = "missing"
    """The log says of one, and none stands there."""
    DIFFERENT = "different"
    """It is not what the log says last: an older one was put back, or it was edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFault:
    """A row that is not as the log says."""

    table: str
    row: str
    kind: StateFaultKind
    seq: int | None
    """The last record that says anything of it, None where there is none."""


class ToldState:
    """The state as the log tells it, record by record."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[str, int]] = {}

    def follow(self, records: Iterable[AuditRecord]) -> None:
        """Take in the next records, in order."""
        for record in records:
            for name, fingerprint in record.state.items():
                self._told[name] = (fingerprint, record.seq)

    def compare(self, present: Iterable[tuple[str, str]]) -> Iterator[StateFault]:
        """What is wrong with the rows that are there, given as name and fingerprint, and which ones are not."""
        seen: set[str] = set()
        for name, fingerprint in present:
            seen.add(name)
            told, seq = self._told.get(name, (GONE, None))
            if told == GONE:
                yield _fault(name, StateFaultKind.INSERTED, seq)
            elif told != fingerprint:
                yield _fault(name, StateFaultKind.DIFFERENT, seq)
        for name, (told, seq) in self._told.items():
            if told != GONE and name not in seen:
                yield _fault(name, StateFaultKind.MISSING, seq)


def _fault(name: str, kind: StateFaultKind, seq: int | None) -> StateFault:
    table, row = name.split(" ", 1)
    return StateFault(table=table, row=row, kind=kind, seq=seq)
