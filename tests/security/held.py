"""What the tests of a held database share: somebody else holds it, an answer comes in time, everything is done once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Awaitable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.world import World

T = TypeVar("T")

HELD_SECONDS = 2
IN_TIME_SECONDS = 3
"""What Slack waits, and Teams longer: a busy machine must not make these tests red, and ours is less than a third."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A backup, or a shell, holds the database."""
    with closing(sqlite3.connect(folder / "world.db", isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.execute("ROLLBACK")


async def timed(sent: Awaitable[T]) -> T:
    """The answer, in time."""
    began = time.monotonic()
    answer = await sent
    assert time.monotonic() - began < IN_TIME_SECONDS
    return answer


async def finished(here: World) -> list[str]:
    """Every effect there was."""
    return [record.event.action for record in await here.audit(type_prefix="effect.finished")]


async def later(here: World) -> None:
    """Whatever anybody left behind is taken up."""
    await here.core.ingress.drain(SETTLE_SECONDS)
    here.clock.advance(timedelta(minutes=2))
    await here.core.ingress.take_over()
    await here.core.delivery.take_over()
    await here.core.ingress.drain(SETTLE_SECONDS)
