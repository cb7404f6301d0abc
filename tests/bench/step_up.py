"""What an approval with a TOTP code costs beside a plain question, both through the whole core, the chat left out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

MONDAYS = ("16 November", "23 November", "30 November", "7 December", "14 December", "21 December")
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Processor seconds, medians."""

    message: float
    approval: float
    """The press that opens the dialog, the code, the decision in the HR system, every card edited."""


async def step_up_cost(directory: Path) -> StepUp:
    """Ask and approve in turns."""
    async with world(directory, FixedClock(START)) as here:
        for name in ("john", "mia"):
            await here.sign_in(name)
        await here.enrol("mia")
        messages, approvals = [], []
        for day in MONDAYS:
            messages += [await _spent(here.say("john", "balance")) for _ in range(5)]
            await here.say("john", f"I'd like to take {day} off")
            await here.press("john", here.last("john"), "Send request")
            here.clock.advance(
                timedelta(minutes=4)
            )  # a code counts once, and five in a quarter of an hour are the most
            approvals.append(await _spent(_approve(here)))
    return StepUp(message=statistics.median(messages), approval=statistics.median(approvals))


async def _approve(here: World) -> None:
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    await here.submit_code("mia", here.code("mia"))
    assert "Approved by Mia" in here.last("mia", "Leave for John").text


async def _spent(work: Awaitable[object]) -> float:
    before = time.process_time()
    await work
    return time.process_time() - before
