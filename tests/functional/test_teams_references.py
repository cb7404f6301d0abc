"""Who was met on Teams once is reached after a restart and from another replica, until the app is uninstalled."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Audience, Card
from bot.domain.messages import Place, PlaceKind
from bot.services.delivery import direct_place
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import identity
from tests.fakes.teams_server import GROUP, JOHN, MIA, TENANT, FakeTeams
from tests.functional.test_teams_end_to_end import Doorward, doorward, said

KEYS = Keyring.generate()
MADE = "POST /teams/v3/conversations"


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    """As strict as Teams may be: a directory id alone makes no conversation."""
    with FakeTeams(now=clock, by_directory_id=False).running() as running:
        for person in (JOHN, MIA):
            running.personal(person)
        yield running


@asynccontextmanager
async def process(teams: FakeTeams, folder: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    """One of our processes on the database of this folder: entering it again is a restart."""
    async with doorward(teams, folder, clock, keys=KEYS) as running:
        yield running


async def notify(door: Doorward, place: Place, headline: str) -> None:
    """What nobody in the conversation asked for just now."""
    posting = Posting(
        draft=Draft(card=Card(headline=headline), audience=Audience.PLACE), to=identity(JOHN), place=place
    )
    await door.here.core.delivery.send(
        [await door.here.database.write(lambda tx: door.here.core.delivery.put(tx, posting, ""))]
    )


async def test_a_notice_reaches_whoever_installed_the_app_before_a_restart(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    async with process(teams, tmp_path, clock) as before:
        await before.send(teams.installed(JOHN, teams.personal(JOHN)))
    teams.personal(JOHN).activities.clear()
    async with process(teams, tmp_path, clock) as after:
        await notify(after, direct_place(identity(JOHN)), "Your leave is approved")
    (posted,) = teams.posted(teams.personal(JOHN))
    assert "Your leave is approved" in said(posted)


async def test_the_conversation_is_asked_for_once_by_all_replicas(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    async with process(teams, tmp_path, clock) as one, process(teams, tmp_path, clock) as other:
        await one.type(JOHN, "hello")
        await notify(one, direct_place(identity(JOHN)), "first")
        await notify(other, direct_place(identity(JOHN)), "second")
    assert teams.calls.count(MADE) == 1
    assert ["second" in said(posted) for posted in teams.posted(teams.personal(JOHN))][-1]


async def test_nobody_is_reached_who_was_never_met(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> None:
    async with process(teams, tmp_path, clock) as door:
        await notify(door, direct_place(identity(JOHN)), "hello")
    assert teams.posted(teams.personal(JOHN)) == []


@pytest.mark.requirement("9")
async def test_no_activity_says_where_somebody_is_reached(teams: FakeTeams, tmp_path: Path, clock: FixedClock) -> None:
    """A stolen token signs no body: what stands there as the conversation is not where John's notices go later."""
    trap = teams.group(JOHN, MIA)
    async with process(teams, tmp_path, clock) as door:
        activity = teams.typed(JOHN, teams.personal(JOHN), "hello")
        activity["conversation"] |= {"id": trap.id, "conversationType": "personal"}
        await door.send(activity)
    trap.activities.clear()
    async with process(teams, tmp_path, clock) as door:
        await notify(door, direct_place(identity(JOHN)), "for John alone")
    assert teams.posted(trap) == []
    assert "for John alone" in said(teams.posted(teams.personal(JOHN))[-1])


async def test_an_uninstalled_app_forgets_where_the_person_was(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    async with process(teams, tmp_path, clock) as door:
        await door.type(JOHN, "hello")
        assert _references(tmp_path) == 1
        await notify(door, direct_place(identity(JOHN)), "hello")
        answer = await door.send(teams.uninstalled(JOHN, teams.personal(JOHN)))
        assert answer.status_code == 200
        assert _references(tmp_path) == 0
        await notify(door, direct_place(identity(JOHN)), "are you there?")
    assert teams.posted(teams.personal(JOHN)) == []


async def test_a_channel_is_reached_at_its_own_address_until_the_app_is_taken_out(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    room = teams.channel(JOHN, MIA)
    hr = Place(platform=identity(JOHN).platform, tenant=TENANT, conversation=room.id, kind=PlaceKind.CHANNEL)
    async with process(teams, tmp_path, clock) as door:
        await door.send(teams.installed(JOHN, room))
    async with process(teams, tmp_path, clock) as door:
        await notify(door, hr, "Leave for John")
        assert len(teams.posted(room)) == 1
        removed = teams.installed(JOHN, room) | {"membersAdded": []}
        removed["membersRemoved"] = [{"id": removed["recipient"]["id"]}]
        before = _references(tmp_path)
        assert (await door.send(removed)).status_code == 200
        assert _references(tmp_path) == before - 1


async def test_a_reference_is_sealed_and_one_that_was_moved_is_none(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    async with process(teams, tmp_path, clock) as door:
        await door.type(JOHN, "hello")
        await door.type(MIA, "hello")
    with closing(sqlite3.connect(tmp_path / "world.db")) as raw, raw:
        rows = dict(raw.execute("SELECT of, reference FROM conversation_references").fetchall())
        assert not any(JOHN.account.encode() in sealed or b"a:personal" in sealed for sealed in rows.values())
        raw.execute(
            "UPDATE conversation_references SET reference = ? WHERE of = ?",
            (rows[identity(MIA).key], identity(JOHN).key),
        )
    async with process(teams, tmp_path, clock) as door:
        before = len(teams.posted(teams.personal(MIA)))
        await notify(door, direct_place(identity(JOHN)), "for John alone")
    assert len(teams.posted(teams.personal(MIA))) == before


def _references(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "world.db")) as raw:
        (rows,) = raw.execute("SELECT count(*) FROM conversation_references").fetchone()
    return int(rows)


async def test_every_replica_names_a_channels_team_in_a_link_until_the_app_is_taken_out(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    room = teams.channel(JOHN, MIA)
    hr = Place(platform=identity(JOHN).platform, tenant=TENANT, conversation=room.id, kind=PlaceKind.CHANNEL)

    async def link(door: Doorward) -> str:
        delivery = door.here.core.delivery
        return await door.here.database.read(lambda tx: delivery.link_to(tx, replace(hr, thread="1"), f"{room.id}|12"))

    async with process(teams, tmp_path, clock) as saw, process(teams, tmp_path, clock) as other:
        await saw.send(teams.installed(JOHN, room))
        assert "groupId" not in await link(other)
        await saw.send(teams.typed(JOHN, room, "hello"))
        assert f"groupId={GROUP}" in await link(saw)
        assert f"groupId={GROUP}" in await link(other), "any replica, not only the one that saw it"
        await saw.send(teams.installed(JOHN, room))
    async with process(teams, tmp_path, clock) as after:
        assert f"groupId={GROUP}" in await link(after), "and after a restart"
        removed = teams.installed(JOHN, room) | {"membersAdded": []}
        await after.send(removed | {"membersRemoved": [{"id": removed["recipient"]["id"]}]})
        assert "groupId" not in await link(after)
