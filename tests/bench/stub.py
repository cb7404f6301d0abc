"""The smallest Slack there is: answers the four calls the candidates make, and says when a reply has arrived."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import cast

from tests.fakes.slack_workspace import BOT_ID, BOT_USER, TEAM

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHANNEL = re.compile(rb'"channel": ?"([^"]+)"')
_USER = re.compile(rb"(?:^|&)user=([A-Z0-9]+)")
_IDENTITY = {"ok": True, "url": "https://bench.slack.com/", "team": "bench", "team_id": TEAM}


class Replies:
    """Who waits for a reply, by the conversation it will be posted in."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self.unexpected = 0

    def expect(self, channel: str) -> asyncio.Future[None]:
        """Done when something is posted there."""
        future = self._waiting[channel] = asyncio.get_running_loop().create_future()
        return future

    def arrived(self, channel: str) -> None:
        """Something was posted there."""
        future = self._waiting.pop(channel, None)
        if future is None or future.done():
            self.unexpected += 1
        else:
            future.set_result(None)


class _Calls(asyncio.Protocol):
    """One connection; HTTP/1.1 with a length, which is all that the SDK sends."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._buffer, 0, end + 2)
            until = end + 4 + (int(length[1]) if length else 0)
            if len(self._buffer) < until:
                return
            head, body = self._buffer[:end], self._buffer[end + 4 : until]
            self._buffer = self._buffer[until:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport is not None
        method = head.partition(b"/api/")[2].partition(b" ")[0].partition(b"?")[0].decode()
        content = json.dumps(self._content(method, body)).encode()
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n\r\n%b"
            % (len(content), content)
        )

    def _content(self, method: str, body: bytes) -> Mapping[str, object]:
        if method == "chat.postMessage":
            found = _CHANNEL.search(body)
            assert found is not None, body
            channel = found[1].decode()
            self._replies.arrived(channel)
            return {"ok": True, "channel": channel, "ts": "1.000001", "message": {"text": ""}}
        if method == "auth.test":
            return {**_IDENTITY, "user": "doorward", "user_id": BOT_USER, "bot_id": BOT_ID}
        if method == "users.info":
            found = _USER.search(body)
            assert found is not None, body
            return {"ok": True, "user": {"id": found[1].decode(), "team_id": TEAM, "is_email_confirmed": True}}
        return {"ok": False, "error": "unknown_method"}


async def serve(replies: Replies) -> tuple[asyncio.Server, str]:
    """Listen on loopback; the server and what the SDK is given as its base address."""
    server = await asyncio.get_running_loop().create_server(lambda: _Calls(replies), "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/"
