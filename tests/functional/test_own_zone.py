"""Times are in the zone the provider names; else in that of the chat profile, for every card from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import Platform
from tests.fakes.clock import FixedClock
from tests.functional.sides import SIDES, OnSlack, Side

ASKED = "how many days of leave do I have?"


async def zone_of(side: Side, name: str) -> str:
    person = await side.here.database.read(lambda tx: tx.persons.find(side.here.identity(name)))
    assert person is not None
    return person.timezone


def profile(side: Side, zone: str) -> None:
    """The Slack profile has a time zone; Teams' client names Berlin with each activity."""
    if isinstance(side, OnSlack):
        side._door.slack.people["U1JOHN"]["tz"] = zone


@pytest.mark.parametrize(
    ("platform", "profile_zone", "read"),
    [(Platform.SLACK, "Asia/Kolkata", "read 14:30"), (Platform.TEAMS, "Europe/Berlin", "read 10:00")],
)
@pytest.mark.parametrize("named", ["", "America/New_York"])
async def test_the_chats_zone_where_the_provider_names_none(
    platform: Platform, profile_zone: str, read: str, named: str, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        profile(side, profile_zone)
        side.here.directory.zones["john"] = named
        await side.here.sign_in("john")
        await side.type("john", ASKED)
        assert await zone_of(side, "john") == (named or profile_zone)
        assert ("read 04:00" if named else read) in side.seen("john")
        await side.here.sign_in("john")
        assert await zone_of(side, "john") == (named or profile_zone), "another sign-in leaves it"


async def test_a_zone_there_is_none_of_is_none(tmp_path: Path, clock: FixedClock) -> None:
    async with SIDES[Platform.SLACK](tmp_path, clock) as side:
        profile(side, "../../etc/passwd")
        side.here.directory.zones["john"] = ""
        await side.here.sign_in("john")
        await side.type("john", ASKED)
        assert await zone_of(side, "john") == ""
        assert "read 09:00" in side.seen("john")
