"""The playground's routes: `/`, `/play/…` and its static files, each behind the guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from adapters.playground.clock import DemoClock
from adapters.playground.endpoints import Playground, ProviderControl
from adapters.playground.guard import Endpoint, Guard
from adapters.playground.people import PlaygroundPerson
from adapters.playground.phone import DemoPhone
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.sign_in import AUTHORIZE_PATH, PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.playground.tour import guide
from adapters.playground.tracer import PlaygroundTracer
from adapters.playground.words import language_of, translated, words_script
from bot.ports.ingress import Ingress

HERE = Path(__file__).parent
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def playground_routes(
    *,
    platform: PlaygroundPlatform,
    hub: Hub,
    ingress: Ingress,
    clock: DemoClock,
    tracer: PlaygroundTracer,
    phone: DemoPhone,
    sign_in: PlaygroundSignIn,
    provider: ProviderControl,
    token: str,
    origin: str,
    after_hour: Callable[[], Awaitable[None]] | None = None,
) -> list[BaseRoute]:
    """Everything the demonstration adds to the server; `origin` is its own address (`http://localhost:8080`)."""
    guard = Guard(origin=origin, token=token, ingress=ingress)
    play = Playground(
        platform=platform,
        hub=hub,
        ingress=ingress,
        clock=clock,
        tracer=tracer,
        phone=phone,
        sign_in=sign_in,
        provider=provider,
        after_hour=after_hour,
    )
    orders = {
        "/play/person": play.choose,
        "/play/message": play.say,
        "/play/press": play.press,
        "/play/dialog/submit": play.submit,
        "/play/dialog/cancel": play.cancel,
        "/play/look": play.look,
        "/play/hour": play.let_an_hour_pass,
        "/play/account": play.switch_account,
        "/play/phone": play.phone_scan,
    }
    return [
        Route("/", guard.front(_page(platform.people, token)), methods=["GET"]),
        Route(AUTHORIZE_PATH, guard.page(play.authorize), methods=["GET"]),
        Route("/play/phone", guard.own(play.phone_screen), methods=["GET"]),
        Route("/play/stream", guard.own(play.stream), methods=["GET"]),
        *[Route(path, guard.own(order), methods=["POST"]) for path, order in orders.items()],
        Route("/play/static/words.js", words_script, methods=["GET"]),
        Mount("/play/static", StaticFiles(directory=HERE / "static")),
    ]


def _page(people: Sequence[PlaygroundPerson], token: str) -> Endpoint:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    config = {
        "token": token,
        "start": token_urlsafe(6),
        "people": [{"name": person.name, "password": person.password, "zone": person.timezone} for person in people],
    }

    async def page(request: Request) -> Response:
        language = language_of(request)
        t = partial(translated, language)
        html = environment.get_template("playground.html").render(
            config=config | guide(t), people=people, lang=language, t=t, title_of=partial(_title_of, t)
        )
        return HTMLResponse(html, headers={**SECURITY_HEADERS, "content-language": language})

    return page


def _title_of(t: Callable[[str], str], title: str) -> str:
    """What somebody is, in the reader's language; the department keeps its name."""
    role, dot, department = title.partition(" · ")
    return f"{t(role)}{dot}{department}"
