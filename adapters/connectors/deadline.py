"""The deadline of every connector call: a system that hangs never makes a person wait longer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from bot.ports.connectors import ConnectorUnavailable, OutcomeUnknown

LONGEST_SECONDS = 5.0

Answer = TypeVar("Answer")


async def answered(send: Callable[[], Awaitable[Answer]], *, deadline: datetime, now: datetime, write: bool) -> Answer:
    """The answer of `send`, by the deadline and within five seconds.

    Raises `ConnectorUnavailable` when a read takes longer, or when it is too late to begin;
    `OutcomeUnknown` when a write takes longer, since it may have happened.
    """
    seconds = min(LONGEST_SECONDS, (deadline - now).total_seconds())
    if seconds <= 0:
        raise ConnectorUnavailable("the deadline has passed, nothing was sent")
    try:
        async with asyncio.timeout(seconds):
            return await send()
    except TimeoutError as exc:
        if write:
            raise OutcomeUnknown("no answer to a write by the deadline") from exc
        raise ConnectorUnavailable("no answer by the deadline") from exc
