"""Dates, numbers and money read as the reader's language writes them, in the reader's zone."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from bot.texts.formats import clock_time, day, days, full_day, moment, money, month, number, zone
from bot.texts.sentences import voice

MONDAY, WEDNESDAY = date(2026, 12, 21), date(2026, 12, 23)
LATE = datetime(2026, 7, 1, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(("language", "said"), [("en", "Mon 21 Dec"), ("de", "Mo., 21. Dez.")])
def test_a_day_has_its_weekday(language: str, said: str) -> None:
    assert day(MONDAY, language) == said


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Monday, 21 December 2026"), ("de", "Montag, 21. Dezember 2026")]
)
def test_a_full_day_has_its_year(language: str, said: str) -> None:
    assert full_day(MONDAY, language) == said


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Mon 21 Dec – Wed 23 Dec"), ("de", "Mo., 21. Dez. – Mi., 23. Dez.")]
)
def test_a_range_names_both_ends(language: str, said: str) -> None:
    assert days(MONDAY, WEDNESDAY, language) == said


def test_a_range_of_one_day_is_that_day() -> None:
    assert days(MONDAY, MONDAY, "de") == "Mo., 21. Dez."


@pytest.mark.parametrize(("language", "said"), [("en", "December 2026"), ("de", "Dezember 2026")])
def test_a_month_has_its_year(language: str, said: str) -> None:
    assert month(MONDAY, language) == said


@pytest.mark.parametrize(
    ("timezone", "said"),
    [
        ("UTC", "22:05"),
        ("Europe/Vienna", "00:05"),
        ("Asia/Kolkata", "03:35"),
        ("America/Los_Angeles", "15:05"),
        ("Nowhere/At all", "22:05"),
        ("../../etc/passwd", "22:05"),
        ("", "22:05"),
    ],
)
def test_a_time_is_the_readers_or_utc_where_the_zone_is_unknown(timezone: str, said: str) -> None:
    assert clock_time(LATE, timezone, "en") == said
    assert clock_time(LATE, timezone, "de") == said


def test_a_time_follows_summer_and_winter() -> None:
    noon = datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    assert [clock_time(at, "Europe/Vienna", "en") for at in noon] == ["14:00", "13:00"]


@pytest.mark.parametrize(("language", "said"), [("en", "Thu 2 Jul 00:05"), ("de", "Do., 2. Juli 00:05")])
def test_a_moment_is_of_the_readers_day(language: str, said: str) -> None:
    assert moment(LATE, "Europe/Vienna", language) == said


def test_an_unknown_zone_is_utc() -> None:
    assert zone("Mars/Olympus").key == "UTC"
    assert zone("Europe/Vienna").key == "Europe/Vienna"


@pytest.mark.parametrize(
    ("value", "english", "german"),
    [
        (Decimal("8.50"), "8.5", "8,5"),
        (Decimal("8.0"), "8", "8"),
        (Decimal("0.5"), "0.5", "0,5"),
        (Decimal(0), "0", "0"),
        (Decimal(-3), "-3", "-3"),
        (12345, "12,345", "12.345"),
    ],
)
def test_a_number_has_no_needless_zeros(value: Decimal | int, english: str, german: str) -> None:
    assert (number(value, "en"), number(value, "de")) == (english, german)


@pytest.mark.parametrize(
    ("value", "currency", "english", "german"),
    [
        (Decimal("4210.5"), "EUR", "€4,210.50", "4.210,50\N{NO-BREAK SPACE}€"),
        (Decimal(-20), "EUR", "-€20.00", "-20,00\N{NO-BREAK SPACE}€"),
        (Decimal(4210), "JPY", "JP¥4,210", "4.210\N{NO-BREAK SPACE}¥"),
    ],
)
def test_money_has_its_currency_and_its_decimals(value: Decimal, currency: str, english: str, german: str) -> None:
    assert (money(value, currency, "en"), money(value, currency, "de")) == (english, german)


@pytest.mark.parametrize(
    ("amount", "english", "german"),
    [
        ("0", "0 days", "0 Tage"),
        ("0.5", "0.5 days", "0,5 Tage"),
        ("1", "1 day", "1 Tag"),
        ("1.0", "1 day", "1 Tag"),
        ("1.5", "1.5 days", "1,5 Tage"),
        ("2", "2 days", "2 Tage"),
    ],
)
def test_days_are_counted_as_each_language_counts(amount: str, english: str, german: str) -> None:
    said = [
        voice(language).say("hr.days", count=float(amount), days=number(Decimal(amount), language))
        for language in ("en", "de")
    ]
    assert said == [english, german]
