"""The three chat platforms as one test drives them, each through its real adapter: type, press, give a code."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx2
from starlette.applications import Starlette

from adapters.playground.clock import DemoClock
from adapters.playground.people import PlaygroundPerson
from adapters.playground.phone import DemoPhone
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.routes import playground_routes
from adapters.playground.sign_in import PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.playground.tracer import PlaygroundTracer
from bot.domain.cards import plain_text
from bot.domain.identity import Platform
from bot.ports.webauthn import WebAuthn
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.slack_server import FakeSlack
from tests.fakes.teams_server import JOHN, MIA, RAJ, SARAH, Activity, FakeTeams, actions_of
from tests.fakes.world import PUBLIC_URL, World, world
from tests.functional import test_slack_end_to_end as slack_side
from tests.functional import test_teams_end_to_end as teams_side
from tests.functional.browser.stage import ProviderSwitches

ORIGIN, TOKEN = "http://localhost:8080", "a-token-of-this-start"
PAGE = re.compile(re.escape(PUBLIC_URL) + r"/[^\s\"<>|\\]+")
ON_TEAMS = {"john": JOHN, "mia": MIA, "sarah": SARAH, "raj": RAJ}


class Side(Protocol):
    """One platform, and Doorward behind it."""

    here: World

    async def type(self, name: str, text: str) -> None:
        """Somebody types to the bot, in their own conversation with it."""
        ...

    async def press(self, name: str, label: str) -> None:
        """Somebody presses the newest button that says this."""
        ...

    async def give(self, name: str, code: str) -> None:
        """Somebody submits the dialog that is open with this code."""
        ...

    async def fill(self, name: str, **fields: str) -> None:
        """Somebody submits the dialog that is open with these values."""
        ...

    def seen(self, name: str) -> str:
        """Everything that stands in somebody's own conversation with the bot now, as they read it."""
        ...

    def page(self, name: str) -> str:
        """The newest page of ours that a card of theirs leads to."""
        ...


class OnSlack:
    """Signed requests to `/slack/events`."""

    def __init__(self, door: slack_side.Doorward) -> None:
        self.here, self._door = door.here, door

    async def type(self, name: str, text: str) -> None:
        await self._door.type(name, text)

    async def press(self, name: str, label: str) -> None:
        await self._door.press(name, label)

    async def give(self, name: str, code: str) -> None:
        await self.fill(name, code=code)

    async def fill(self, name: str, **fields: str) -> None:
        view = [view for view in self._door.slack.views.values() if view.open][-1]
        await self._door.send(self._door.slack.submission(view, **fields))

    def seen(self, name: str) -> str:
        return "\n".join(json.dumps(shown.blocks, ensure_ascii=False) for shown in self._door.seen(name))

    def page(self, name: str) -> str:
        return str(PAGE.findall(self.seen(name))[-1])


class OnTeams:
    """Signed activities to `/api/messages`."""

    def __init__(self, door: teams_side.Doorward) -> None:
        self.here, self._door = door.here, door
        self._dialog: Activity = {}

    async def type(self, name: str, text: str) -> None:
        person = ON_TEAMS[name]
        answer = await self._door.send(self._door.teams.typed(person, self._door.teams.personal(person), text))
        assert answer.status_code == 200

    async def press(self, name: str, label: str) -> None:
        person, room = ON_TEAMS[name], self._door.teams.personal(ON_TEAMS[name])
        for message in reversed(self._door.posted(person)):
            titles = [action["title"] for shown in message["attachments"] for action in actions_of(shown["content"])]
            found = [title for title in titles if label in title]
            if found:
                room.activities[message["id"]] = room.activities.pop(message["id"])  # the one that is pressed
                answer = await self._door.send(self._door.teams.pressed(person, room, found[0]))
                assert answer.status_code == 200
                self._dialog = answer.json().get("task", {}).get("value", {})
                return
        raise AssertionError(f"{name} sees no {label!r}")

    async def give(self, name: str, code: str) -> None:
        await self.fill(name, code=code)

    async def fill(self, name: str, **fields: str) -> None:
        person = ON_TEAMS[name]
        card = self._dialog["card"]["content"]
        answer = await self._door.send(
            self._door.teams.submitted(person, self._door.teams.personal(person), card, **fields)
        )
        assert answer.status_code == 200
        self._dialog = (answer.json() or {}).get("task", {}).get("value", {}) if answer.content else {}

    def seen(self, name: str) -> str:
        return "\n".join(teams_side.said(message) for message in self._door.posted(ON_TEAMS[name]))

    def page(self, name: str) -> str:
        return str(PAGE.findall(self.seen(name))[-1])


