"""Every edit, deletion, insertion and reordering is found, at every position of a log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from storage.audit_log import GENESIS, chained
from storage.audit_verification import Fault, FaultKind, verify

ROWS = 60
START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
POSITIONS = range(ROWS)
Log = list[AuditRecord]


def following(previous: str, seq: int, event: AuditEvent) -> AuditRecord:
    return AuditRecord(seq=seq, event=event, previous=previous, hash=chained(previous, event))


def event(number: int) -> AuditEvent:
    return AuditEvent(
        time=START + timedelta(seconds=number),
        type=EventType.ACCESS_DECIDED,
        principal=f"https://issuer#{number % 7}",
        channel="slack:T1:U1",
        action="ViewLeaveBalance",
        resource=f"Employee::{number}",
        decision="allow",
        rules=("own-low",),
        policy_hash="ab" * 32,
        correlation=f"c-{number}",
        code="",
    )


@pytest.fixture(scope="module")
def log() -> Log:
    records: Log = []
    for number in POSITIONS:
        records.append(following(records[-1].hash if records else GENESIS, number + 1, event(number)))
    return records


def renumbered(records: Log) -> Log:
    return [replace(record, seq=seq) for seq, record in enumerate(records, start=1)]


def test_a_log_as_written_has_no_fault(log: Log) -> None:
    assert verify(log) is None
    assert verify([]) is None
    assert verify(log[20:], after=log[19]) is None


EDITS: dict[str, Callable[[AuditEvent], AuditEvent]] = {
    "time": lambda e: replace(e, time=e.time + timedelta(microseconds=1)),
    "type": lambda e: replace(e, type=EventType.VIEW_OPENED),
    "principal": lambda e: replace(e, principal=e.principal + "x"),
    "channel": lambda e: replace(e, channel="web"),
    "action": lambda e: replace(e, action=""),
    "resource": lambda e: replace(e, resource="Employee::boss"),
    "decision": lambda e: replace(e, decision="deny"),
    "rules": lambda e: replace(e, rules=("own", "low")),
    "policy_hash": lambda e: replace(e, policy_hash="cd" * 32),
    "correlation": lambda e: replace(e, correlation=""),
    "code": lambda e: replace(e, code="ok"),
    "digest": lambda e: replace(e, digest="" if e.digest else "ef" * 32),
}


def test_every_field_is_tried() -> None:
    assert set(EDITS) == {field.name for field in fields(AuditEvent)}


@pytest.mark.requirement("73")
@pytest.mark.parametrize("field", EDITS)
def test_an_edit_is_named(log: Log, field: str) -> None:
    for position in POSITIONS:
        edited = [*log]
        edited[position] = replace(log[position], event=EDITS[field](log[position].event))
        assert verify(edited) == Fault(seq=position + 1, kind=FaultKind.EDITED)


@pytest.mark.requirement("73")
def test_an_edit_with_its_hash_made_anew_is_found_at_the_next_record(log: Log) -> None:
    for position in POSITIONS[:-1]:
        edited = [*log]
        forged = replace(log[position].event, decision="deny")
        edited[position] = following(log[position].previous, position + 1, forged)
        assert verify(edited) == Fault(seq=position + 2, kind=FaultKind.MISPLACED)


@pytest.mark.requirement("73")
@pytest.mark.parametrize("broken", ["", "not hexadecimal", "ab", "ä" * 64])
def test_a_broken_hash_is_an_edit(log: Log, broken: str) -> None:
    for position in POSITIONS:
        for broken_record in (replace(log[position], hash=broken), replace(log[position], previous=broken)):
            edited = [*log]
            edited[position] = broken_record
            assert verify(edited) == Fault(seq=position + 1, kind=FaultKind.EDITED)


@pytest.mark.requirement("73")
def test_a_deletion_is_named(log: Log) -> None:
    for position in POSITIONS[:-1]:
        shorter = log[:position] + log[position + 1 :]
        assert verify(shorter) == Fault(seq=position + 1, kind=FaultKind.MISSING)
        assert verify(renumbered(shorter)) == Fault(seq=position + 1, kind=FaultKind.MISPLACED)


@pytest.mark.requirement("73")
def test_an_insertion_is_named(log: Log) -> None:
    for position in POSITIONS:
        strange = following(log[position].previous, position + 1, event(1000))
        longer = [*log[:position], strange, *log[position:]]
        assert verify(longer) == Fault(seq=position + 1, kind=FaultKind.REPEATED)
        assert verify(renumbered(longer)) == Fault(seq=position + 2, kind=FaultKind.MISPLACED)
        copied = [*log[:position], log[0], *log[position:]]
        if position:
            assert verify(renumbered(copied)) == Fault(seq=position + 1, kind=FaultKind.MISPLACED)


@pytest.mark.requirement("73")
def test_a_reordering_is_named(log: Log) -> None:
    for position in POSITIONS[:-1]:
        swapped = [*log]
        swapped[position], swapped[position + 1] = log[position + 1], log[position]
        assert verify(renumbered(swapped)) == Fault(seq=position + 1, kind=FaultKind.MISPLACED)
        assert verify(swapped) == Fault(seq=position + 1, kind=FaultKind.MISSING)


@pytest.mark.requirement("73")
def test_a_log_that_starts_elsewhere_is_not_ours(log: Log) -> None:
    first = following("00" * 32, 1, event(0))
    assert verify([first]) == Fault(seq=1, kind=FaultKind.MISPLACED)
    assert verify(log[1:]) == Fault(seq=1, kind=FaultKind.MISSING)
