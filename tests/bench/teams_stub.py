"""The smallest Teams there is: keys, tokens, a roster, and a place where replies arrive; and what it sends to a bot."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import unquote

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.bench.events import ACCOUNTS, TEXT, Event
from tests.bench.stub import Replies
from tests.fakes.teams_server import APP_ID, BOT, ISSUER, TENANT

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_KEY = "bench"


def account(number: int) -> str:
    """A directory object id."""
    return f"00000000-0000-4000-8000-{number:012}"


class _Calls(asyncio.Protocol):
    """One connection; HTTP/1.1 with a length."""

    def __init__(self, teams: StubTeams) -> None:
        self._teams = teams
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
            head, self._buffer = self._buffer[:end], self._buffer[until:]
            assert self._transport is not None
            content = json.dumps(self._teams.content(unquote(head.split(b" ", 2)[1].decode()))).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n\r\n%b"
                % (len(content), content)
            )


class StubTeams:
    """Both halves."""

    def __init__(self, replies: Replies) -> None:
        self._replies = replies
        self._key = RSAKey.generate_key(2048, {"kid": _KEY})
        self._numbers = itertools.count(1)
        self.url = ""
        self._token = ""

    async def serve(self) -> asyncio.Server:
        """Listen on loopback."""
        server = await asyncio.get_running_loop().create_server(lambda: _Calls(self), "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": APP_ID,
            "nbf": now - 60,
            "exp": now + 36_000,
            "serviceurl": f"{self.url}/teams/",
        }
        self._token = jwt.encode({"alg": "RS256", "kid": _KEY, "typ": "JWT"}, claims, self._key)
        return server

    def content(self, path: str) -> Mapping[str, object]:
        """The answer to a call."""
        if path.endswith("/openidconfiguration"):
            algorithms = ["RS256"]
            return {
                "issuer": ISSUER,
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": algorithms,
            }
        if path == "/keys":
            return {"keys": [dict(self._key.as_dict(private=False)) | {"endorsements": ["msteams"], "use": "sig"}]}
        if path == "/token":
            return {"token_type": "Bearer", "expires_in": 86_000, "access_token": "made up for the bench"}
        conversation, _, rest = path.removeprefix("/teams/v3/conversations/").partition("/")
        if rest.startswith("members/"):
            number = int(rest.rpartition("-")[2])
            return {
                "id": rest.removeprefix("members/"),
                "aadObjectId": account(number),
                "tenantId": TENANT,
                "userRole": "user",
                "userPrincipalName": f"p{number}@corp.example",
            }
        self._replies.arrived(conversation)
        return {"id": "1"}

    def next_event(self) -> Event:
        """Somebody asks for their balance: another activity and conversation each time, the people taking turns."""
        number = next(self._numbers)
        who, conversation = number % ACCOUNTS, f"a:{number:09}"
        body = json.dumps(
            {
                "type": "message",
                "id": f"{1_700_000_000_000 + number}",
                "channelId": "msteams",
                "serviceUrl": f"{self.url}/teams/",
                "from": {"id": f"29:person-{who}", "name": f"Person {who}", "aadObjectId": account(who)},
                "recipient": {"id": BOT, "name": "Doorward"},
                "conversation": {"id": conversation, "conversationType": "personal", "tenantId": TENANT},
                "channelData": {"tenant": {"id": TENANT}},
                "locale": "en-GB",
                "localTimezone": "Europe/Berlin",
                "text": TEXT,
                "textFormat": "plain",
                "entities": [{"type": "clientInfo", "locale": "en-GB", "platform": "Web"}],
            }
        ).encode()
        head = (
            f"POST /api/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json; charset=utf-8\r\n"
            f"content-length: {len(body)}\r\nauthorization: Bearer {self._token}\r\n\r\n"
        )
        return Event(conversation, head.encode() + body)


NextEvent = Callable[[], Event]
