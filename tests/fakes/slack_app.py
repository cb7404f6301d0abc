"""The Slack adapter put together against the fake Slack, as the composition does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import httpx2
from starlette.applications import Starlette

from adapters.slack.app import SlackApp
from adapters.slack.config import Phrases, SigningSecret, SlackConfig
from adapters.slack.endpoint import slack_routes
from adapters.slack.platform import OneToken, SlackPlatform
from adapters.slack.socket import SocketMode
from adapters.slack.web_api import WebApi
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.secret import Secret
from bot.ports.clock import Clock
from bot.ports.ingress import Ingress
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.recording_ingress import RecordingIngress
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack
from tests.fakes.slack_socket import SocketSender
from tests.fakes.slack_workspace import APP, APP_TOKEN, BOT_TOKEN, TEAM

Way = Literal["http", "socket"]
WAYS: tuple[Way, ...] = ("http", "socket")

PHRASES = Phrases(
    loading_title="One moment",
    loading="Loading…",
    busy="Busy, press again.",
    not_for_you="Not for you.",
    working="is looking…",
    prompts_title="Ask me",
    prompts=(("My leave", "how many days of leave do I have?"), ("Help", "help")),
)


@dataclass
class SlackSide:
    """Slack on one side, the core on the other, the adapter between them."""

    slack: FakeSlack
    ingress: RecordingIngress
    platform: SlackPlatform
    client: Any

    async def send(self, payload: dict[str, Any], **headers: str) -> httpx2.Response:
        """Send as Slack does, and let what runs beside the answer finish."""
        answer: httpx2.Response = await self.slack.send(self.client, payload, **headers)
        await self.platform.settled()
        return answer


def config(slack: FakeSlack, **changes: Any) -> SlackConfig:
    """The configuration for the fake's workspace."""
    plain: dict[str, Any] = {
        "signing_secrets": (SigningSecret(value=Secret(SIGNING_SECRET)),),
        "workspaces": frozenset({TEAM}),
        "phrases": PHRASES,
        "app_id": APP,
        "api_base_url": slack.api_base_url,
        "replies": PATIENT,
    }
    return SlackConfig(**plain | changes)


def identity(account: str, tenant: str = TEAM) -> ChannelIdentity:
    """The identity of a person of the fake's workspace."""
    return ChannelIdentity(platform=Platform.SLACK, tenant=tenant, account=account)


@asynccontextmanager
async def slack_side(clock: FixedClock, way: Way = "http", **changes: Any) -> AsyncIterator[SlackSide]:
    """Everything running for one test; `changes` go to the configuration."""
    ingress = RecordingIngress()
    async with FakeSlack(now=clock).running() as slack:
        settings = config(slack, **changes)
        platform = one_workspace(settings)
        app = SlackApp(settings, ingress=ingress, platform=platform, clock=clock)
        try:
            async with way_in(settings, app, ingress, clock, slack, way) as client:
                yield SlackSide(slack=slack, ingress=ingress, platform=platform, client=client)
        finally:
            await platform.close()


def one_workspace(settings: SlackConfig, **more: Any) -> SlackPlatform:
    """The platform with the fake's one bot token."""
    return SlackPlatform(OneToken(Secret(BOT_TOKEN)), WebApi(settings.api_base_url), **more)


@asynccontextmanager
async def way_in(
    settings: SlackConfig, app: SlackApp, ingress: Ingress, clock: Clock, slack: FakeSlack, way: Way = "http"
) -> AsyncIterator[Any]:
    """What a test sends with: a client of our endpoint, or one that puts the same on Socket Mode."""
    if way == "http":
        server = Starlette(routes=slack_routes(settings, app=app, ingress=ingress, clock=clock))
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=server), base_url="http://doorward.test"
        ) as client:
            yield client
        return
    sender = SocketSender(slack.socket)
    socket = SocketMode(
        replace(settings, app_token=Secret(APP_TOKEN)), app, ingress, connections=1, handled=sender.handled.put_nowait
    )
    socket.start()
    try:
        await slack.socket.connected()
        slack.calls.clear()
        yield sender
    finally:
        await socket.stop()
