"""The audit log from the shell: search, export, verification. Only a name takes the installation's keys."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import TypedDict

from bot.bootstrap.installation import keyring, looked_up, on_database
from bot.bootstrap.shell_output import Advance
from bot.domain.audit import AuditRecord
from bot.ports.database import Database, Transaction
from bot.services.people import only_person
from bot.settings.tree import Settings
from storage.audit_agreement import Agreement
from storage.audit_export import CONTRACT, FIELDS, to_csv, to_export, to_json_lines
from storage.audit_log import CHUNK
from storage.audit_verification import Fault, FaultKind, verify
from storage.crypto import Keyring
from storage.state_verification import StateFault, StateFaultKind, ToldState

LOWEST = -(2**63)
"""No number is too small to be looked at: what stands before the first record does not belong there."""
UNREADABLE = (ValueError, TypeError, OverflowError)
SAID = {
    FaultKind.EDITED: "was changed after it was written: it does not fit its own hash",
    FaultKind.MISSING: "is missing",
    FaultKind.REPEATED: "has a number that was there before, or that no record has",
    FaultKind.MISPLACED: "does not follow the record before it",
    FaultKind.DISAGREES: "is of another action than the records of the same request, consent or effect",
}
STATE_SAID = {
    StateFaultKind.INSERTED: "was put in: the log knows of no such row",
    StateFaultKind.MISSING: "is missing: the log says it is there",
    StateFaultKind.DIFFERENT: "is not what the log says: an older one was put back, or it was edited",
}


class Form(StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"


class Filters(TypedDict):
    """What a search looks for; None for anything."""

    principal: str | None
    type_prefix: str | None
    resource: str | None
    decision: str | None
    correlation: str | None
    since: datetime | None
    until: datetime | None
    before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some records in order."""

    records: tuple[AuditRecord, ...]
    last: int | None
    """The number of the log's last record, where it can be read."""
    broken: bool = False
    """The record after these cannot be read at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of it."""

    records: int
    """How many were found in order."""
    head: str
    """The hash of the last one; compare it with one kept elsewhere to notice what was cut off."""
    fault: Fault | None


def search(settings: Settings, filters: Filters, limit: int, now: datetime) -> list[Mapping[str, object]]:
    """The latest records that match, newest first, with the contract's fields.

    Raises `NotAllowed` where the principal is a user name of nobody or of several; names take the keys.
    """
    name = filters["principal"]
    if name and "#" not in name:
        person = looked_up(settings, keyring(settings, now), lambda tx: only_person(tx, name))
        filters = Filters(**{**filters, "principal": person.identity.key})
    found = looked_up(settings, Keyring.generate(), lambda tx: tx.audit.search(limit=limit, **filters))
    return [_fields(record) for record in found]


def export(
    settings: Settings, write: Callable[[str], object], *, form: Form, from_seq: int, chain: bool, advance: Advance
) -> Fault | None:
    """Write every record from `from_seq` on; the first that cannot be read, where it had to stop."""
    columns = FIELDS if chain else CONTRACT

    async def work(database: Database) -> Fault | None:
        seq, header = from_seq - 1, 0
        async with aclosing(pieces(database, from_seq)) as read:
            async for piece in read:
                lines = to_csv(piece.records, columns) if form is Form.CSV else to_json_lines(piece.records, columns)
                for line in islice(lines, header, None):
                    write(line)
                header = 1 if form is Form.CSV else 0
                seq = piece.records[-1].seq if piece.records else seq
                advance(seq, piece.last)
                if piece.broken:
                    return Fault(seq=seq + 1, kind=FaultKind.EDITED)
        return None

    return on_database(settings, Keyring.generate(), work)


def verify_log(settings: Settings, advance: Advance) -> Verification:
    """Whether the log is as it was written (`storage.audit_verification.verify`) and of one mind about what was shown,
    proven and done (`storage.audit_agreement`), read piece by piece.
    """

    async def work(database: Database) -> Verification:
        count, head, agreement = 0, None, Agreement()
        async with aclosing(pieces(database, LOWEST)) as read:
            async for piece in read:
                fault = verify(piece.records, after=head) or agreement.follow(piece.records)
                if fault is None and piece.records:
                    head = piece.records[-1]
                    count = head.seq
                if fault is None and piece.broken:
                    fault = Fault(seq=count + 1, kind=FaultKind.EDITED)
                if fault is not None:
                    return Verification(records=max(0, fault.seq - 1), head=head.hash if head else "", fault=fault)
                advance(count, piece.last)
        return Verification(records=count, head=head.hash if head else "", fault=None)

    return on_database(settings, Keyring.generate(), work)


def verify_state(settings: Settings, advance: Advance) -> list[StateFault]:
    """Rows that carry authority and are not as the log says, log and rows read in one snapshot."""

    def read(tx: Transaction) -> list[StateFault]:
        told, seq, last = ToldState(), 0, _last(tx)
        while records := tuple(islice(tx.audit.records(from_seq=seq + 1), CHUNK)):
            told.follow(records)
            seq = records[-1].seq
            advance(seq, last)
        return sorted(told.compare(tx.audit.state()), key=lambda fault: (fault.table, fault.row))

    return looked_up(settings, Keyring.generate(), read)


async def pieces(database: Database, from_seq: int) -> AsyncGenerator[Piece]:
    """The log in pieces, each read in a transaction of its own: nothing waits long, and a read that is tried again
    gives no record twice. At least one piece comes.
    """
    while True:
        piece = await database.read(_reading(from_seq))
        yield piece
        if piece.broken or len(piece.records) < CHUNK:
            return
        from_seq = piece.records[-1].seq + 1


async def as_file(database: Database) -> AsyncGenerator[bytes]:
    """The whole log as `doorward audit export` writes it, ready to be verified; what cannot be read ends it."""
    async with aclosing(pieces(database, LOWEST)) as read:
        async for piece in read:
            yield "".join(to_json_lines(piece.records, FIELDS)).encode()


def _reading(from_seq: int) -> Callable[[Transaction], Piece]:
    def read(tx: Transaction) -> Piece:
        found: list[AuditRecord] = []
        try:
            found.extend(islice(tx.audit.records(from_seq=from_seq), CHUNK))
        except UNREADABLE:
            return Piece(records=tuple(found), last=None, broken=True)
        return Piece(records=tuple(found), last=_last(tx))

    return read


def _last(tx: Transaction) -> int | None:
    try:
        return next((record.seq for record in tx.audit.search(limit=1)), None)
    except UNREADABLE:
        return None


def _fields(record: AuditRecord) -> dict[str, object]:
    exported = to_export(record)
    return {name: exported[name] for name in CONTRACT}
