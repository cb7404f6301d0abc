"""What it costs to ask policy on every message whether this person may use the bot at all (`UseBot`).

The same question goes through the whole core twice, in turns: once as it is, and once over an engine that keeps its
first answer to `UseBot` and asks nothing more. Nobody could run it so: a lock, a role or a pilot would count no longer.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.bootstrap.core import compose
from bot.services.deciding import USE_BOT
from policy.engine import PolicyEngine
from policy.model import DecisionRequest, Deny, Permit
from policy.rules import Rule
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ROUNDS, BLOCK, WARMING = 30, 10, 3
QUESTION = "balance"


@dataclass(frozen=True, slots=True, kw_only=True)
class UseBot:
    """Processor seconds of a message, medians of blocks; and the median of the rounds' ratios."""

    asked: float
    unasked: float
    ratio: float


@dataclass
class Unasked:
    """A `PolicyEngine` that asks about `UseBot` once."""

    inner: PolicyEngine
    kept: Permit | Deny | None = None

    @property
    def policy_hash(self) -> str:
        return self.inner.policy_hash

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.inner.addresses

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        if request.action != USE_BOT:
            return self.inner.evaluate(request)
        if self.kept is None:
            self.kept = self.inner.evaluate(request)
        return self.kept

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return self.inner.rules_for(action)

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        return self.inner.proof_may_help(action, denial)


async def use_bot_cost(directory: Path, rounds: int = ROUNDS) -> UseBot:
    """Ask the same in turns, each round beginning with the other."""
    folder = await asyncio.to_thread(_made, directory / "use-bot")
    async with world(folder, FixedClock(START)) as here:
        await here.sign_in("john")
        unasked = replace(here, core=compose(replace(here.core.outside, engine=Unasked(here.core.outside.engine))))
        blocks: list[tuple[float, float]] = []
        for number in range(rounds + WARMING):
            # A minute on, so that the limiter has nothing against it; the session lasts an hour.
            here.clock.advance(timedelta(seconds=61))
            if not number % 20:
                await here.sign_in("john")
            lanes = [here, unasked]
            took = {id(lane): await _block(lane) for lane in (lanes if number % 2 else reversed(lanes))}
            blocks.append((took[id(here)], took[id(unasked)]))
    counted = blocks[WARMING:]
    return UseBot(
        asked=statistics.median(asked for asked, _ in counted),
        unasked=statistics.median(without for _, without in counted),
        ratio=statistics.median(asked / without for asked, without in counted),
    )


async def _block(lane: World) -> float:
    before = time.process_time()
    for _ in range(BLOCK):
        answer = await lane.say("john", QUESTION)
        assert "days" in answer
    return (time.process_time() - before) / BLOCK


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory
