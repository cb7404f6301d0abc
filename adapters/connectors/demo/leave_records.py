"""Leave as the demo system keeps it: types, balances, requests, absences; nothing here writes."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast

from adapters.connectors.demo.calendar import check_range, holidays_of, in_days
from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.reach import reach_department, reach_employee, reach_leave
from adapters.connectors.demo.staff import employee_row
from bot.domain.leave import LeaveApproval, LeaveScope, LeaveState, Portion
from bot.ports.connectors import Invalid, NotFound
from bot.ports.hr import Absence, Holiday, Leave, LeaveBalance, LeaveType

LISTED_BACK = timedelta(days=365)
LEAVES = (
    "SELECT l.*, e.name AS employee_name, t.name AS type_name, t.sensitive, t.approval, t.second_over_halves,"
    " a.name AS approver_name, d.name AS decided_by_name"
    " FROM leave l JOIN employee e ON e.id = l.employee JOIN leave_type t ON t.id = l.type"
    " LEFT JOIN employee a ON a.id = l.approver LEFT JOIN employee d ON d.id = l.decided_by "
)
BALANCES = (
    "SELECT t.id, t.name, t.allowance_halves,"
    " COALESCE(SUM(d.halves) FILTER (WHERE l.state = 'approved'), 0) AS taken,"
    " COALESCE(SUM(d.halves) FILTER (WHERE l.state IN ('pending', 'second_approval')), 0) AS pending"
    " FROM leave_type t LEFT JOIN leave l ON l.type = t.id AND l.employee = ?1"
    " LEFT JOIN leave_day d ON d.leave = l.number AND d.day BETWEEN ?2 AND ?3"
    " WHERE CASE WHEN ?4 IS NULL THEN t.allowance_halves IS NOT NULL ELSE t.id = ?4 END"
    " GROUP BY t.id ORDER BY t.position"
)


def leave_types(visit: Visit) -> tuple[LeaveType, ...]:
    """All of them."""
    rows = visit.connection.execute("SELECT * FROM leave_type ORDER BY position")
    return tuple(
        LeaveType(
            id=row["id"],
            name=row["name"],
            approval=LeaveApproval(row["approval"]),
            second_approval_over=_optional_days(row["second_over_halves"]),
            allowance=_optional_days(row["allowance_halves"]),
            sensitive=bool(row["sensitive"]),
        )
        for row in rows
    )


def _optional_days(halves: int | None) -> Decimal | None:
    return None if halves is None else in_days(halves)


def type_row(connection: sqlite3.Connection, leave_type: str) -> sqlite3.Row:
    """The row of one type. Raises `Invalid("leave_type")`."""
    row = connection.execute("SELECT * FROM leave_type WHERE id = ?", (leave_type,)).fetchone()
    if row is None:
        raise Invalid("leave_type")
    return cast("sqlite3.Row", row)


def balances(visit: Visit, employee: str, on: date, leave_type: str | None) -> tuple[LeaveBalance, ...]:
    """Of one type, or of all with an allowance. Raises `Invalid("leave_type")`, `NotFound`."""
    reach_employee(visit, employee)
    if leave_type is not None:
        type_row(visit.connection, leave_type)
    known = visit.connection.execute("SELECT 1 FROM employee WHERE id = ?", (employee,)).fetchone()
    if known is None:
        raise NotFound("employee")
    values = (employee, f"{on.year}-01-01", f"{on.year}-12-31", leave_type)
    return tuple(_balance(row, employee, on) for row in visit.connection.execute(BALANCES, values))


def _balance(row: sqlite3.Row, employee: str, on: date) -> LeaveBalance:
    allowance, taken, pending = row["allowance_halves"], row["taken"], row["pending"]
    return LeaveBalance(
        employee=employee,
        type=row["id"],
        type_name=row["name"],
        on=on,
        allowance=None if allowance is None else in_days(allowance),
        taken=in_days(taken),
        pending=in_days(pending),
        remaining=None if allowance is None else in_days(allowance - taken - pending),
    )


def leave_row(connection: sqlite3.Connection, leave: str) -> sqlite3.Row:
    """The row of one request with its names. Raises `NotFound`."""
    row = connection.execute(LEAVES + "WHERE l.id = ?", (leave,)).fetchone()
    if row is None:
        raise NotFound("leave")
    return cast("sqlite3.Row", row)


def leave_of(row: sqlite3.Row) -> Leave:
    """The value of a row."""
    decided_at = row["decided_at"]
    return Leave(
        id=row["id"],
        employee=row["employee"],
        employee_name=row["employee_name"],
        type=row["type"],
        type_name=row["type_name"],
        sensitive=bool(row["sensitive"]),
        start=date.fromisoformat(row["start_on"]),
        end=date.fromisoformat(row["end_on"]),
        portion=Portion(row["portion"]),
        days=in_days(row["halves"]),
        state=LeaveState(row["state"]),
        raw_state=row["state"],
        note=row["note"],
        version=str(row["version"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        approver=row["approver"],
        approver_name=row["approver_name"],
        decided_by=row["decided_by"],
        decided_by_name=row["decided_by_name"],
        decided_at=None if decided_at is None else datetime.fromisoformat(decided_at),
        decision_note=row["decision_note"],
    )


def leave(visit: Visit, leave_id: str) -> Leave:
    """One request. Raises `NotFound`."""
    row = leave_row(visit.connection, leave_id)
    reach_leave(visit, leave_id, row["employee"])
    return leave_of(row)


def leaves(visit: Visit, employee: str, scope: LeaveScope) -> tuple[Leave, ...]:
    """Own ones, newest first, or those awaiting a decision, oldest first. Raises `NotFound`."""
    reach_employee(visit, employee)
    if scope is LeaveScope.OWN:
        since = (visit.today - LISTED_BACK).isoformat()
        where, values = (
            "WHERE l.employee = ? AND l.end_on >= ? ORDER BY l.start_on DESC, l.number DESC",
            (employee, since),
        )
    else:
        where, values = "WHERE l.approver = ? AND l.employee <> ? ORDER BY l.number", (employee, employee)
    return tuple(leave_of(row) for row in visit.connection.execute(LEAVES + where, values))


def absences(visit: Visit, department: str, start: date, end: date) -> tuple[Absence, ...]:
    """Who of a department is away or has asked to be. Raises `Invalid("end")`, `NotFound`."""
    reach_department(visit, department)
    check_range(start, end)
    rows = visit.connection.execute(
        LEAVES + "WHERE e.department = ? AND l.start_on <= ? AND l.end_on >= ?"
        " AND l.state IN ('pending', 'second_approval', 'approved') ORDER BY l.start_on, e.name",
        (department, end.isoformat(), start.isoformat()),
    )
    return tuple(absence_of(row) for row in rows)


def absence_of(row: sqlite3.Row) -> Absence:
    """That somebody is away, without why."""
    return Absence(
        employee=row["employee"],
        employee_name=row["employee_name"],
        start=date.fromisoformat(row["start_on"]),
        end=date.fromisoformat(row["end_on"]),
        portion=Portion(row["portion"]),
        state=LeaveState(row["state"]),
    )


def holidays(visit: Visit, employee: str, start: date, end: date) -> tuple[Holiday, ...]:
    """The public holidays where somebody works. Raises `Invalid("end")`, `NotFound`."""
    reach_employee(visit, employee)
    check_range(start, end)
    return holidays_of(visit.connection, employee_row(visit.connection, employee)["region"], start, end)
