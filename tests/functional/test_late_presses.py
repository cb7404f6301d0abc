"""A press that comes after the decision is told who decided and when, on every surface; also of the HR system's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import Platform
from tests.fakes.clock import FixedClock
from tests.fakes.world import World
from tests.functional.sides import SIDES, OnPlayground, OnSlack, OnTeams, Side
from tests.functional.test_one_history import both_in

DECIDED = (
    "UPDATE leave SET state = ?, version = version + 1, decided_at = '2026-11-23T08:10:00+00:00',"
    " decided_by = (SELECT employee FROM employee_called WHERE called = ?) WHERE start_on = '2026-12-21'"
)


async def in_the_hr_system(here: World, state: str, by: str | None) -> None:
    await here.backend._database.write(lambda raw: raw.execute(DECIDED, (state, by)).rowcount)


def dialog(side: Side) -> str:
    """What the dialog says that a press opened."""
    if isinstance(side, OnSlack):
        return str([view.content for view in side._door.slack.views.values() if view.open][-1])
    if isinstance(side, OnTeams):
        return str(side._dialog)
    assert isinstance(side, OnPlayground)
    return str(side.platform.open_dialogs("mia")[-1])


@pytest.mark.requirement("57")
@pytest.mark.parametrize("platform", SIDES)
async def test_of_the_hr_systems_own_decision_it_says_who_and_when(
    platform: Platform, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        await both_in(side)
        await side.type("john", "I'd like to take 21 to 23 December off")
        await side.press("john", "Send request")
        await in_the_hr_system(side.here, "approved", "sarah")
        await side.press("mia", "Refuse")
        told = dialog(side) + side.seen("mia")  # on Teams the dialog leads to the chat
        assert "This has been decided already" in told
        assert "Sarah" in told
        assert "approved it: Mon 23 Nov 08:10" in told
        await side.press("mia", "Ask for more")
        assert "does not wait" in dialog(side) or "does not wait" in side.seen("mia")


@pytest.mark.parametrize(
    ("state", "by", "told"),
    [
        ("refused", "sarah", "refused it: Mon 23 Nov 08:10"),
        ("approved", None, "It was approved in the HR system."),
        ("refused", None, "It was refused in the HR system."),
        ("cancelled", None, "It was withdrawn or cancelled."),
    ],
)
async def test_as_far_as_the_system_says(here: World, state: str, by: str | None, told: str) -> None:
    for name in ("john", "mia"):
        await here.sign_in(name)
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")
    card = here.last("mia", "Leave for John")
    await in_the_hr_system(here, state, by)
    await here.press("mia", card, "Approve")
    assert told in here.chat.dialogs["view"].body


async def test_whoever_may_not_see_the_request_hears_nothing_of_it(here: World) -> None:
    for name in ("john", "mia", "sue"):
        await here.sign_in(name)
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")
    card = here.last("mia", "Leave for John")
    await in_the_hr_system(here, "approved", "sarah")
    await here.press("sue", card, "Approve")
    assert "Sarah" not in here.chat.dialogs["view"].body
