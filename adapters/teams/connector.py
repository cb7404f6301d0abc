"""Calls to the Bot Connector over plain REST, each once, to hosts on the list only.

Not the SDK's ConnectorClient: its retry policy is most of a turn's time and repeats a create after a 5xx, it brings a
second HTTP stack, and five calls of documented REST are all that is needed.
See: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from adapters.teams.config import TeamsConfig
from adapters.teams.credential import Credential
from adapters.teams.tls import tls
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock

CALL_SECONDS = 10.0
RESPONSE_BYTES = 512 * 1024
MAX_RETRY_AFTER_SECONDS = 300
MAX_ID = 512

_PASSING = frozenset({408, 412, 425, 429})
_CODE = re.compile(r"[A-Za-z]{1,60}")


class Connector:
    """One HTTP client and one credential for all calls. Use it on one event loop, and `close` it."""

    def __init__(self, config: TeamsConfig, *, clock: Clock) -> None:
        self._config = config
        self._credential = Credential(config, clock=clock)
        self._made: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._made is not None:
            await self._made.close()
        self._credential.close()

    async def create_conversation(self, service: str, body: dict[str, Any]) -> dict[str, Any]:
        """`POST /v3/conversations`: for one person it gives the same conversation every time, so it may be repeated."""
        return await self._call("POST", service, ("v3", "conversations"), body)

    async def create_activity(self, service: str, conversation: str, activity: dict[str, Any]) -> dict[str, Any]:
        """`POST …/activities`. When the outcome is not known, the error says so."""
        path = ("v3", "conversations", conversation, "activities")
        return await self._call("POST", service, path, activity, creates=True)

    async def update_activity(
        self, service: str, conversation: str, message: str, activity: dict[str, Any]
    ) -> dict[str, Any]:
        """`PUT …/activities/{id}`."""
        return await self._call("PUT", service, ("v3", "conversations", conversation, "activities", message), activity)

    async def member(self, service: str, conversation: str, account: str) -> dict[str, Any]:
        """`GET …/members/{id}`: what Teams says of a person in a conversation."""
        return await self._call("GET", service, ("v3", "conversations", conversation, "members", account))

    async def members(self, service: str, conversation: str, page: int) -> dict[str, Any]:
        """`GET …/pagedmembers`: the first `page` people of a conversation, fifty at the least."""
        path = ("v3", "conversations", conversation, "pagedmembers")
        return await self._call("GET", service, path, query=f"?pageSize={page}")

    async def _call(
        self,
        method: str,
        service: str,
        path: tuple[str, ...],
        body: dict[str, Any] | None = None,
        *,
        creates: bool = False,
        query: str = "",
    ) -> dict[str, Any]:
        """Raises `PlatformUnavailable` or `PlatformRefused`, its detail Teams' own error word."""
        if not self._config.serves(service):
            raise PlatformRefused("service address not on the list")
        url = "/".join([service.rstrip("/"), *(_segment(name) for name in path)]) + query
        token = await self._credential.token()
        status, headers, text = await self._exchange(method, url, body, token, creates=creates)
        if status == 401:  # not looked at, so nothing was done
            token = await self._credential.token(instead_of=token)
            status, headers, text = await self._exchange(method, url, body, token, creates=creates)
        if 200 <= status < 300:
            return _object(text)
        raise _translated(status, headers, text, creates=creates)

    async def _exchange(
        self, method: str, url: str, body: dict[str, Any] | None, token: str, *, creates: bool
    ) -> tuple[int, Mapping[str, str], str]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
            content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        # What is quoted already is not to be read and written anew.
        calling = self._session().request(
            method, URL(url, encoded=True), data=content, headers=headers, allow_redirects=False
        )
        try:
            async with asyncio.timeout(CALL_SECONDS), calling as response:
                return response.status, response.headers, await _bounded(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
            raise PlatformUnavailable(type(exc).__name__) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as exc:
            raise PlatformUnavailable(type(exc).__name__, outcome_unknown=creates) from None

    def _session(self) -> aiohttp.ClientSession:
        """Made at the first call, since it belongs to the running loop; it keeps no cookies, reads no environment."""
        if self._made is None:
            self._made = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls()),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
                trust_env=False,
            )
        return self._made


def _segment(name: str) -> str:
    """One path segment, whatever is in it. Raises `PlatformRefused`."""
    if not name or name in {".", ".."} or len(name) > MAX_ID:
        raise PlatformRefused("not an id")
    return quote(name, safe="")


async def _bounded(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > RESPONSE_BYTES:
            break
    return body.decode("utf-8", errors="replace")


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _translated(
    status: int, headers: Mapping[str, str], text: str, *, creates: bool
) -> PlatformUnavailable | PlatformRefused:
    if status in _PASSING or status >= 500:
        return PlatformUnavailable(
            str(status), retry_after_seconds=_retry_after(headers), outcome_unknown=creates and status >= 500
        )
    error = _object(text).get("error")
    code = error.get("code") if isinstance(error, dict) else None
    named = isinstance(code, str) and _CODE.fullmatch(code)
    return PlatformRefused(f"{status} {code}" if named else str(status))


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "1")
    return float(min(int(value[:9]), MAX_RETRY_AFTER_SECONDS)) if value.isascii() and value.isdigit() else 1.0
