"""Payslips, base pay and benefits: the confidential part of the demo HR system."""

from __future__ import annotations

import sqlite3
from datetime import date
from decimal import Decimal

from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.reach import reach_employee, reach_payslip
from adapters.connectors.demo.staff import employee_row
from bot.ports.connectors import Forbidden, Invalid, NotFound
from bot.ports.hr import Benefit, Benefits, Pay, Payslip, PayslipLine, PayslipSummary

HIGHEST_MONTHLY = Decimal(1_000_000)


def in_money(cents: int) -> Decimal:
    """Cents as an amount with two places."""
    return Decimal(cents).scaleb(-2)


def list_payslips(visit: Visit, employee: str) -> tuple[PayslipSummary, ...]:
    """Those of one person, newest first. Raises `NotFound`."""
    reach_employee(visit, employee)
    employee_row(visit.connection, employee)
    rows = visit.connection.execute("SELECT * FROM payslip WHERE employee = ? ORDER BY month DESC", (employee,))
    return tuple(
        PayslipSummary(
            id=row["id"],
            employee=row["employee"],
            number=row["number"],
            period_start=date.fromisoformat(row["period_start"]),
            period_end=date.fromisoformat(row["period_end"]),
        )
        for row in rows
    )


def payslip(visit: Visit, payslip_id: str, employee: str) -> Payslip:
    """One payslip, if the grant is for it and it is `employee`'s. Raises `NotFound`."""
    reach_payslip(visit, payslip_id)
    row = visit.connection.execute(
        "SELECT p.*, e.name AS employee_name FROM payslip p JOIN employee e ON e.id = p.employee"
        " WHERE p.id = ? AND p.employee = ?",
        (payslip_id, employee),
    ).fetchone()
    if row is None:
        raise NotFound("payslip")
    return Payslip(
        id=row["id"],
        employee=row["employee"],
        employee_name=row["employee_name"],
        number=row["number"],
        period_start=date.fromisoformat(row["period_start"]),
        period_end=date.fromisoformat(row["period_end"]),
        currency=row["currency"],
        gross=in_money(row["gross_cents"]),
        net=in_money(row["net_cents"]),
        lines=_lines(visit.connection, payslip_id),
        version="1",
    )


def _lines(connection: sqlite3.Connection, payslip_id: str) -> tuple[PayslipLine, ...]:
    rows = connection.execute("SELECT * FROM payslip_line WHERE payslip = ? ORDER BY position", (payslip_id,))
    return tuple(PayslipLine(code=row["code"], label=row["label"], amount=in_money(row["cents"])) for row in rows)


def set_pay(visit: Visit, employee: str, monthly: Decimal, currency: str, effective: date) -> Pay:
    """Set the base pay. Raises `Forbidden` on one's own, `Invalid`, `Conflict(STALE)`, `NotFound`."""
    reach_employee(visit, employee)
    if visit.employee is None or visit.employee == employee:
        raise Forbidden("nobody sets their own pay")
    row = employee_row(visit.connection, employee)
    visit.expect_version(row["pay_version"])
    if not 0 < monthly <= HIGHEST_MONTHLY or monthly != round(monthly, 2):
        raise Invalid("monthly")
    if currency != row["currency"]:
        raise Invalid("currency")
    visit.connection.execute(
        "UPDATE employee SET pay_cents = ?, pay_effective = ?, pay_version = pay_version + 1 WHERE id = ?",
        (int(monthly.scaleb(2)), effective.isoformat(), employee),
    )
    return Pay(
        employee=employee,
        monthly=round(monthly, 2),
        currency=currency,
        effective=effective,
        version=str(row["pay_version"] + 1),
    )


def benefits(visit: Visit, employee: str) -> Benefits:
    """What one person holds. Raises `NotFound`."""
    reach_employee(visit, employee)
    person = employee_row(visit.connection, employee)
    rows = visit.connection.execute(
        "SELECT * FROM employee_benefit JOIN benefit USING (code) JOIN benefit_choice USING (code, choice)"
        " WHERE employee = ? ORDER BY position",
        (employee,),
    )
    held = tuple(
        Benefit(
            code=row["code"],
            name=row["name"],
            choice=row["choice"],
            employer_monthly=in_money(row["employer_cents"]),
            employee_monthly=in_money(row["employee_cents"]),
            currency=person["currency"],
        )
        for row in rows
    )
    version = str(person["benefits_version"])
    return Benefits(employee=employee, employee_name=person["name"], benefits=held, version=version)


def choose_benefit(visit: Visit, employee: str, code: str, choice: str) -> Benefits:
    """Choose another variant. Raises `Invalid("code" | "choice")`, `Conflict(STALE)`, `NotFound`."""
    reach_employee(visit, employee)
    visit.expect_version(employee_row(visit.connection, employee)["benefits_version"])
    choices = visit.connection.execute("SELECT choice FROM benefit_choice WHERE code = ?", (code,)).fetchall()
    if not choices:
        raise Invalid("code")
    if choice not in {row["choice"] for row in choices}:
        raise Invalid("choice")
    visit.connection.execute(
        "UPDATE employee_benefit SET choice = ? WHERE employee = ? AND code = ?", (choice, employee, code)
    )
    visit.connection.execute("UPDATE employee SET benefits_version = benefits_version + 1 WHERE id = ?", (employee,))
    return benefits(visit, employee)
