"""What the demo HR system starts with: people, calendars, leave, a year of payslips, benefits."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

from adapters.connectors.demo.calendar import YEARS_AHEAD, YEARS_BACK, each_day, is_weekday
from adapters.connectors.demo.people import HR_OFFICERS, PEOPLE, Seed

LEAVE_TYPES = (
    ("paid", "Paid leave", "manager", 20, 50, 0),
    ("sick", "Sick leave", "manager", None, None, 1),
    ("unpaid", "Unpaid leave", "manager", 20, None, 0),
    ("long", "Long leave", "both", None, None, 0),
)
FIRST_LEAVE = 5001
PAYSLIP_MONTHS = 12
BENEFITS = (
    ("PENSION", "Company pension", (("3 %", 96_00, 48_00), ("5 %", 160_00, 80_00), ("8 %", 256_00, 128_00))),
    ("HEALTH", "Health plan", (("basic", 210_00, 35_00), ("plus", 260_00, 92_50))),
    ("TRANSIT", "Transit pass", (("none", 0, 0), ("city", 49_00, 0), ("region", 49_00, 37_20))),
)


def fill(connection: sqlite3.Connection, today: date) -> None:
    """Fill empty tables, relative to `today`."""
    _add_people(connection)
    add_holidays(connection, today.year)
    connection.executemany(
        "INSERT INTO leave_type VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(kind[0], position, *kind[1:]) for position, kind in enumerate(LEAVE_TYPES)],
    )
    _add_benefits(connection)
    for person in PEOPLE:
        _add_payslips(connection, person, today)
    _add_leaves(connection, today)


def add_holidays(connection: sqlite3.Connection, year: int) -> None:
    """The public holidays of the years the calendar knows; again at each start, so that an old file moves on."""
    for each in range(year - YEARS_BACK, year + YEARS_AHEAD + 1):
        connection.executemany(
            "INSERT OR IGNORE INTO holiday VALUES (?, ?, ?)",
            [(region, day.isoformat(), name) for region, day, name in holidays(each)],
        )


def holidays(year: int) -> tuple[tuple[str, date, str], ...]:
    """Region, day and name of a year's public holidays."""
    november = date(year, 11, 1)
    thanksgiving = november + timedelta(days=(3 - november.weekday()) % 7 + 21)
    return (
        ("eu", date(year, 1, 1), "New Year's Day"),
        ("eu", date(year, 5, 1), "Labour Day"),
        ("eu", date(year, 12, 25), "Christmas Day"),
        ("eu", date(year, 12, 26), "Second Day of Christmas"),
        ("us", date(year, 1, 1), "New Year's Day"),
        ("us", date(year, 7, 4), "Independence Day"),
        ("us", thanksgiving, "Thanksgiving"),
        ("us", date(year, 12, 25), "Christmas Day"),
    )


def _add_people(connection: sqlite3.Connection) -> None:
    for number, person in enumerate(PEOPLE, start=1):
        connection.execute(
            "INSERT INTO employee (id, username, name, first_name, department, region, manager, title, hired_on,"
            " email, phone, address, pay_cents, currency, pay_effective) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                person.id,
                person.username,
                person.name,
                person.first_name,
                person.department,
                person.region,
                person.manager,
                person.title,
                person.hired_on,
                f"{person.username}@home.example",
                f"+49 30 5550 10{number}",
                f"{number} Linden Row, Anytown",
                person.pay_cents,
                person.currency,
                person.hired_on,
            ),
        )
    connection.executemany("INSERT INTO hr_officer VALUES (?, ?)", HR_OFFICERS)


def _add_benefits(connection: sqlite3.Connection) -> None:
    for position, (code, name, choices) in enumerate(BENEFITS):
        connection.execute("INSERT INTO benefit VALUES (?, ?, ?)", (code, position, name))
        connection.executemany("INSERT INTO benefit_choice VALUES (?, ?, ?, ?)", [(code, *each) for each in choices])
        for number, person in enumerate(PEOPLE):
            choice = choices[number % len(choices)][0]
            connection.execute("INSERT INTO employee_benefit VALUES (?, ?, ?)", (person.id, code, choice))


def _months_before(today: date, count: int) -> list[date]:
    months, first = [], today.replace(day=1)
    for _ in range(count):
        first = (first - timedelta(days=1)).replace(day=1)
        months.append(first)
    return months


