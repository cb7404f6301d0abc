"""The Teams adapter put together against the fake Teams, as the composition does it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from starlette.applications import Starlette

from adapters.teams.config import Phrases, TeamsConfig
from adapters.teams.endpoint import PATH, teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.domain.cards import Action, ActionStyle, Audience, Card, Fact, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.secret import Secret
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.recording_ingress import RecordingIngress
from tests.fakes.teams_server import APP_ID, APP_PASSWORD, JOHN, MIA, TENANT, Activity, Conversation, FakeTeams, Person

PHRASES = Phrases(
    working="Working on it.", answered="It is answered.", busy="Busy, press again.", gone="That has been dealt with."
)

APPROVE = Action(label="Approve", handle="opaque-approve", style=ActionStyle.PRIMARY, opens_dialog=True)
DISMISS = Action(label="Dismiss", handle="opaque-dismiss", style=ActionStyle.DANGER)


@dataclass
class TeamsSide:
    """Teams on one side, the core on the other, the adapter between them."""

    teams: FakeTeams
    ingress: RecordingIngress
    platform: TeamsPlatform
    client: httpx2.AsyncClient

    async def send(self, activity: Activity, **claims: Any) -> httpx2.Response:
        """Send as Teams does, the token's claims changed."""
        return await self.deliver(json.dumps(activity).encode(), f"Bearer {self.teams.token(**claims)}")

    async def deliver(
        self, body: bytes, authorization: str | None, content_type: str | None = "application/json; charset=utf-8"
    ) -> httpx2.Response:
        """Send any bytes with any headers."""
        headers = {"authorization": authorization, "content-type": content_type}
        answer = await self.client.post(
            PATH, content=body, headers={name: value for name, value in headers.items() if value is not None}
        )
        self.teams.answered(answer)
        return answer


def config(teams: FakeTeams, **changes: Any) -> TeamsConfig:
    """The configuration for the fake's bot."""
    plain: dict[str, Any] = {
        "app_id": APP_ID,
        "app_password": Secret(APP_PASSWORD),
        "tenants": frozenset({TENANT}),
        "phrases": PHRASES,
        "openid_metadata_url": teams.openid_metadata_url,
        "token_url": teams.token_url,
        "service_hosts": frozenset({teams.host}),
        "service_url": teams.service_url,
        "loopback": True,
        "replies": PATIENT,
    }
    return TeamsConfig(**plain | changes)


def identity(person: Person) -> ChannelIdentity:
    """The identity of a person of the fake's tenant."""
    return ChannelIdentity(platform=Platform.TEAMS, tenant=person.tenant, account=person.oid)


@asynccontextmanager
async def teams_side(clock: FixedClock, *, key_fetch_seconds: float = 3.0, **changes: Any) -> AsyncIterator[TeamsSide]:
    """Everything running for one test; `changes` go to the configuration."""
    ingress = RecordingIngress()
    with FakeTeams(now=clock).running() as teams:
        settings = config(teams, **changes)
        platform = TeamsPlatform(settings, clock=clock)
        routes = teams_routes(
            settings, ingress=ingress, platform=platform, clock=clock, key_fetch_seconds=key_fetch_seconds
        )
        transport = httpx2.ASGITransport(app=Starlette(routes=routes))
        try:
            async with httpx2.AsyncClient(transport=transport, base_url="http://doorward.test") as client:
                yield TeamsSide(teams=teams, ingress=ingress, platform=platform, client=client)
        finally:
            await platform.close()


def card(*actions: Action) -> Card:
    return Card(headline="Leave for john", facts=(Fact(label="Days", value="3"),), actions=actions)


def place(side: TeamsSide, room: Conversation, thread: str | None = None) -> Place:
    kinds = {"personal": PlaceKind.DIRECT, "groupChat": PlaceKind.GROUP, "channel": PlaceKind.CHANNEL}
    return Place(
        platform=identity(JOHN).platform,
        tenant=TENANT,
        conversation=room.id,
        kind=kinds[room.kind],
        thread=thread,
        service=side.teams.service_url,
    )


async def posted(
    side: TeamsSide,
    room: Conversation,
    content: Card,
    to: Person = MIA,
    audience: Audience = Audience.PLACE,
    thread: str | None = None,
) -> str:
    reply = Reply(audience=audience, card=content)
    message = await side.platform.post(place(side, room, thread), identity(to), reply, dedupe_key="k")
    assert message is not None
    return message


def honest(side: TeamsSide) -> bytes:
    """What nothing is wrong with."""
    return json.dumps(side.teams.typed(JOHN, side.teams.personal(JOHN), "hello")).encode()
