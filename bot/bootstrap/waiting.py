"""Serves nothing but the news that the key service is away, until it gives out the keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.errors import KeysUnavailable

TRIED_AGAIN_SECONDS = 5.0
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

log = structlog.get_logger("doorward.keys")


class WaitingForKeys:
    """An application that refuses everything with 503, and becomes the real one once that can be composed."""

    def __init__(
        self, start: Callable[[], AbstractAsyncContextManager[ASGIApp]], *, pause_seconds: float = TRIED_AGAIN_SECONDS
    ) -> None:
        self._start = start
        self._pause = pause_seconds
        self._stopped = asyncio.Event()
        self._app: ASGIApp = Starlette(
            routes=[
                Route("/healthz", _alive),
                Route("/readyz", _not_ready),
                Route("/{path:path}", _try_again, methods=list(METHODS)),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as whichever it is at the moment."""
        await self._app(scope, receive, send)

    async def run(self, ready: Callable[[], None]) -> None:
        """Try until it works, then serve until `stop`. Raises what keeps it from starting for good."""
        while not self._stopped.is_set():
            try:
                async with self._start() as app:
                    self._app = app
                    ready()
                    await self._stopped.wait()
            except KeysUnavailable as away:
                log.warning("keys.unavailable", detail=away.detail)
                await self._wait()

    def stop(self) -> None:
        """Let `run` end."""
        self._stopped.set()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._pause):
                await self._stopped.wait()
        except TimeoutError:
            return


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


async def _not_ready(_: Request) -> Response:
    return JSONResponse({"ready": False, "checks": {"keys": "unavailable"}}, 503)


async def _try_again(_: Request) -> Response:
    return PlainTextResponse("the key service is away; try again\n", 503, headers={"Retry-After": "5"})
