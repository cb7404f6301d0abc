"""Changed, withdrawn, cancelled, taken back: by the buttons of the cards, on Slack, on Teams and in the playground."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import Platform
from tests.fakes.clock import FixedClock
from tests.functional.sides import SIDES, Side
from tests.security.core.attack import states

WHY = "two others are away that week"


async def approve(side: Side) -> None:
    await side.press("mia", "Approve")
    await side.give("mia", side.here.code("mia"))
    side.here.clock.advance(seconds=30)


@pytest.mark.requirement("57")
@pytest.mark.parametrize("platform", SIDES)
async def test_one_request_all_the_way_by_its_buttons(platform: Platform, tmp_path: Path, clock: FixedClock) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        for name in ("john", "mia"):
            await side.here.sign_in(name)
        await side.here.enrol("mia")
        await side.type("john", "I'd like to take 21 to 23 December off")
        await side.press("john", "Send request")

        await side.press("john", "Change the days")
        await side.fill("john", start="2026-12-28", end="2026-12-29")
        assert await states(side.here) == ["pending"]
        assert "asked anew" not in side.seen("john"), "nothing is changed before it is confirmed"
        await side.press("john", "Change it")
        assert "asked anew" in side.seen("john")
        told = side.seen("mia")
        assert "changed the days" in told
        assert "So far" in told, "the new card has the old days beside the new ones"

        await approve(side)
        assert await states(side.here) == ["approved"]
        await side.press("mia", "Take it back")
        await side.fill("mia", note=WHY)
        assert await states(side.here) == ["approved"], "not before it is signed"
        await side.give("mia", side.here.code("mia"))
        side.here.clock.advance(seconds=30)
        assert await states(side.here) == ["pending"]
        assert WHY in side.seen("john")

        await side.type("mia", "waiting")  # the third card within a day is bundled: the list has it
        await approve(side)
        await side.press("john", "Cancel leave")
        await side.press("john", "Cancel the leave")
        assert await states(side.here) == ["cancelled"]
        assert "Cancelled by John" in side.seen("mia")
        assert not await side.here.audit(decision="deny")
        assert not await side.here.audit(decision="error")


@pytest.mark.parametrize("platform", SIDES)
async def test_withdrawn_every_copy_says_so(platform: Platform, tmp_path: Path, clock: FixedClock) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        for name in ("john", "mia"):
            await side.here.sign_in(name)
        await side.type("john", "I'd like to take 15 December off")
        await side.press("john", "Send request")
        await side.press("john", "Withdraw")
        await side.press("john", "Withdraw it")
        assert await states(side.here) == ["cancelled"]
        for name in ("john", "mia"):
            assert "Withdrawn at" in side.seen(name)


@pytest.mark.parametrize("platform", SIDES)
async def test_the_days_as_they_are_stand_in_the_dialog_that_changes_them(
    platform: Platform, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        for name in ("john", "mia"):
            await side.here.sign_in(name)
        await side.type("john", "I'd like to take 21 to 23 December off")
        await side.press("john", "Send request")
        await side.press("john", "Change the days")
        await side.fill("john", end="2026-12-22")
        await side.press("john", "Change it")
        assert "Mon 21 Dec – Tue 22 Dec" in side.seen("mia"), "the first day was left as it stood there"
