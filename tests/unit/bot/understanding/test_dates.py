"""Days in sentences, in two languages."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.dates import Days, DaysProblem, days_in
from tests.unit.bot.understanding.conftest import MONDAY


def _days(text: str, *, today: date = MONDAY, locale: str = "en") -> tuple[str, str] | DaysProblem:
    found = days_in(text, today=today, locale=locale)
    return (found.start.isoformat(), found.end.isoformat()) if isinstance(found, Days) else found


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("21 to 23 December", "2026-12-21", "2026-12-23"),
        ("I'd like to take 21 to 23 December off", "2026-12-21", "2026-12-23"),
        ("21.–23. Dezember", "2026-12-21", "2026-12-23"),
        ("21.12.-23.12.", "2026-12-21", "2026-12-23"),
        ("vom 21. bis 23. Dezember", "2026-12-21", "2026-12-23"),
        ("December 21-23", "2026-12-21", "2026-12-23"),
        ("Dec 21st to Dec 23rd", "2026-12-21", "2026-12-23"),
        ("vom 21.12.2026 bis 23.12.2026", "2026-12-21", "2026-12-23"),
        ("2026-12-21 2026-12-23", "2026-12-21", "2026-12-23"),
        ("from the 3rd to the 7th of January", "2027-01-03", "2027-01-07"),
        ("from the 3rd to the 7th", "2026-12-03", "2026-12-07"),
        ("28 December to 3 January", "2026-12-28", "2027-01-03"),
        ("between 1 july and 14 july", "2027-07-01", "2027-07-14"),
        ("zwischen dem 1. Juli und dem 14. Juli", "2027-07-01", "2027-07-14"),
        ("14 and 15 march", "2027-03-14", "2027-03-15"),
        ("next Monday", "2026-11-30", "2026-11-30"),
        ("nächsten Montag", "2026-11-30", "2026-11-30"),
        ("Friday", "2026-11-27", "2026-11-27"),
        ("mon-wed", "2026-11-30", "2026-12-02"),
        ("Monday to Wednesday", "2026-11-30", "2026-12-02"),
        ("tomorrow to Friday", "2026-11-24", "2026-11-27"),
        ("tomorrow afternoon", "2026-11-24", "2026-11-24"),
        ("morgen Nachmittag", "2026-11-24", "2026-11-24"),
        ("am Freitag morgen", "2026-11-27", "2026-11-27"),
        ("Freitagnachmittag", "2026-11-27", "2026-11-27"),
        ("the 24th", "2026-11-24", "2026-11-24"),
        ("the 5th of may", "2027-05-05", "2027-05-05"),
        ("in zwei Wochen", "2026-12-07", "2026-12-07"),
        ("a week off starting monday", "2026-11-30", "2026-12-06"),
        ("next week", "2026-11-30", "2026-12-04"),
        ("this week", "2026-11-23", "2026-11-27"),
        ("Christmas week", "2026-12-21", "2026-12-25"),
        ("Weihnachtswoche", "2026-12-21", "2026-12-25"),
        ("29 February", "2028-02-29", "2028-02-29"),
        ("I was sick yesterday", "2026-11-22", "2026-11-22"),
        ("I was ill on Friday", "2026-11-20", "2026-11-20"),
    ],
)
def test_days_are_read(text: str, start: str, end: str) -> None:
    assert _days(text) == (start, end)


@pytest.mark.parametrize(
    "text", ["23 to 21 December", "23 December 2026 to 21 December 2026", "23 December to 21 December"]
)
def test_an_end_before_the_start_is_said_so(text: str) -> None:
    assert _days(text) is DaysProblem.BACKWARDS


@pytest.mark.parametrize(
    "text",
    ["31 November", "2026-13-45", "Monday and Wednesday", "1 may, 3 june and 4 july", "32.13.", "1 January 2099"],
)
def test_what_cannot_be_one_range_is_unclear(text: str) -> None:
    assert _days(text) is DaysProblem.UNCLEAR


@pytest.mark.parametrize("text", ["", "vacation in august", "I have 2 questions", "leave LV-12", "may I have leave"])
def test_where_no_day_is_named_there_is_none(text: str) -> None:
    assert _days(text) is DaysProblem.NONE


def test_slashes_are_read_as_the_reader_writes_them() -> None:
    assert _days("3/4/2027", locale="en-US") == ("2027-03-04", "2027-03-04")
    assert _days("3/4/2027", locale="en-GB") == ("2027-04-03", "2027-04-03")
    assert _days("12/21", locale="en-US") == ("2026-12-21", "2026-12-21")


def test_a_day_that_has_passed_rolls_over_to_next_year() -> None:
    assert _days("21 to 23 December", today=date(2026, 12, 24)) == ("2027-12-21", "2027-12-23")
    assert _days("Christmas week", today=date(2026, 12, 28)) == ("2027-12-20", "2027-12-24")


@given(st.dates(min_value=date(2026, 11, 23), max_value=date(2028, 12, 31)), st.integers(min_value=0, max_value=60))
def test_a_range_written_out_comes_back(start: date, length: int) -> None:
    end = date.fromordinal(start.toordinal() + length)
    assert _days(f"leave {start:%d.%m.%Y} bis {end:%d.%m.%Y}") == (start.isoformat(), end.isoformat())


@given(st.text(max_size=600))
def test_no_text_breaks_it(text: str) -> None:
    found = days_in(text, today=MONDAY, locale="de")
    assert isinstance(found, DaysProblem) or found.start <= found.end