def _add_payslips(connection: sqlite3.Connection, person: Seed, today: date) -> None:
    for first in _months_before(today, PAYSLIP_MONTHS):
        # Some cents a month, so that each amount in the demo is found on one payslip only.
        allowance = 10_01 * first.month
        gross = person.pay_cents + allowance
        tax, insurance = gross * 1873 // 10_000, gross * 967 // 10_000
        net = gross - tax - insurance
        month = first.strftime("%Y-%m")
        end = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        payslip = f"P-{month}-{person.id}"
        connection.execute(
            "INSERT INTO payslip VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                payslip,
                person.id,
                month,
                f"{first:%Y%m}-{person.id[1:]}",
                first.isoformat(),
                end.isoformat(),
                person.currency,
                gross,
                net,
            ),
        )
        lines = (
            ("BASIC", "Base pay", person.pay_cents),
            ("ALLOW", "Allowance", allowance),
            ("GROSS", "Gross", gross),
            ("TAX", "Tax", -tax),
            ("INSUR", "Social insurance", -insurance),
            ("NET", "Net", net),
        )
        connection.executemany(
            "INSERT INTO payslip_line VALUES (?, ?, ?, ?, ?)",
            [(payslip, position, *line) for position, line in enumerate(lines)],
        )


def _add_leaves(connection: sqlite3.Connection, today: date) -> None:
    year = today.year
    soon = today + timedelta(days=14 - today.weekday())
    for employee, kind, start, days, state in (
        ("E1001", "paid", date(year, 2, 2), 5, "approved"),
        ("E1001", "paid", date(year, 6, 8), 6, "approved"),
        ("E1002", "paid", date(year, 3, 16), 7, "approved"),
        ("E1002", "sick", date(year, 1, 19), 3, "approved"),
        ("E1003", "paid", date(year, 4, 13), 8, "approved"),
        ("E1003", "paid", date(year, 12, 22), 2, "approved"),
        ("E1004", "paid", date(year, 2, 16), 4, "approved"),
        ("E1006", "paid", date(year, 3, 2), 10, "approved"),
        ("E1003", "paid", soon, 1, "approved"),
        ("E1005", "paid", soon, 3, "approved"),
        ("E1004", "paid", soon + timedelta(days=7), 2, "pending"),
    ):
        _add_leave(connection, employee, kind, _working_days(connection, employee, start, days), state, today)


def _working_days(connection: sqlite3.Connection, employee: str, start: date, count: int) -> list[date]:
    """The first working days from a day on: those on which nobody has leave of their own already."""
    taken = {
        row["day"]
        for row in connection.execute(
            "SELECT day FROM holiday JOIN employee USING (region) WHERE id = ?1"
            " UNION SELECT day FROM leave_day JOIN leave ON number = leave WHERE employee = ?1",
            (employee,),
        )
    }
    later = each_day(start, start + timedelta(days=60))
    free = [day for day in later if is_weekday(day) and day.isoformat() not in taken]
    return free[:count]


def _add_leave(
    connection: sqlite3.Connection, employee: str, kind: str, days: list[date], state: str, today: date
) -> None:
    asked = min(days[0] - timedelta(days=30), today - timedelta(days=2)).isoformat() + "T09:00:00+00:00"
    decided = state != "pending"
    manager = connection.execute("SELECT manager FROM employee WHERE id = ?", (employee,)).fetchone()["manager"]
    first = connection.execute("SELECT COALESCE(MAX(number) + 1, ?) AS n FROM leave", (FIRST_LEAVE,)).fetchone()["n"]
    connection.execute(
        "INSERT INTO leave (number, employee, type, start_on, end_on, portion, halves, state, note, created_at,"
        " approver, decided_by, decided_at) VALUES (?, ?, ?, ?, ?, 'full', ?, ?, '', ?, ?, ?, ?)",
        (
            first,
            employee,
            kind,
            days[0].isoformat(),
            days[-1].isoformat(),
            2 * len(days),
            state,
            asked,
            None if decided else manager,
            manager if decided else None,
            asked if decided else None,
        ),
    )
    connection.executemany("INSERT INTO leave_day VALUES (?, ?, 'full', 2)", [(first, day.isoformat()) for day in days])
