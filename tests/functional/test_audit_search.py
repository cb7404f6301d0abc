"""`audit search` in chat: a page at a time, narrowed by what and when, the times in the reader's zone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.audit import AuditEvent, EventType
from bot.ports.database import Transaction
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

FIRST = datetime(2026, 10, 1, 22, 30, tzinfo=UTC)
"""The second of October in Berlin."""
COUNT = 25
FOUND = "type:keys.changed"


def written(tx: Transaction) -> None:
    """An event a day."""
    for number in range(COUNT):
        tx.audit.append(
            AuditEvent(
                time=FIRST + timedelta(days=number),
                type=EventType.KEYS_CHANGED,
                principal="",
                channel="",
                correlation=f"c-{number}",
                code=f"n{number:02}",
            )
        )


@pytest.fixture
async def office(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as here:
        for name, zone in (("ada", "Europe/Berlin"), ("john", "Europe/Berlin"), ("raj", "UTC")):
            here.directory.zones[name] = zone
            await here.sign_in(name)
        await here.database.write(written)
        yield here


def codes(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\bn(\d\d)\b", text)]


def labels(here: World) -> list[str]:
    return [action.label for action in here.last("ada").card.actions]


async def test_a_press_leads_to_older_ones_until_there_are_none(office: World) -> None:
    said = await office.command("ada", f"audit search {FOUND}")
    seen = codes(said)
    assert seen == list(range(24, 14, -1))
    typed = re.search(r"audit search \S+ before:\d+", said)
    assert typed is not None
    await office.press("ada", office.last("ada"), "Older")
    assert codes(office.last("ada").text) == list(range(14, 4, -1))
    await office.press("ada", office.last("ada"), "Older")
    assert codes(office.last("ada").text) == [4, 3, 2, 1, 0]
    assert "Older" not in labels(office)
    assert codes(await office.command("ada", typed[0])) == list(range(14, 4, -1)), "typed as it says"


@pytest.mark.parametrize(
    ("who", "span", "found"),
    [
        ("ada", "since:2026-10-02 until:2026-10-04", [1, 0]),
        ("raj", "since:2026-10-02 until:2026-10-04", [2, 1]),
        ("ada", "since:2026-10-25T23:30", [24]),  # an hour earlier in UTC+1, after the clocks went back
        ("ada", "until:2026-10-02T00:31", [0]),
        ("ada", "until:2026-10-02T00:30", []),
        ("ada", "since:2026-10-24T22:30+00:00", [24, 23]),
    ],
)
async def test_days_are_the_readers(office: World, who: str, span: str, found: list[int]) -> None:
    said = await office.command(who, f"audit search {FOUND} {span}")
    assert codes(said) == found
    assert ("Europe/Berlin" if who == "ada" else "UTC") in said
    if found == [1, 0]:
        assert "2 Oct 00:30" in said, "as it is shown"


async def test_nothing_found_is_said(office: World) -> None:
    assert "No record matches" in await office.command("ada", f"audit search {FOUND} decision:deny")
    assert "I don't know one of these filters" in await office.command("ada", "audit search who:john")
    assert "I can't read one of these dates" in await office.command("ada", "audit search since:soon")


async def test_whoever_may_not_read_it_gets_no_page(office: World) -> None:
    for typed in ("audit search", f"audit search {FOUND} before:20"):
        assert codes(await office.command("john", typed)) == []


async def test_the_way_to_older_ones_is_for_whoever_was_shown_it(office: World) -> None:
    await office.command("ada", f"audit search {FOUND}")
    shown = office.last("ada")
    await office.press("john", shown, "Older")
    assert codes(office.last("john").text) == []
