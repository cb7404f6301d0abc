"""Readiness: what is required, what is only told, what hangs."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.requests import Request

from adapters.web.health import Ready
from adapters.web.site import Check
from bot.errors import ProviderUnavailable

REQUEST = Request({"type": "http", "headers": []})


async def fine() -> None:
    """There."""


async def away() -> None:
    raise ProviderUnavailable("with a detail that stays inside")


async def broken() -> None:
    raise RuntimeError("with a detail that stays inside")


@pytest.mark.parametrize(
    ("checks", "status", "said"),
    [
        ({}, 200, {}),
        ({"storage": Check(run=fine)}, 200, {"storage": "ok"}),
        ({"storage": Check(run=broken)}, 503, {"storage": "unavailable"}),
        (
            {"storage": Check(run=fine), "provider": Check(run=away, required=False)},
            200,
            {"storage": "ok", "provider": "unavailable"},
        ),
        ({"storage": Check(run=away), "provider": Check(run=fine)}, 503, {"storage": "unavailable", "provider": "ok"}),
    ],
)
async def test_readiness_names_every_check(checks: dict[str, Check], status: int, said: dict[str, str]) -> None:
    answer = await Ready(checks).answer(REQUEST)
    assert answer.status_code == status
    body = json.loads(bytes(answer.body))
    assert body == {"ready": status == 200, "checks": said}


async def hangs() -> None:
    await asyncio.Event().wait()


async def test_what_hangs_is_away() -> None:
    answer = await Ready({"storage": Check(run=hangs)}, seconds=0.01).answer(REQUEST)
    assert answer.status_code == 503
