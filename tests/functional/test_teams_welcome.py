"""Whoever adds the app on Teams is welcomed once, with what they can do now or with the way to sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.domain.rollout import Rollout, RolloutMode
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import identity
from tests.fakes.teams_server import BOT, JOHN, MIA, FakeTeams
from tests.functional.test_teams_end_to_end import Doorward, doorward, labels, said


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    with FakeTeams(now=clock).running() as running:
        running.personal(JOHN)
        yield running


@pytest.fixture
async def door(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with doorward(teams, tmp_path, clock) as running:
        yield running


async def install(door: Doorward) -> None:
    """Teams sends both when somebody adds the app to their personal chat."""
    room = door.teams.personal(JOHN)
    for activity in (
        door.teams.installed(JOHN, room),
        door.teams.activity(JOHN, room, type="installationUpdate", action="add"),
    ):
        assert (await door.send(activity)).status_code == 200


async def test_who_is_known_sees_three_things_they_can_do(door: Doorward) -> None:
    await door.here.sign_in("john")
    await install(door)
    (card,) = door.posted(JOHN)
    assert labels(card) == ["Leave balance", "Ask for leave", "Payslip", "Everything I can do"]
    assert "Hello, John" in said(card)
    await door.press(JOHN, "Leave balance")
    assert "14 days" in said(door.posted(JOHN)[-1])


async def test_who_is_not_known_is_welcomed_signs_in_and_sees_them_then(door: Doorward) -> None:
    await install(door)
    (card,) = door.posted(JOHN)
    assert "Willkommen bei Doorward" in said(card)
    assert "/signin/start?ticket=" in said(card)
    await door.here.sign_in("john")
    now = door.here.core.outside.clock.now()
    waiting = await door.here.database.write(lambda tx: tx.pending.take(identity(JOHN), now=now))
    assert waiting is not None
    await door.here.core.ingress.resume(waiting)
    assert labels(door.posted(JOHN)[-1])[:3] == ["Leave balance", "Ask for leave", "Payslip"]


async def test_who_is_not_in_the_pilot_is_told_so(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> None:
    async with doorward(teams, tmp_path, clock, rollout=Rollout(mode=RolloutMode.OFF)) as door:
        await install(door)
        (card,) = door.posted(JOHN)
        assert labels(card) == []
        assert "noch nicht offen" in said(card)


async def test_a_channel_and_whoever_joins_it_are_not_spoken_to(door: Doorward) -> None:
    room = door.teams.channel(JOHN, MIA)
    await door.send(door.teams.installed(JOHN, room))
    joined = door.teams.installed(JOHN, room) | {"membersAdded": [{"id": MIA.account}]}
    await door.send(joined)
    assert door.teams.posted(room) == []
    assert door.posted(JOHN) == []


async def test_only_teams_own_word_for_the_bot_counts(door: Doorward) -> None:
    added = door.teams.installed(JOHN, door.teams.personal(JOHN)) | {"membersAdded": [{"id": f"{BOT}x"}]}
    assert (await door.send(added)).status_code == 200
    assert door.posted(JOHN) == []
