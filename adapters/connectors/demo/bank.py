"""Where salaries go: the most sensitive line of the demo HR system."""

from __future__ import annotations

import sqlite3

from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.reach import reach_bank_account
from bot.domain.iban import NoAccountNumber, normal
from bot.ports.bank_accounts import BankAccount
from bot.ports.connectors import Forbidden, Invalid, NotFound


def account(visit: Visit, employee: str) -> BankAccount:
    """Where one person's salary goes. Raises `NotFound`."""
    reach_bank_account(visit, employee)
    row = _row(visit.connection, employee)
    version = str(row["version"])
    return BankAccount(employee=employee, employee_name=row["name"], iban=row["iban"], version=version)


def change(visit: Visit, employee: str, iban: str, signed: object) -> BankAccount:
    """Send it to another account.

    (1) by its own person, (2) to the very number the grant was made for, (3) which is one, (4) where nobody changed it
    since it was shown. Raises `Forbidden`, `Invalid("iban")`, `Conflict(STALE)`, `NotFound`.
    """
    reach_bank_account(visit, employee)
    row = _row(visit.connection, employee)
    if visit.employee is None or visit.employee != employee:  # (1)
        raise Forbidden("nobody changes where somebody else is paid")
    if iban != signed:  # (2)
        raise Forbidden("another number than the grant is for")
    try:
        number = normal(iban)  # (3)
    except NoAccountNumber as error:
        raise Invalid("iban", error.why) from None
    visit.expect_version(row["version"])  # (4)
    visit.connection.execute(
        "UPDATE bank_account SET iban = ?, changed_on = ?, version = version + 1 WHERE employee = ?",
        (number, visit.today.isoformat(), employee),
    )
    return account(visit, employee)


def _row(connection: sqlite3.Connection, employee: str) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT b.*, e.name FROM bank_account b JOIN employee e ON e.id = b.employee WHERE b.employee = ?", (employee,)
    ).fetchone()
    if row is None:
        raise NotFound("bank_account")
    return row
