"""Keeps the playground to its own page on this computer: loopback, Host, Origin, and a token made at every start."""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bot.errors import Malformed, NotAllowed, NotProven, PlatformRefused, Refusal, StorageUnavailable, TooLarge
from bot.ports.ingress import Ingress

TOKEN_HEADER = "x-doorward-demo"  # noqa: S105 - the name of a header
BODY_BYTES = 16 * 1024
BUSY = "Busy just now. Nothing is lost: please do it again."
GONE = "That is no longer open. Please start it again."

Endpoint = Callable[[Request], Awaitable[Response]]


class Guard:
    """Checks every request to the playground before its endpoint runs."""

    def __init__(self, *, origin: str, token: str, ingress: Ingress) -> None:
        self._origin = origin
        self._host = urlsplit(origin).netloc
        self._by_number = f"127.0.0.1:{urlsplit(origin).port}"
        self._token = token
        self._ingress = ingress

    def front(self, endpoint: Endpoint) -> Endpoint:
        """For the first page: whoever typed the number is sent on to the name, which passkeys and cookies go by."""
        guarded = self.page(endpoint)

        async def named(request: Request) -> Response:
            if request.headers.get("host", "") == self._by_number != self._host:
                return RedirectResponse(f"{self._origin}/")
            return await guarded(request)

        return named

    def page(self, endpoint: Endpoint) -> Endpoint:
        """For what a browser opens by itself: loopback and Host."""
        return self._wrapped(endpoint, self._check_place)

    def own(self, endpoint: Endpoint) -> Endpoint:
        """For what only our page asks: also Origin, and the token."""
        return self._wrapped(endpoint, self._check_caller)

    def _wrapped(self, endpoint: Endpoint, check: Callable[[Request], None]) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                check(request)
                return await endpoint(request)
            except Refusal as refusal:
                await self._ingress.rejected(platform="playground", code=refusal.code)
                return JSONResponse({"error": refusal.detail}, status_code=refusal.status)
            except PlatformRefused:
                return JSONResponse({"error": GONE}, status_code=409)
            except (StorageUnavailable, TimeoutError):
                return JSONResponse({"error": BUSY}, status_code=503)

        return guarded

    def _check_place(self, request: Request) -> None:
        if request.client is None or not _is_loopback(request.client.host):
            raise NotAllowed("the playground answers this computer only")
        if request.headers.get("host", "") != self._host:
            raise NotAllowed("the playground answers to its own address only")

    def _check_caller(self, request: Request) -> None:
        self._check_place(request)
        origin = request.headers.get("origin")
        if origin != self._origin and not (origin is None and request.method in {"GET", "HEAD"}):
            raise NotAllowed("the playground answers its own page only")
        given = request.headers.get(TOKEN_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise NotProven("this page belongs to an earlier start: load it again")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


async def read_json(request: Request) -> dict[str, object]:
    """The body as a JSON object. Raises `TooLarge`, `Malformed`."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLarge("too large")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as broken:
        raise Malformed("not JSON") from broken
    if not isinstance(found, dict):
        raise Malformed("not a JSON object")
    return found


def text_of(body: dict[str, object], name: str, *, limit: int = 4000) -> str:
    """A required, non-empty text of a body. Raises `Malformed`."""
    value = body.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > limit:
        raise Malformed(f"{name}: a text of at most {limit} characters is needed")
    return value.strip()
