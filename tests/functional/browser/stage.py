"""The playground and our pages on a loopback port, with a core that answers from a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from adapters.playground.clock import DemoClock
from adapters.playground.people import PlaygroundPerson
from adapters.playground.phone import DemoPhone
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.routes import SECURITY_HEADERS, playground_routes
from adapters.playground.sign_in import PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.playground.tracer import PlaygroundTracer
from adapters.web.templating import STATIC, page_environment
from bot.domain.cards import Audience, Card, Reply
from bot.domain.messages import IncomingMessage
from bot.ports.ingress import Accepted
from tests.fakes.recording_ingress import RecordingIngress

PEOPLE = tuple(
    PlaygroundPerson(name=name, display_name=name.title(), title=title, subject=f"subject-{name}", timezone=zone)
    for name, title, zone in (
        ("john", "employee", "UTC"),
        ("mia", "line manager", "UTC"),
        ("raj", "administrator", "Asia/Kolkata"),
    )
)
TOKEN = "a-token-of-this-start"

Script = Callable[[IncomingMessage], Awaitable[None]]


@dataclass
class ProviderSwitches:
    """What was asked of the identity provider."""

    orders: list[tuple[str, object]] = field(default_factory=list)

    def disable(self, username: str) -> None:
        self.orders.append(("disable", username))

    def enable(self, username: str) -> None:
        self.orders.append(("enable", username))

    def advance(self, seconds: float) -> None:
        self.orders.append(("advance", seconds))


@dataclass
class ScriptedIngress(RecordingIngress):
    """A `RecordingIngress` that goes on by the test's script, as a worker would."""

    script: Script | None = None

    async def accept(self, message: IncomingMessage) -> Accepted:
        accepted = await super().accept(message)
        if self.script is not None and not accepted.duplicate:
            await self.script(message)
        return accepted


@dataclass
class Stage:
    """Everything a test looks at."""

    origin: str
    hub: Hub
    clock: DemoClock
    platform: PlaygroundPlatform
    tracer: PlaygroundTracer
    phone: DemoPhone
    sign_in: PlaygroundSignIn
    provider: ProviderSwitches
    ingress: ScriptedIngress
    _posted: int = 0

    async def answer(self, message: IncomingMessage, card: Card, audience: Audience = Audience.PERSON) -> str | None:
        """Post a card where the message came from."""
        self._posted += 1
        reply = Reply(audience=audience, card=card)
        return await self.platform.post(message.place, message.who, reply, dedupe_key=f"answer-{self._posted}")

    def routes(self) -> list[BaseRoute]:
        return playground_routes(
            platform=self.platform,
            hub=self.hub,
            ingress=self.ingress,
            clock=self.clock,
            tracer=self.tracer,
            phone=self.phone,
            sign_in=self.sign_in,
            provider=self.provider,
            token=TOKEN,
            origin=self.origin,
        )


def stage_at(origin: str) -> Stage:
    """A fresh playground that believes to be served at `origin`."""
    hub, clock = Hub(), DemoClock()
    return Stage(
        origin=origin,
        hub=hub,
        clock=clock,
        platform=PlaygroundPlatform(people=PEOPLE, clock=clock, hub=hub),
        tracer=PlaygroundTracer(people=PEOPLE, hub=hub),
        phone=DemoPhone(clock),
        sign_in=PlaygroundSignIn(origin=origin, redirect_uri=f"{origin}/signin/playground/callback", clock=clock),
        provider=ProviderSwitches(),
        ingress=ScriptedIngress(),
    )


def page_routes(pages: dict[str, tuple[str, dict[str, Any]]], received: list[dict[str, str]]) -> list[BaseRoute]:
    """Each page under its name, as (template, variables); what its forms send is kept."""

    async def show(request: Request) -> Response:
        if request.method == "POST":
            received.append({key: str(value) for key, value in (await request.form()).items()})
            return HTMLResponse("<!doctype html><title>sent</title><p data-testid=sent>sent</p>")
        template, values = pages[request.path_params["name"]]
        return HTMLResponse(page_environment().get_template(template).render(**values), headers=SECURITY_HEADERS)

    return [Route("/pages/{name}", show, methods=["GET", "POST"])]


@asynccontextmanager
async def serving(routes: Callable[[str], Sequence[BaseRoute]]) -> AsyncIterator[str]:
    """Serve on a free loopback port; gives the origin."""
    application = Starlette()
    server = uvicorn.Server(uvicorn.Config(application, host="127.0.0.1", port=0, log_level="error", lifespan="off"))
    listening = server.config.bind_socket()
    origin = f"http://127.0.0.1:{listening.getsockname()[1]}"
    application.router.routes.extend([*routes(origin), Mount("/static", StaticFiles(directory=Path(STATIC)))])
    serving_task = asyncio.create_task(server.serve([listening]))
    try:
        yield origin
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving_task
        listening.close()
