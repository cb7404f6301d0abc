"""The way in over HTTP: guard, then Bolt, then one plain response; never a 500."""

from __future__ import annotations

import logging

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.slack import guard
from adapters.slack.app import SlackApp
from adapters.slack.config import SlackConfig
from adapters.slack.parsing import Payload, parse
from adapters.slack.workspaces import admit, text_of
from bot.domain.identity import Platform
from bot.errors import Malformed, Refusal
from bot.ports.clock import Clock
from bot.ports.ingress import Ingress

PATH = "/slack/events"
MAX_CHALLENGE = 256

_log = logging.getLogger("doorward.slack")


def slack_routes(config: SlackConfig, *, app: SlackApp, ingress: Ingress, clock: Clock) -> list[Route]:
    """`POST /slack/events`: events, commands and interactivity, guarded; no route where Socket Mode alone is used."""
    if not config.signing_secrets:
        return []
    return [Route(PATH, SlackEndpoint(config, app, ingress, clock), methods=["POST"], name="slack_events")]


class SlackEndpoint:
    """An ASGI application: what the guard refuses reaches neither Bolt nor a handler."""

    def __init__(self, config: SlackConfig, app: SlackApp, ingress: Ingress, clock: Clock) -> None:
        self._config = config
        self._app = app
        self._ingress = ingress
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope, receive)
        except Refusal as refusal:
            await self._ingress.rejected(platform=Platform.SLACK, code=refusal.code)
            response = JSONResponse({"error": refusal.code}, refusal.status)
        except Exception as exc:  # noqa: BLE001 - a fault of ours is ours to repeat, and its text stays inside
            _log.error("slack_request_failed error=%s", type(exc).__name__)
            response = JSONResponse({"error": "unavailable"}, 503)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        raw_body = await guard.read_body(headers, receive)
        guard.verify(headers, raw_body, self._config.signing_secrets, self._clock.now())
        payload = parse(_content_type(headers), raw_body)
        return _formality(payload) or await self._admitted(payload)

    async def _admitted(self, payload: Payload) -> Response:
        admit(payload, self._config.workspaces, self._config.app_id)
        return await self._app.handle(payload)


def _content_type(headers: list[tuple[bytes, bytes]]) -> str:
    values = [value for name, value in headers if name == b"content-type"]
    if len(values) != 1:
        raise Malformed("content-type")
    return values[0].decode("latin-1")


def _formality(payload: Payload) -> Response | None:
    """Slack's two questions about the address itself; they name no workspace and run nothing."""
    if text_of(payload, "ssl_check") == "1":
        return Response(status_code=200)
    if text_of(payload, "type") == "url_verification":
        challenge = text_of(payload, "challenge")
        if not challenge or len(challenge) > MAX_CHALLENGE:
            raise Malformed("challenge")
        return PlainTextResponse(challenge)
    return None
