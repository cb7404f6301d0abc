"""What a TOTP step-up costs: one decision on leave as policy asks for it, beside the same one without the code.

All go through the whole core, the chat left out: what is posted is counted up to its hand-over. The policies of the
other differ from those in force in nothing but the proof they ask for before this decision.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import statistics
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from policy.cedar import CedarEngine
from policy.sources import POLICIES, read_sources
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FIRST_MONDAY = date(2027, 2, 1)
ROUNDS = 20
WARMING = 3
"""Rounds that are not counted."""
DECISION = re.compile(
    r'(@id\("hr\.leave\.decide-report"\).*?)@consent\("per_action"\)\n@batch\("20"\)\n(.*?\};)', re.DOTALL
)
PROOF = re.compile(r" &&\n  context has proof && context\.proof\.age >= 0 && context\.proof\.age <= 300")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepUp:
    """Processor seconds, medians."""

    message: float
    """A plain question and its answer."""
    plain: float
    """The decision where policy asks for no proof: one press."""
    asked: float
    """As policy has it: the press that opens the dialog."""
    code: float
    """As policy has it: the code, the decision in the HR system, every card edited."""

    @property
    def proven(self) -> float:
        """The whole decision as policy has it."""
        return self.asked + self.code


@dataclass(kw_only=True)
class _Lane:
    """One world, and what its approvals took."""

    here: World
    proven: bool
    times: dict[str, list[float]] = field(default_factory=dict)

    async def timed(self, what: str, work: Awaitable[object]) -> None:
        before = time.process_time()
        await work
        self.times.setdefault(what, []).append(time.process_time() - before)

    def median(self, what: str) -> float:
        return statistics.median(self.times[what][WARMING:])


async def step_up_cost(directory: Path, rounds: int = ROUNDS) -> StepUp:
    """Ask and refuse in both worlds in turns."""
    async with AsyncExitStack() as stack:
        lanes = [await _lane(stack, directory, proven=proven) for proven in (False, True)]
        for number in range(rounds + WARMING):
            for lane in lanes:
                await _round(lane, FIRST_MONDAY + timedelta(weeks=number))
    plain, proven = lanes
    return StepUp(
        message=proven.median("message"),
        plain=plain.median("done"),
        asked=proven.median("asked"),
        code=proven.median("done"),
    )


async def _lane(stack: AsyncExitStack, directory: Path, *, proven: bool) -> _Lane:
    directory = await asyncio.to_thread(_made, directory / f"step-up-{proven}")
    policies = POLICIES if proven else await asyncio.to_thread(_unproven, directory)
    # What is served refuses such policies (`load`); measured beside them, they are taken as they are.
    engine = CedarEngine(read_sources(policies))
    here = await stack.enter_async_context(world(directory, FixedClock(START), engine=engine))
    for name in ("john", "mia"):
        await here.sign_in(name)
    await here.enrol("mia")
    return _Lane(here=here, proven=proven)


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


def _unproven(directory: Path) -> Path:
    """Those in force, without the proof before a manager's decision."""
    copied = Path(shutil.copytree(POLICIES, directory / "policies"))
    [file] = copied.glob("*hr.cedar")
    text, found = DECISION.subn(lambda match: match[1] + PROOF.sub("", match[2]), file.read_text(encoding="utf-8"))
    assert found == 1, "the policy of a manager's decision is written differently now"
    file.write_text(text, encoding="utf-8")
    return copied


async def _round(lane: _Lane, day: date) -> None:
    here = lane.here
    # After a refusal nobody is asked the like for an hour.
    here.clock.advance(timedelta(minutes=65))
    for name in ("john", "mia"):
        await here.sign_in(name)
    for _ in range(3):
        await lane.timed("message", here.say("mia", "balance"))
    await here.say("john", f"I'd like to take {day:%-d %B %Y} off")
    await here.press("john", here.last("john"), "Send request")
    wanted = here.last("mia", "Leave for John")
    if lane.proven:
        await lane.timed("asked", here.press("mia", wanted, "Refuse"))
        await lane.timed("done", here.submit_code("mia", here.code("mia")))
    else:
        await lane.timed("done", here.press("mia", wanted, "Refuse"))
    assert "Refused by Mia" in here.last("mia", "Leave for John").text
