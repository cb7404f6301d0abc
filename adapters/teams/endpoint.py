"""The way in over HTTP: guard, then botbuilder, then one plain response; never a 500."""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.teams import guard
from adapters.teams.app import TeamsApp
from adapters.teams.config import TeamsConfig
from adapters.teams.parsing import Headers, announced, parse, read_body
from adapters.teams.platform import TeamsPlatform
from adapters.teams.signing_keys import FETCH_SECONDS, SigningKeys
from bot.domain.identity import Platform
from bot.errors import Refusal, Unavailable
from bot.ports.clock import Clock
from bot.ports.ingress import Ingress

PATH = "/api/messages"

_log = logging.getLogger("doorward.teams")


def teams_routes(
    config: TeamsConfig,
    *,
    ingress: Ingress,
    platform: TeamsPlatform,
    clock: Clock,
    key_fetch_seconds: float = FETCH_SECONDS,
) -> list[Route]:
    """`POST /api/messages`: every activity of Teams, guarded."""
    app = TeamsApp(config, ingress=ingress, platform=platform, clock=clock)
    keys = SigningKeys(config, clock=clock, aside=platform.aside, fetch_seconds=key_fetch_seconds)
    return [Route(PATH, TeamsEndpoint(config, app, keys, ingress, clock), methods=["POST"], name="teams_messages")]


class TeamsEndpoint:
    """An ASGI application: what the guard refuses reaches neither botbuilder nor a handler."""

    def __init__(self, config: TeamsConfig, app: TeamsApp, keys: SigningKeys, ingress: Ingress, clock: Clock) -> None:
        self._config = config
        self._app = app
        self._keys = keys
        self._ingress = ingress
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope["headers"], receive)
        except Refusal as refusal:
            await self._ingress.rejected(platform=Platform.TEAMS, code=refusal.code)
            response = JSONResponse({"error": refusal.code}, refusal.status)
        except (Unavailable, TimeoutError):
            response = JSONResponse({"error": "unavailable"}, 503)
        except Exception as exc:  # noqa: BLE001 - a fault of ours is ours to repeat, and its text stays inside
            _log.error("teams_request_failed error=%s", type(exc).__name__)
            response = JSONResponse({"error": "unavailable"}, 503)
        await response(scope, receive, send)

    async def _answer(self, headers: Headers, receive: Receive) -> Response:
        """Nothing is read of whoever has not proven anything."""
        announced(headers)
        proof = await guard.prove(headers, self._config, self._keys, self._clock.now())
        activity = parse(headers, await read_body(receive))
        return await self._app.handle(guard.admit(activity, proof, self._config))
