"""How the demo system counts days: weekdays less the region's public holidays, in halves."""

from __future__ import annotations

import calendar
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bot.domain.leave import Portion
from bot.ports.connectors import Invalid
from bot.ports.hr import Holiday

LONGEST_DAYS = 366
YEARS_BACK = 1
YEARS_AHEAD = 2
"""The calendar is known, and leave can be asked for, from last year to two years on."""
FIRST_WEEKEND_DAY = calendar.SATURDAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of days with what each counts, as one region's calendar has it."""

    start: date
    end: date
    portion: Portion
    days: tuple[date, ...]
    """Those that count."""
    holidays: tuple[Holiday, ...]

    @property
    def halves_a_day(self) -> int:
        """Two for a full day."""
        return 2 if self.portion is Portion.FULL else 1

    @property
    def halves(self) -> int:
        """All that counts."""
        return len(self.days) * self.halves_a_day

    def halves_in(self, year: int) -> int:
        """What counts in one year."""
        return sum(self.halves_a_day for day in self.days if day.year == year)


def in_days(halves: int) -> Decimal:
    """Halves as days."""
    return Decimal(halves) / 2


def each_day(start: date, end: date) -> Iterator[date]:
    """Every day of a range, both ends included."""
    for offset in range((end - start).days + 1):
        yield start + timedelta(days=offset)


def is_weekday(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < FIRST_WEEKEND_DAY


def holidays_of(connection: sqlite3.Connection, region: str, start: date, end: date) -> tuple[Holiday, ...]:
    """The public holidays of a region, by day."""
    rows = connection.execute(
        "SELECT day, name FROM holiday WHERE region = ? AND day BETWEEN ? AND ? ORDER BY day",
        (region, start.isoformat(), end.isoformat()),
    )
    return tuple(
        Holiday(day=date.fromisoformat(row["day"]), name=row["name"], code=holiday_code(row["name"])) for row in rows
    )


def holiday_code(name: str) -> str:
    """The stable code of a public holiday: `new_years_day`."""
    return name.replace("'", "").replace(" ", "_").lower()


def span_of(
    connection: sqlite3.Connection, *, region: str, start: date, end: date, portion: Portion, today: date
) -> Span:
    """The range counted. Raises `Invalid("start" | "end" | "portion")`; a range without a working day is `start`."""
    check_range(start, end)
    if start.year < today.year - YEARS_BACK:
        raise Invalid("start", "before the calendar begins")
    if end.year > today.year + YEARS_AHEAD:
        raise Invalid("end", "after the calendar ends")
    if portion is not Portion.FULL and start != end:
        raise Invalid("portion", "half of a single day only")
    holidays = tuple(holiday for holiday in holidays_of(connection, region, start, end) if is_weekday(holiday.day))
    free = {holiday.day for holiday in holidays}
    days = tuple(day for day in each_day(start, end) if is_weekday(day) and day not in free)
    if not days:
        raise Invalid("start", "no working day in the range")
    return Span(start=start, end=end, portion=portion, days=days, holidays=holidays)


def check_range(start: date, end: date) -> None:
    """Raises `Invalid("end")` for a range that is backwards or longer than a year."""
    if end < start:
        raise Invalid("end", "before the start")
    if (end - start).days > LONGEST_DAYS:
        raise Invalid("end", "more than a year after the start")
