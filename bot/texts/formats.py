"""Dates, numbers and money in the reader's language and zone (CLDR, through Babel)."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_date, format_skeleton
from babel.numbers import format_currency, format_decimal


def _cldr(language: str) -> str:
    """The CLDR locale of a language. English reads days before months, as the rest of the world does."""
    return "en_GB" if language == "en" else language


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, UTC where it is unknown."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    return bool(name) and zone(name).key == name


@lru_cache(maxsize=4096)
def day(value: date, language: str) -> str:
    """A day with its weekday: `Mon 21 Dec`."""
    return str(format_skeleton("MMMEd", value, locale=_cldr(language)))


@lru_cache(maxsize=4096)
def full_day(value: date, language: str) -> str:
    """A day in full: `Monday, 21 December 2026`."""
    return str(format_date(value, "full", locale=_cldr(language)))


def days(start: date, end: date, language: str) -> str:
    """A range of days, one day where both are the same."""
    return day(start, language) if start == end else f"{day(start, language)} – {day(end, language)}"


def month(value: date, language: str) -> str:
    """A month: `September 2026`."""
    return str(format_skeleton("yMMMM", value, locale=_cldr(language)))


def clock_time(value: datetime, timezone: str, language: str) -> str:
    """A time of day in the reader's zone."""
    local = value.astimezone(zone(timezone))
    return _minute(local.replace(second=0, microsecond=0, tzinfo=None).time(), language)


def of_day(value: time, language: str) -> str:
    """A time of day that is in nobody's zone yet."""
    return _minute(value, language)


@lru_cache(maxsize=4096)
def _minute(value: time, language: str) -> str:
    return str(format_skeleton("Hm", value, locale=_cldr(language)))


def moment(value: datetime, timezone: str, language: str) -> str:
    """Day and time in the reader's zone."""
    local = value.astimezone(zone(timezone))
    return f"{day(local.date(), language)} {clock_time(value, timezone, language)}"


@lru_cache(maxsize=4096)
def number(value: Decimal | int, language: str) -> str:
    """A number without needless zeros: `8.5`."""
    return str(format_decimal(value, locale=_cldr(language)))


def money(value: Decimal, currency: str, language: str) -> str:
    """An amount with its currency."""
    return str(format_currency(value, currency, locale=_cldr(language)))
