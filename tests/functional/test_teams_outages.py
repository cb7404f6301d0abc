"""What stands on Teams when its connector fails, and when an answer takes longer than Teams waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.teams_app import PHRASES
from tests.fakes.teams_server import JOHN, FakeTeams
from tests.functional.test_teams_end_to_end import ASKED, Doorward, doorward, said


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    with FakeTeams(now=clock).running() as running:
        running.personal(JOHN)
        yield running


@pytest.fixture
async def door(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with doorward(teams, tmp_path, clock) as running:
        await running.here.sign_in("john")
        await running.type(JOHN, ASKED)  # the token and the roster, once
        yield running


def creates(door: Doorward) -> int:
    return sum(call.startswith("POST") and call.endswith("/activities") for call in door.teams.calls)


async def ask(door: Doorward) -> None:
    answer = await door.send(door.teams.typed(JOHN, door.teams.personal(JOHN), ASKED))
    assert answer.status_code == 200


async def later(door: Doorward, clock: FixedClock, seconds: int) -> int:
    """What the job that posts what is left behind does then; how many it took up."""
    clock.advance(timedelta(seconds=seconds))
    return await door.here.core.delivery.take_over()


@pytest.mark.parametrize("status", [429, 412])
async def test_what_was_not_done_is_sent_again_when_teams_says(door: Doorward, clock: FixedClock, status: int) -> None:
    door.teams.failures.append((status, {}, {"Retry-After": "7"}))
    await ask(door)
    assert len(door.posted(JOHN)) == 1
    assert await later(door, clock, 6) == 0, "not before Teams said"
    assert await later(door, clock, 60) == 1
    assert "14 days" in said(door.posted(JOHN)[1])
    assert len(door.posted(JOHN)) == 2


@pytest.mark.parametrize("status", [502, 504])
async def test_what_may_stand_there_already_is_not_posted_again(door: Doorward, clock: FixedClock, status: int) -> None:
    before = creates(door)
    door.teams.failures.append((status, {}, {}))
    await ask(door)
    assert creates(door) == before + 1
    assert await later(door, clock, 600) == 0
    assert creates(door) == before + 1, "once at the most"


@pytest.mark.parametrize("status", [429, 412, 502, 504])
async def test_an_edit_may_be_repeated_whatever_came_of_it(door: Doorward, clock: FixedClock, status: int) -> None:
    await door.type(JOHN, "I'd like to take 21 to 23 December off")
    card = door.posted(JOHN)[-1]
    door.teams.failures.append((status, {}, {}))
    await door.press(JOHN, "Don't")
    assert door.posted(JOHN)[-1] == card
    await later(door, clock, 60)
    assert door.posted(JOHN)[-1]["id"] == card["id"]
    assert door.posted(JOHN)[-1] != card


async def test_an_answer_that_comes_after_the_wait_is_posted(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    """Nothing is ready in no time: the press is answered at once, and what was read comes as a message."""
    async with doorward(teams, tmp_path, clock, replies=replace(PATIENT, in_window=0.0)) as door:
        await door.here.sign_in("john")
        await door.send(teams.installed(JOHN, teams.personal(JOHN)))
        answer = await door.press(JOHN, "Leave balance")
        assert (answer["statusCode"], answer["value"]) == (200, "Working on it.")
        assert "14 days" in said(door.posted(JOHN)[-1])


async def test_who_is_answered_in_time_is_not_told_to_wait(door: Doorward) -> None:
    """What a press is answered with stays on the card until it is drawn anew: it is to be true then, too."""
    await door.type(JOHN, "I'd like to take 21 to 23 December off")
    answer = await door.press(JOHN, "Don't")
    assert (answer["statusCode"], answer["value"]) == (200, PHRASES.answered)
    assert "Nothing was done" in said(door.posted(JOHN)[-1])


async def test_one_token_is_fetched_however_much_is_said(door: Doorward) -> None:
    for _ in range(4):
        await ask(door)
    assert sum(call.endswith("/oauth2/v2.0/token") for call in door.teams.calls) == 1
    assert len(door.posted(JOHN)) == 5