@dataclass
class OnPlayground:
    """What the demo's own page sends."""

    here: World
    platform: PlaygroundPlatform
    client: httpx2.AsyncClient

    async def type(self, name: str, text: str) -> None:
        await self._order("message", person=name, conversation=f"dm-{name}", text=text)

    async def press(self, name: str, label: str) -> None:
        for post in reversed(self.platform.posts(name)):
            labels = [action.label for action in post.card.actions] if post.card else []
            found = [position for position, title in enumerate(labels) if label in title]
            if found:
                await self._order("press", person=name, message=post.id, action=found[0])
                return
        raise AssertionError(f"{name} sees no {label!r}")

    async def give(self, name: str, code: str) -> None:
        await self.fill(name, code=code)

    async def fill(self, name: str, **fields: str) -> None:
        dialog = self.platform.open_dialogs(name)[-1]
        there: Any = dialog["fields"]
        left = {field["name"]: field["value"] for field in there if field["value"]}
        await self._order("dialog/submit", person=name, view=dialog["view"], fields=left | fields)

    def seen(self, name: str) -> str:
        return "\n".join(plain_text(post.card) for post in self.platform.posts(name) if post.card)

    def page(self, name: str) -> str:
        cards = [post.card for post in self.platform.posts(name) if post.card]
        return [action.url for card in cards for action in card.actions if action.url][-1]

    async def _order(self, name: str, **body: Any) -> None:
        answer = await self.client.post(f"/play/{name}", json=body)
        assert answer.status_code == 200, answer.text
        await self.here.core.ingress.drain(SETTLE_SECONDS)


@asynccontextmanager
async def on_slack(
    folder: Path, clock: FixedClock, policies: Path = POLICIES, webauthn: WebAuthn | None = None
) -> AsyncIterator[Side]:
    async with FakeSlack(now=clock).running() as slack:
        for account in slack_side.PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *slack_side.PEOPLE.values())
        async with slack_side.doorward(slack, folder, clock, policies=policies, webauthn=webauthn) as door:
            yield OnSlack(door)


@asynccontextmanager
async def on_teams(
    folder: Path, clock: FixedClock, policies: Path = POLICIES, webauthn: WebAuthn | None = None
) -> AsyncIterator[Side]:
    with FakeTeams(now=clock).running() as teams:
        for person in ON_TEAMS.values():
            teams.personal(person)
        teams.channel(*ON_TEAMS.values())
        async with teams_side.doorward(teams, folder, clock, policies=policies, webauthn=webauthn) as door:
            yield OnTeams(door)


@asynccontextmanager
async def on_playground(folder: Path, clock: FixedClock) -> AsyncIterator[Side]:
    hub, ticking = Hub(), DemoClock(clock)
    people = [PlaygroundPerson(name=name, display_name=name.title(), title=name, subject=name) for name in ON_TEAMS]
    platform = PlaygroundPlatform(people=people, clock=ticking, hub=hub)
    async with world(folder, clock, platforms={Platform.PLAYGROUND: platform}) as here:
        routes = playground_routes(
            platform=platform,
            hub=hub,
            ingress=here.core.ingress,
            clock=ticking,
            tracer=PlaygroundTracer(people=people, hub=hub),
            phone=DemoPhone(ticking),
            sign_in=PlaygroundSignIn(origin=ORIGIN, redirect_uri=f"{ORIGIN}/signin/playground/callback", clock=ticking),
            provider=ProviderSwitches(),
            token=TOKEN,
            origin=ORIGIN,
        )
        headers = {"origin": ORIGIN, "x-doorward-demo": TOKEN}
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        async with httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
            yield OnPlayground(here=here, platform=platform, client=client)
        await here.core.ingress.drain(SETTLE_SECONDS)


SIDES: dict[Platform, Callable[[Path, FixedClock], AbstractAsyncContextManager[Side]]] = {
    Platform.SLACK: on_slack,
    Platform.TEAMS: on_teams,
    Platform.PLAYGROUND: on_playground,
}
