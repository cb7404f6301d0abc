"""Deciding on leave in the demo system: by compare-and-set, never on one's own request."""

from __future__ import annotations

import sqlite3

from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.leave_records import leave_of, leave_row
from adapters.connectors.demo.leave_requests import needs_second
from adapters.connectors.demo.reach import reach_leave
from bot.domain.leave import LeaveState, Verdict
from bot.ports.connectors import Conflict, ConflictReason, Forbidden, Invalid, NotFound
from bot.ports.hr import Leave

UNDECIDED = (LeaveState.PENDING, LeaveState.SECOND_APPROVAL)
DECIDED = (LeaveState.APPROVED, LeaveState.REFUSED)
LONGEST_NOTE = 500


def decide(visit: Visit, leave: str, verdict: Verdict, note: str, expected_state: LeaveState) -> Leave:
    """Approve or refuse, once.

    1. the grant reaches the request, 2. the decider is known and not its owner, 3. it is still to be decided and in
    the state the decider saw, 4. of the version they saw, 5. the second approval is not by whoever gave the first,
    6. nobody else was quicker. Raises `NotFound`, `Forbidden`, `Conflict(ALREADY_DECIDED | STALE)`, `Invalid("note")`.
    """
    row = leave_row(visit.connection, leave)
    reach_leave(visit, leave, row["employee"])  # (1)
    if visit.employee is None or visit.employee == row["employee"]:  # (2)
        raise Forbidden("nobody decides on their own request")
    _expect_state(row, expected_state)  # (3)
    visit.expect_version(row["version"])  # (4)
    if visit.employee == row["first_decided_by"]:  # (5)
        raise Forbidden("the second approval is somebody else's")
    if len(note) > LONGEST_NOTE:
        raise Invalid("note")
    if verdict is Verdict.APPROVE and _only_first(visit, row):
        _move(visit, row, LeaveState.SECOND_APPROVAL, note)  # (6)
    else:
        _move(visit, row, LeaveState.APPROVED if verdict is Verdict.APPROVE else LeaveState.REFUSED, note)  # (6)
    return leave_of(leave_row(visit.connection, leave))


def withdraw(visit: Visit, leave: str) -> Leave:
    """Take back one's own undecided request. Raises `Conflict(ALREADY_DECIDED | STALE)`, `NotFound`."""
    row = leave_row(visit.connection, leave)
    reach_leave(visit, leave, row["employee"])
    if visit.employee != row["employee"]:
        raise NotFound("leave")
    if row["state"] not in UNDECIDED:
        raise Conflict(ConflictReason.ALREADY_DECIDED)
    visit.expect_version(row["version"])
    _move(visit, row, LeaveState.CANCELLED, "")
    return leave_of(leave_row(visit.connection, leave))


def cancel(visit: Visit, leave: str, note: str) -> Leave:
    """Cancel an approved leave that has not begun. Raises `Conflict(ALREADY_DECIDED | STALE)`, `NotFound`."""
    row = leave_row(visit.connection, leave)
    reach_leave(visit, leave, row["employee"])
    if row["state"] != LeaveState.APPROVED or row["start_on"] <= visit.today.isoformat():
        raise Conflict(ConflictReason.ALREADY_DECIDED)
    visit.expect_version(row["version"])
    _move(visit, row, LeaveState.CANCELLED, note)
    return leave_of(leave_row(visit.connection, leave))


def reopen(visit: Visit, leave: str, note: str) -> Leave:
    """Take back one's own decision, before the leave begins: it waits for the manager again.

    Raises `NotFound`, `Forbidden`, `Conflict(ALREADY_DECIDED | STALE)`, `Invalid("note")`.
    """
    row = leave_row(visit.connection, leave)
    reach_leave(visit, leave, row["employee"])
    if visit.employee is None or visit.employee == row["employee"]:
        raise Forbidden("nobody decides on their own request")
    if row["state"] not in DECIDED or row["start_on"] <= visit.today.isoformat():
        raise Conflict(ConflictReason.ALREADY_DECIDED)
    if visit.employee != row["decided_by"]:
        raise Forbidden("somebody else decided this")
    visit.expect_version(row["version"])
    if not note.strip() or len(note) > LONGEST_NOTE:
        raise Invalid("note")
    opened = visit.connection.execute(
        "UPDATE leave SET state = 'pending', version = version + 1, decision_note = :note, first_decided_by = NULL,"
        " decided_by = NULL, decided_at = NULL, approver = (SELECT manager FROM employee WHERE id = leave.employee)"
        " WHERE number = :number AND state = :was AND version = :version",
        {"note": note, "number": row["number"], "was": row["state"], "version": row["version"]},
    )
    if opened.rowcount != 1:
        raise Conflict(ConflictReason.ALREADY_DECIDED)
    return leave_of(leave_row(visit.connection, leave))


def _expect_state(row: sqlite3.Row, expected: LeaveState) -> None:
    if row["state"] != expected or row["state"] not in UNDECIDED:
        raise Conflict(ConflictReason.ALREADY_DECIDED)


def _only_first(visit: Visit, row: sqlite3.Row) -> bool:
    """Whether this approval is the manager's first of two; an HR officer's word is the last one."""
    return (
        row["state"] == LeaveState.PENDING
        and needs_second(row, row["halves"])
        and visit.employee not in _officers(visit, row["employee"])
    )


def _officers(visit: Visit, employee: str) -> tuple[str, ...]:
    rows = visit.connection.execute(
        "SELECT o.employee FROM hr_officer o JOIN employee e ON e.department = o.department"
        " WHERE e.id = ?1 AND o.employee <> ?1 ORDER BY o.employee",
        (employee,),
    )
    return tuple(row["employee"] for row in rows)


def _move(visit: Visit, row: sqlite3.Row, state: LeaveState, note: str) -> None:
    """Compare and set. Raises `Conflict(ALREADY_DECIDED)`."""
    first = state is LeaveState.SECOND_APPROVAL
    officers = _officers(visit, row["employee"]) if first else ()
    moved = visit.connection.execute(
        "UPDATE leave SET state = :state, version = version + 1, approver = :approver, decision_note = :note,"
        " first_decided_by = CASE WHEN :first THEN :by ELSE first_decided_by END,"
        " decided_by = CASE WHEN :first THEN NULL ELSE :by END, decided_at = CASE WHEN :first THEN NULL ELSE :at END"
        " WHERE number = :number AND state = :was AND version = :version",
        {
            "state": state,
            "approver": next(iter(officers), None),
            "note": note,
            "first": first,
            "by": visit.employee,
            "at": visit.now.isoformat(),
            "number": row["number"],
            "was": row["state"],
            "version": row["version"],
        },
    )
    if moved.rowcount != 1:
        raise Conflict(ConflictReason.ALREADY_DECIDED)
