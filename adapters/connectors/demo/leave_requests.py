"""Asking for leave in the demo system: preview, create, change."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date

from adapters.connectors.demo.calendar import Span, in_days, span_of
from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.leave_records import BALANCES, LEAVES, absence_of, leave_of, leave_row, type_row
from adapters.connectors.demo.reach import reach_employee, reach_leave
from adapters.connectors.demo.staff import employee_row
from bot.domain.leave import LeaveApproval, LeaveState, Portion
from bot.ports.connectors import Conflict, ConflictReason, Invalid, NotFound
from bot.ports.hr import Leave, LeavePreview

LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for."""

    employee: str
    leave_type: str
    start: date
    end: date
    portion: Portion
    note: str = ""


def preview(visit: Visit, asked: Asked) -> LeavePreview:
    """What the request would be; the balance is of the first day's year. Raises `Invalid`, `NotFound`."""
    reach_employee(visit, asked.employee)
    person = employee_row(visit.connection, asked.employee)
    kind = type_row(visit.connection, asked.leave_type)
    span = _span(visit, asked, person["region"])
    year = asked.start.year
    before = _remaining(visit.connection, asked, year)
    return LeavePreview(
        employee=person["id"],
        employee_name=person["name"],
        type=kind["id"],
        type_name=kind["name"],
        start=asked.start,
        end=asked.end,
        portion=asked.portion,
        working_days=in_days(span.halves),
        holidays=span.holidays,
        balance_before=None if before is None else in_days(before),
        balance_after=None if before is None else in_days(before - span.halves_in(year)),
        overlaps=tuple(absence_of(row) for row in _overlaps(visit.connection, asked.employee, span, besides=0)),
        approver=person["manager"],
        approver_name=person["manager_name"],
        second_approval=needs_second(kind, span.halves),
        sensitive=bool(kind["sensitive"]),
    )


def needs_second(kind: sqlite3.Row, halves: int) -> bool:
    """Whether a second approval follows the manager's: by type, or by length."""
    limit = kind["second_over_halves"]
    return kind["approval"] == LeaveApproval.BOTH or (limit is not None and halves > limit)


def create(visit: Visit, asked: Asked) -> Leave:
    """Store a request. Raises `Invalid`, `NotFound`, `Conflict(OVERLAP | INSUFFICIENT_BALANCE)`."""
    reach_employee(visit, asked.employee)
    person = employee_row(visit.connection, asked.employee)
    type_row(visit.connection, asked.leave_type)
    span = _span(visit, asked, person["region"])
    _check_fits(visit.connection, asked, span, besides=0)
    number = visit.connection.execute(
        "INSERT INTO leave (employee, type, start_on, end_on, portion, halves, state, note, created_at, approver)"
        " VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?) RETURNING number",
        (
            asked.employee,
            asked.leave_type,
            asked.start.isoformat(),
            asked.end.isoformat(),
            asked.portion,
            span.halves,
            asked.note,
            visit.now.isoformat(),
            person["manager"],
        ),
    ).fetchone()["number"]
    _store_days(visit.connection, number, span)
    return leave_of(visit.connection.execute(LEAVES + "WHERE l.number = ?", (number,)).fetchone())


def change(visit: Visit, leave: str, *, start: date, end: date, portion: Portion, note: str) -> Leave:
    """Change one's own pending request. Raises `Conflict`, `Invalid`, `NotFound`."""
    row = leave_row(visit.connection, leave)
    reach_leave(visit, leave, row["employee"])
    if visit.employee != row["employee"]:
        raise NotFound("leave")
    if row["state"] != LeaveState.PENDING:
        raise Conflict(ConflictReason.ALREADY_DECIDED)
    visit.expect_version(row["version"])
    asked = Asked(employee=row["employee"], leave_type=row["type"], start=start, end=end, portion=portion, note=note)
    span = _span(visit, asked, employee_row(visit.connection, row["employee"])["region"])
    _check_fits(visit.connection, asked, span, besides=row["number"])
    visit.connection.execute(
        "UPDATE leave SET start_on = ?, end_on = ?, portion = ?, halves = ?, note = ?, version = version + 1"
        " WHERE number = ?",
        (start.isoformat(), end.isoformat(), portion, span.halves, note, row["number"]),
    )
    visit.connection.execute("DELETE FROM leave_day WHERE leave = ?", (row["number"],))
    _store_days(visit.connection, row["number"], span)
    return leave_of(leave_row(visit.connection, leave))


def _span(visit: Visit, asked: Asked, region: str) -> Span:
    if len(asked.note) > LONGEST_NOTE:
        raise Invalid("note")
    return span_of(
        visit.connection,
        region=region,
        start=asked.start,
        end=asked.end,
        portion=asked.portion,
        today=visit.today,
    )


def _check_fits(connection: sqlite3.Connection, asked: Asked, span: Span, *, besides: int) -> None:
    if _overlaps(connection, asked.employee, span, besides=besides):
        raise Conflict(ConflictReason.OVERLAP)
    for year in {day.year for day in span.days}:
        remaining = _remaining(connection, asked, year)
        if remaining is not None and remaining + _asked_before(connection, besides, year) < span.halves_in(year):
            raise Conflict(ConflictReason.INSUFFICIENT_BALANCE)


def _remaining(connection: sqlite3.Connection, asked: Asked, year: int) -> int | None:
    row = connection.execute(BALANCES, (asked.employee, f"{year}-01-01", f"{year}-12-31", asked.leave_type)).fetchone()
    allowance: int | None = row["allowance_halves"]
    return None if allowance is None else allowance - row["taken"] - row["pending"]


def _asked_before(connection: sqlite3.Connection, leave: int, year: int) -> int:
    halves: int = connection.execute(
        "SELECT COALESCE(SUM(halves), 0) AS halves FROM leave_day WHERE leave = ? AND day BETWEEN ? AND ?",
        (leave, f"{year}-01-01", f"{year}-12-31"),
    ).fetchone()["halves"]
    return halves


def _overlaps(connection: sqlite3.Connection, employee: str, span: Span, *, besides: int) -> list[sqlite3.Row]:
    """Own leave on the same days; a morning and an afternoon do not meet."""
    return connection.execute(
        LEAVES  # noqa: S608 - two constants
        + "WHERE l.employee = ? AND l.number <> ? AND l.state IN ('pending', 'second_approval', 'approved')"
        " AND l.start_on <= ? AND l.end_on >= ? AND EXISTS (SELECT 1 FROM leave_day d WHERE d.leave = l.number"
        " AND d.day BETWEEN ? AND ? AND (d.portion = 'full' OR ? = 'full' OR d.portion = ?)) ORDER BY l.start_on",
        (
            employee,
            besides,
            span.end.isoformat(),
            span.start.isoformat(),
            span.start.isoformat(),
            span.end.isoformat(),
            span.portion,
            span.portion,
        ),
    ).fetchall()


def _store_days(connection: sqlite3.Connection, number: int, span: Span) -> None:
    connection.executemany(
        "INSERT INTO leave_day VALUES (?, ?, ?, ?)",
        [(number, day.isoformat(), span.portion, span.halves_a_day) for day in span.days],
    )
