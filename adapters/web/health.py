"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from adapters.web.site import Check

log = structlog.get_logger("doorward.web")
CHECK_SECONDS = 2.0


async def alive(_: Request) -> Response:
    """`/healthz`: the loop turns."""
    return PlainTextResponse("ok\n")


class Ready:
    """`/readyz`: every check by name; 503 when a required one is away, and the others are only told."""

    def __init__(self, checks: Mapping[str, Check], *, seconds: float = CHECK_SECONDS) -> None:
        self._checks = checks
        self._seconds = seconds

    async def answer(self, _: Request) -> Response:
        """Ask all at once."""
        held = await asyncio.gather(*(self._holds(name, check) for name, check in self._checks.items()))
        found = dict(zip(self._checks, held, strict=True))
        ready = all(found[name] for name, check in self._checks.items() if check.required)
        checks = {name: "ok" if ok else "unavailable" for name, ok in found.items()}
        return JSONResponse({"ready": ready, "checks": checks}, 200 if ready else 503)

    async def _holds(self, name: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(self._seconds):
                await check.run()
        except Exception as fault:  # noqa: BLE001 - whatever is wrong with it, it is not ready
            log.warning("not_ready", check=name, fault=type(fault).__name__)
            return False
        return True
