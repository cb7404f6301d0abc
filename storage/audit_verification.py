"""Whether the audit log is as it was written: the first record that is not, and what is wrong with it."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.audit import AuditRecord
from storage.audit_log import GENESIS, chained


class FaultKind(StrEnum):
    """What is wrong."""

    EDITED = "edited"
    """The record does not fit its own hash."""
    MISSING = "missing"
    """There is no record of this number."""
    REPEATED = "repeated"
    """The number comes again, or too late."""
    MISPLACED = "misplaced"
    """The record is intact but does not follow the one before: reordered, or one beside it was put in or taken out."""
    DISAGREES = "disagrees"
    """The record is of another action than those of the same consent (`storage.audit_agreement`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The first bad place in the log."""

    seq: int
    kind: FaultKind


def verify(records: Iterable[AuditRecord], *, after: AuditRecord | None = None) -> Fault | None:
    """The first fault of records in the order given, None when there is none.

    1. numbers grow by one, from 1 (or from `after`, an already verified record);
    2. every record fits its own hash;
    3. every record names the hash of the one before, the first one the fixed beginning.

    What was cut off at the end leaves no trace here: compare the head with a checkpoint kept elsewhere.
    """
    seq, head = (after.seq, after.hash) if after else (0, GENESIS)
    for record in records:
        # (1): by number
        if record.seq <= seq:
            return Fault(seq=record.seq, kind=FaultKind.REPEATED)
        if record.seq > seq + 1:
            return Fault(seq=seq + 1, kind=FaultKind.MISSING)
        # (2): by its own hash
        if not _intact(record):
            return Fault(seq=record.seq, kind=FaultKind.EDITED)
        # (3): by its place
        if not hmac.compare_digest(record.previous, head):
            return Fault(seq=record.seq, kind=FaultKind.MISPLACED)
        seq, head = record.seq, record.hash
    return None


def _intact(record: AuditRecord) -> bool:
    try:
        return hmac.compare_digest(chained(record.previous, record.event, record.state), record.hash)
    except (ValueError, TypeError):  # not hexadecimal, or not ASCII
        return False
