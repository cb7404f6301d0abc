"""From a signed Teams activity through the real core to what stands on Teams then."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from adapters.teams.endpoint import PATH, teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reply_limits import ReplyLimits
from bot.domain.rollout import Rollout
from bot.ports.chat import ChatPlatform
from bot.ports.database import Database
from bot.ports.webauthn import WebAuthn
from policy.sources import POLICIES
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT, SETTLE_SECONDS
from tests.fakes.teams_app import config, identity
from tests.fakes.teams_server import JOHN, MIA, RAJ, SARAH, TENANT, Activity, FakeTeams, Person, actions_of
from tests.fakes.world import World, world

ASKED = "how many days of leave do I have?"


@dataclass
class Doorward:
    """One process of ours, behind its endpoint."""

    teams: FakeTeams
    here: World
    client: httpx2.AsyncClient

    async def send(self, activity: Activity, *, token: str | None = None) -> httpx2.Response:
        """Send as Teams does, and let everything that follows from it happen."""
        answer = await self.deliver(activity, token=token)
        await self.here.core.ingress.drain(SETTLE_SECONDS)
        return answer

    async def deliver(self, activity: Activity, *, token: str | None = None) -> httpx2.Response:
        """Send as Teams does."""
        headers = {
            "authorization": f"Bearer {token or self.teams.token()}",
            "content-type": "application/json; charset=utf-8",
        }
        answer = await self.client.post(PATH, content=json.dumps(activity).encode(), headers=headers)
        self.teams.answered(answer)
        return answer

    async def type(self, person: Person, text: str) -> str:
        """Somebody types to the bot; the newest thing in their conversation then."""
        answer = await self.send(self.teams.typed(person, self.teams.personal(person), text))
        assert answer.status_code == 200
        return said(self.posted(person)[-1])

    async def press(self, person: Person, label: str) -> Any:
        """Somebody presses a button of the last card they were sent; what Teams is answered."""
        room = self.teams.personal(person)
        shown = next(title for title in labels(self.posted(person)[-1]) if label in title)
        answer = await self.send(self.teams.pressed(person, room, shown))
        assert answer.status_code == 200
        return answer.json()

    def posted(self, person: Person) -> list[Activity]:
        return self.teams.posted(self.teams.personal(person))


def said(activity: Activity) -> str:
    """Everything a card says, formatting left out."""
    return json.dumps(activity.get("attachments", []), ensure_ascii=False).replace("\\\\", "")


def labels(activity: Activity) -> list[str]:
    """What stands on its buttons."""
    return [action["title"] for attached in activity["attachments"] for action in actions_of(attached["content"])]


@asynccontextmanager
async def doorward(
    teams: FakeTeams,
    folder: Path,
    clock: FixedClock,
    *,
    url: str | None = None,
    keys: Keyring | None = None,
    rollout: Rollout | None = None,
    replies: ReplyLimits = PATIENT,
    policies: Path = POLICIES,
    webauthn: WebAuthn | None = None,
) -> AsyncIterator[Doorward]:
    """The endpoint over the real core, on SQLite or on the database at `url`."""
    settings = config(teams, replies=replies)
    accounts = {person.name: identity(person) for person in (JOHN, MIA, SARAH, RAJ)}
    hr = Place(platform=Platform.TEAMS, tenant=TENANT, conversation="19:hr@thread.tacv2", kind=PlaceKind.CHANNEL)
    made: list[TeamsPlatform] = []

    def platforms(database: Database) -> dict[Platform, ChatPlatform]:
        made.append(TeamsPlatform(settings, clock=clock, database=database))
        return {Platform.TEAMS: made[0]}

    async with world(
        folder,
        clock,
        url=url,
        keys=keys,
        platforms=platforms,
        accounts=accounts,
        hr=hr,
        rollout=rollout,
        replies=replies,
        policies=policies,
        webauthn=webauthn,
    ) as here:
        (platform,) = made
        routes = teams_routes(settings, ingress=here.core.ingress, platform=platform, clock=clock)
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        try:
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
                yield Doorward(teams=teams, here=here, client=client)
        finally:
            await here.core.ingress.drain(SETTLE_SECONDS)
            await platform.close()


@pytest.fixture
def teams(clock: FixedClock) -> Iterator[FakeTeams]:
    with FakeTeams(now=clock).running() as running:
        for person in (JOHN, MIA):
            running.personal(person)
        yield running


@pytest.fixture(params=["sqlite", "postgres"])
async def door(
    request: pytest.FixtureRequest, teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[Doorward]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    async with doorward(teams, tmp_path, clock, url=url) as running:
        yield running


async def test_a_question_is_answered(door: Doorward) -> None:
    await door.here.sign_in("john")
    assert "14 days" in await door.type(JOHN, ASKED)
    assert len(door.posted(JOHN)) == 1
    assert [(item.event.action, item.event.code) for item in await door.here.audit(type_prefix="effect.finished")] == [
        ("ViewLeaveBalance", "done")
    ]


async def test_who_is_not_linked_is_offered_sign_in_where_nobody_else_sees_it(door: Doorward) -> None:
    room = door.teams.channel(JOHN, MIA)
    await door.send(door.teams.typed(JOHN, room, ASKED))
    (offer,) = door.posted(JOHN)
    assert "https://doorward.example/signin/start?ticket=" in said(offer)
    assert door.teams.posted(room) == []
    assert door.posted(MIA) == []
    assert [record.event.decision for record in await door.here.audit(type_prefix="sign_in")] == ["sign_in"]


async def test_leave_is_asked_for_and_approved_with_a_code_in_a_dialog(door: Doorward) -> None:
    await door.here.sign_in("john")
    await door.here.sign_in("mia")
    await door.here.enrol("mia")

    assert "Monday, 21 December 2026" in await door.type(JOHN, "I'd like to take 21 to 23 December off")
    await door.press(JOHN, "Send request")
    (card,) = door.posted(MIA)
    assert ["Approve" in label for label in labels(card)] == [True, False, False]

    dialog = (await door.press(MIA, "Approve"))["task"]["value"]["card"]["content"]
    assert "21 December" in json.dumps(dialog["body"])
    assert [element["id"] for element in dialog["body"] if "id" in element] == ["code.code"]

    room = door.teams.personal(MIA)
    refused = await door.send(door.teams.submitted(MIA, room, dialog, code="000000"))
    dialog = refused.json()["task"]["value"]["card"]["content"]
    assert labels(door.posted(MIA)[0])
    answer = await door.send(door.teams.submitted(MIA, room, dialog, code=door.here.code("mia")))
    assert (answer.status_code, answer.json()) == (200, {})

    decided = door.posted(MIA)[0]
    assert "Approved by Mia" in said(decided)
    assert labels(decided) == ["Take it back…"]
    assert "approved by Mia" in said(door.posted(JOHN)[-1])


@pytest.mark.requirement("37")
async def test_a_code_typed_to_the_bot_is_refused_with_one_sentence_and_goes_nowhere(door: Doorward) -> None:
    await door.here.sign_in("mia")
    await door.here.enrol("mia")
    code = door.here.code("mia")
    told = {await door.type(MIA, text) for text in (code, f"{code[:3]} {code[3:]}", f"my code is {code}")}
    assert len(told) == 1
    assert "Please don't type codes here" in told.pop()
    assert code not in json.dumps(door.posted(MIA))
    [authenticator] = await door.here.database.read(lambda tx: tx.authenticators.of_identity(door.here.identity("mia")))
    assert authenticator.failures == 0
    assert not await door.here.audit(type_prefix="proof.")


async def test_a_forged_request_is_refused_written_down_and_stored_nowhere(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock
) -> None:
    async with doorward(teams, tmp_path, clock) as door:
        await door.here.sign_in("john")
        head, claims, _ = teams.token().split(".")
        activity = teams.typed(JOHN, teams.personal(JOHN), ASKED)
        answer = await door.send(activity, token=f"{head}.{claims}.{'A' * 342}")
        assert answer.status_code == 401
        assert _inbox_rows(tmp_path) == 0
        assert door.posted(JOHN) == []
        (rejected,) = await door.here.audit(type_prefix="ingress.rejected")
        assert (rejected.event.decision, rejected.event.channel) == ("deny", "teams")
        assert await door.here.audit(type_prefix="effect") == []

        assert (await door.send(activity)).status_code == 200
        assert _inbox_rows(tmp_path) == 1, "the same activity, signed, does come in"


def _inbox_rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "world.db")) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM inbox").fetchone()
    return int(rows)


async def test_an_activity_delivered_again_later_is_acknowledged_and_done_once(door: Doorward) -> None:
    await door.here.sign_in("john")
    activity = door.teams.typed(JOHN, door.teams.personal(JOHN), ASKED)
    for _ in range(4):
        assert (await door.send(activity)).status_code == 200
        door.here.clock.advance(timedelta(seconds=15))
    assert len(door.posted(JOHN)) == 1
    assert len(await door.here.audit(type_prefix="effect.finished")) == 1


async def test_twenty_deliveries_at_once_on_two_replicas_have_one_effect_and_one_reply(
    teams: FakeTeams, tmp_path: Path, clock: FixedClock, postgres_url: str
) -> None:
    keys = Keyring.generate()
    async with (
        doorward(teams, tmp_path, clock, url=postgres_url, keys=keys) as one,
        doorward(teams, tmp_path, clock, url=postgres_url, keys=keys) as other,
    ):
        await one.here.sign_in("john")
        activity = teams.typed(JOHN, teams.personal(JOHN), ASKED)
        answers = await asyncio.gather(*((one, other)[number % 2].deliver(activity) for number in range(20)))
        assert [answer.status_code for answer in answers] == [200] * 20
        for replica in (one, other):
            await replica.here.core.ingress.drain(SETTLE_SECONDS)
        assert len(one.posted(JOHN)) == 1
        assert len(await one.here.audit(type_prefix="effect.finished")) == 1
