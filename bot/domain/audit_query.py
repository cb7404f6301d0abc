"""A search of the audit log as it is typed: `principal:john type:access since:2026-11-01 before:1234`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

TEXTS = ("principal", "type", "resource", "decision", "correlation")
MOMENTS = ("since", "until")
"""From this moment on, and before it: a day is its first moment, in the reader's zone unless an offset is written."""
BEFORE = "before"
"""Only records with a lower number: the next page of what was found."""
FILTERS = (*TEXTS, *MOMENTS, BEFORE)
MAX_DIGITS = 18
"""Numbers of records fit into 64 bits."""


def words(query: str) -> Iterator[tuple[str, str]]:
    """Each word's filter and value; either is empty where the word is not of that form."""
    for word in query.split():
        name, colon, value = word.partition(":")
        yield (name.casefold(), value) if colon else ("", word)


def unknown(query: str) -> bool:
    """Whether anything in it narrows nothing: it must not pass for a search of everything."""
    return any(name not in FILTERS or not value for name, value in words(query))


def unreadable(query: str) -> bool:
    """Whether a date is none, or a number."""
    return any(
        (name in MOMENTS and moment_of(value, ZoneInfo("UTC")) is None) or (name == BEFORE and seq_of(value) is None)
        for name, value in words(query)
    )


def moment_of(value: str, zone: ZoneInfo) -> datetime | None:
    """A date or a time as typed (ISO 8601); None where it is neither, or nowhere in that zone's years."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        moment.astimezone(ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        return None
    return moment


def seq_of(value: str) -> int | None:
    """The number of a record; None where it is none."""
    digits = value.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else None


def older(query: str, seq: int) -> str:
    """The same search, of what stands before this record."""
    kept = [word for word, (name, _) in zip(query.split(), words(query), strict=True) if name != BEFORE]
    return " ".join([*kept, f"{BEFORE}:{seq}"])
