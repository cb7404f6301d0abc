"""Socket Mode on the fake Slack: single-use tickets, several connections, envelopes that want an answer in 3 s."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import httpx2
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

Json = dict[str, Any]
ACK_SECONDS = 3.0
MAX_CONNECTIONS = 10
APP = "A0DOORWARD"
_KINDS = {"event_callback": "events_api", "block_actions": "interactive", "view_submission": "interactive"}


@dataclass
class SlackSocket:
    """Slack's side of every connection."""

    base_url: Callable[[], str]
    app_id: str = APP
    connections: list[WebSocket] = field(default_factory=list)
    answers: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    unknown_acks: list[str] = field(default_factory=list)
    """Envelope ids that were acknowledged twice, or never sent."""
    _tickets: set[str] = field(default_factory=set)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def ticket(self) -> str:
        """An address that opens one connection."""
        ticket = f"t{next(self._numbers)}"
        self._tickets.add(ticket)
        return f"{self.base_url().replace('http', 'ws', 1)}/link/?ticket={ticket}"

    def routes(self) -> list[BaseRoute]:
        """The way in for connections."""
        return [WebSocketRoute("/link/", self._serve)]

    async def connected(self, count: int = 1) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(ACK_SECONDS):
            while len(self.connections) < count:
                self._changed.clear()
                await self._changed.wait()

    async def _serve(self, socket: WebSocket) -> None:
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self._tickets or len(self.connections) >= MAX_CONNECTIONS:
            await socket.close(4000)
            return
        self._tickets.discard(ticket)
        await socket.accept()
        hello = {"type": "hello", "num_connections": 1, "connection_info": {"app_id": self.app_id}}
        await socket.send_json(hello)
        self.connections.append(socket)
        self._changed.set()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                self._acknowledged(await socket.receive_json())
        if socket in self.connections:
            self.connections.remove(socket)

    def _acknowledged(self, ack: Json) -> None:
        waiting = self.answers.get(str(ack.get("envelope_id")))
        if waiting is None or waiting.done():
            self.unknown_acks.append(str(ack.get("envelope_id")))
        else:
            waiting.set_result(ack)

    async def put(self, envelope: Json | str, *, on: int = 0) -> asyncio.Future[Json]:
        """Send one frame on a connection; what is answered, if anything is."""
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        if isinstance(envelope, dict):
            self.answers[str(envelope.get("envelope_id"))] = answer
        await self.connections[on].send_text(envelope if isinstance(envelope, str) else json.dumps(envelope))
        return answer

    def envelope(self, payload: Json, **changes: Any) -> Json:
        """A payload as Slack wraps it."""
        kind = "slash_commands" if "command" in payload else _KINDS.get(str(payload.get("type")), "interactive")
        takes = kind == "slash_commands" or payload.get("type") == "view_submission"
        envelope = {"envelope_id": f"e-{next(self._numbers)}", "type": kind, "accepts_response_payload": takes}
        return envelope | {"payload": payload} | changes

    async def announce_end(self, reason: str, *, on: int = 0) -> None:
        """Say that a connection is about to end, and take it out of use."""
        socket = self.connections.pop(on)
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {}})

    async def close(self) -> None:
        """End every connection without a word."""
        for socket in list(self.connections):
            self.connections.remove(socket)
            with contextlib.suppress(RuntimeError):
                await socket.close(1001)


class SocketSender:
    """Takes what a test would post to our endpoint and puts it on Socket Mode; no answer reads as 503."""

    def __init__(self, socket: SlackSocket) -> None:
        self._socket = socket
        self.handled: asyncio.Queue[bool] = asyncio.Queue()

    async def post(self, path: str, *, content: bytes, headers: dict[str, str]) -> httpx2.Response:
        """Deliver one request; signatures mean nothing here."""
        del path
        retried = {"retry_attempt": int(headers.get("x-slack-retry-num", "0"))}
        answer = await self._socket.put(self._socket.envelope(_payload(content, headers["content-type"]), **retried))
        async with asyncio.timeout(ACK_SECONDS):
            acknowledged = await self.handled.get()
            if not acknowledged:
                return httpx2.Response(503)
            ack = await answer
        return httpx2.Response(200, json=ack["payload"]) if "payload" in ack else httpx2.Response(200)


def _payload(content: bytes, content_type: str) -> Json:
    if content_type == "application/json":
        return dict(json.loads(content))
    form = dict(parse_qsl(content.decode(), keep_blank_values=True))
    return dict(json.loads(form["payload"])) if "payload" in form else dict(form)
