"""What the demo backend starts with, on whichever day it is started."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from adapters.connectors.demo.backend import DemoBackend
from adapters.connectors.demo.people import PEOPLE
from adapters.idp.demo.people import PEOPLE as ACCOUNTS
from bot.domain.leave import LeaveScope
from bot.errors import Misconfigured
from tests.contract.connectors import JOHN, MIA, SARAH, SUE, GrantDesk
from tests.fakes.clock import FixedClock


def at(day: datetime, path: Path | None = None) -> tuple[DemoBackend, GrantDesk]:
    desk = GrantDesk(clock=FixedClock(day))
    return DemoBackend(path=path, clock=desk.clock, verify=desk.verify, verify_facts=desk.verify_facts), desk


def test_the_people_are_the_accounts_of_the_demo_provider() -> None:
    numbers = {account.username: account.employee_number for account in ACCOUNTS}
    accounts = {
        (each.employee_number, each.username, each.name, each.department, each.region, numbers.get(each.manager or ""))
        for each in ACCOUNTS
    }
    assert accounts == {
        (each.id, each.username, each.name, each.department, each.region, each.manager) for each in PEOPLE
    }


@pytest.mark.parametrize(
    "day",
    [date(2026, 1, 1), date(2026, 3, 31), date(2026, 9, 14), date(2026, 12, 18), date(2028, 2, 29), date(2026, 12, 31)],
)
async def test_any_day_will_do(day: date) -> None:
    backend, desk = at(datetime(day.year, day.month, day.day, 9, tzinfo=UTC))
    grant = desk.grant(JOHN, "Employee", "E1001")
    (paid,) = await backend.hr.leave_balance(grant, desk.call(grant), employee="E1001", on=day)
    assert (paid.allowance, paid.taken, paid.pending, paid.remaining) == tuple(map(Decimal, (25, 11, 0, 14)))
    slips = await backend.hr.list_payslips(grant, desk.call(grant), employee="E1001")
    assert len(slips) == 12
    assert slips[0].period_end < day.replace(day=1)
    sarah = desk.grant(SARAH, "Employee", "E1003")
    waiting = await backend.hr.list_leaves(sarah, desk.call(sarah), employee="E1003", scope=LeaveScope.AWAITING)
    assert [leave.employee for leave in waiting] == ["E1004"]
    mia = desk.grant(MIA, "Employee", "E1002")
    assert await backend.hr.list_leaves(mia, desk.call(mia), employee="E1002", scope=LeaveScope.AWAITING) == ()
    backend.close()


async def test_john_is_free_before_christmas(now: datetime) -> None:
    backend, desk = at(now)
    grant = desk.grant(MIA, "Department", "sales")
    away = await backend.hr.list_absences(
        grant, desk.call(grant), department="sales", start=date(2026, 12, 21), end=date(2026, 12, 23)
    )
    assert [absence.employee for absence in away] == ["E1003"]
    backend.close()


async def test_each_amount_is_on_one_payslip_only(now: datetime) -> None:
    backend, desk = at(now)
    amounts: Counter[Decimal] = Counter()
    for person in PEOPLE:
        for month in range(1, 13):
            year = 2025 if month > 10 else 2026
            payslip = f"P-{year}-{month:02}-{person.id}"
            grant = desk.grant(JOHN, "Payslip", payslip)
            slip = await backend.hr.get_payslip(grant, desk.call(grant), payslip=payslip, employee=person.id)
            lines = {line.code: line.amount for line in slip.lines}
            assert lines["GROSS"] + lines["TAX"] + lines["INSUR"] == slip.net == lines["NET"]
            assert lines["BASIC"] + lines["ALLOW"] == slip.gross
            amounts.update([slip.gross, slip.net])
    assert set(amounts.values()) == {1}
    backend.close()


async def test_both_regions_have_customers_and_only_they_pay_in_their_currency(now: datetime) -> None:
    backend, desk = at(now)
    for region, currency in (("eu", "EUR"), ("us", "USD")):
        grant = desk.grant(SUE, "Region", region)
        customers = await backend.crm.search_customers(grant, desk.call(grant), text="", region=region)
        assert len(customers) == 6
        for customer in customers:
            own = desk.grant(SUE, "Customer", customer.id)
            sales = await backend.crm.list_opportunities(own, desk.call(own), customer=customer.id)
            assert {sale.currency for sale in sales} <= {currency}
            assert await backend.crm.list_tickets(own, desk.call(own), customer=customer.id)
    backend.close()


async def test_a_file_is_seeded_once_and_its_calendar_moves_on(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "demo.db"
    first, desk = at(now, path)
    under = desk.grant(JOHN, "Employee", "E1001")
    await first.hr.update_contact(under, desk.call(under), employee="E1001", phone="+1 555 0199")
    first.close()
    again, desk = at(now.replace(year=now.year + 3), path)
    under = desk.grant(JOHN, "Employee", "E1001")
    assert (await again.hr.get_profile(under, desk.call(under), employee="E1001")).phone == "+1 555 0199"
    holidays = await again.hr.list_holidays(
        under, desk.call(under), employee="E1001", start=date(2029, 12, 1), end=date(2029, 12, 31)
    )
    assert [holiday.day.day for holiday in holidays] == [25, 26]
    again.close()


def test_a_database_of_something_else_is_refused(tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE payroll (id INTEGER)")
    other.close()
    with pytest.raises(Misconfigured):
        at(now, path)


def test_the_file_says_that_it_is_a_demo(tmp_path: Path, now: datetime) -> None:
    backend, _ = at(now, tmp_path / "demo.db")
    backend.close()
    with sqlite3.connect(tmp_path / "demo.db") as opened:
        assert "demo" in opened.execute("SELECT text FROM label").fetchone()[0]
    opened.close()
