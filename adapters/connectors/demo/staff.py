"""Who works here: names, profiles, contact data."""

from __future__ import annotations

import sqlite3
from datetime import date

from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.reach import reach_employee
from bot.ports.connectors import Invalid, NotFound
from bot.ports.hr import EmployeeCard, Profile

LONGEST_CONTACT = 200


def as_typed(text: str) -> str:
    """What people type, ready for comparison."""
    return " ".join(text.split()).lower()


def employee_row(connection: sqlite3.Connection, employee: str) -> sqlite3.Row:
    """The row of one employee. Raises `NotFound`."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT e.*, m.name AS manager_name FROM employee e LEFT JOIN employee m ON m.id = e.manager WHERE e.id = ?",
        (employee,),
    ).fetchone()
    if row is None:
        raise NotFound("employee")
    return row


def resolve(visit: Visit, name: str) -> EmployeeCard:
    """The one person meant. Raises `NotFound`."""
    rows = visit.connection.execute(
        "SELECT e.*, m.name AS manager_name FROM employee e LEFT JOIN employee m ON m.id = e.manager"
        " WHERE e.id IN (SELECT employee FROM employee_called WHERE called = ?)",
        (as_typed(name),),
    ).fetchall()
    if len(rows) != 1:
        raise NotFound("employee")
    row = rows[0]
    return EmployeeCard(
        employee=row["id"],
        username=row["username"],
        name=row["name"],
        department=row["department"],
        region=row["region"],
        manager=row["manager"],
        manager_name=row["manager_name"],
    )


def profile(visit: Visit, employee: str) -> Profile:
    """The record of one person. Raises `NotFound`."""
    reach_employee(visit, employee)
    row = employee_row(visit.connection, employee)
    return Profile(
        employee=row["id"],
        name=row["name"],
        title=row["title"],
        department=row["department"],
        region=row["region"],
        manager=row["manager"],
        manager_name=row["manager_name"],
        hired_on=date.fromisoformat(row["hired_on"]),
        email=row["email"],
        phone=row["phone"],
        address=row["address"],
        version=str(row["profile_version"]),
    )


def change_contact(visit: Visit, employee: str, changes: dict[str, str | None]) -> Profile:
    """Set the fields that are given. Raises `Invalid` with the field, `Conflict(STALE)`, `NotFound`."""
    reach_employee(visit, employee)
    row = employee_row(visit.connection, employee)
    visit.expect_version(row["profile_version"])
    for field, value in changes.items():
        check_text(field, value, longest=LONGEST_CONTACT)
    visit.connection.execute(
        "UPDATE employee SET email = COALESCE(:email, email), phone = COALESCE(:phone, phone),"
        " address = COALESCE(:address, address), profile_version = profile_version + 1 WHERE id = :id",
        {**changes, "id": employee},
    )
    return profile(visit, employee)


def check_text(field: str, value: str | None, *, longest: int) -> None:
    """Raises `Invalid(field)` for what is given and blank or too long; an `…email` also needs an at sign."""
    if value is None:
        return
    mail_without_at = field.endswith("email") and "@" not in value
    if not value.strip() or len(value) > longest or mail_without_at:
        raise Invalid(field)
