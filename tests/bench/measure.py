"""Runs the candidates in turns, so that whatever else the machine does hits all alike."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.bench.events import ACCOUNTS
from tests.bench.load import Block, Candidate, running
from tests.bench.stub import Replies, serve

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of what."""

    names: Sequence[str]
    concurrencies: Sequence[int]
    rounds: int
    block: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One candidate at one concurrency. Seconds."""

    name: str
    concurrency: int
    requests: int
    cpu: float
    """A request: the median of its blocks."""
    cpu_low: float
    cpu_high: float
    """The quartiles of its blocks."""
    wall: float
    acknowledged: tuple[float, float]
    replied: tuple[float, float]
    """p50 and p99."""
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything of one run."""

    results: tuple[Measured, ...]
    ratios: Mapping[tuple[str, int], float]
    """Doorward's processor time over that of a candidate, by its name and concurrency: the median of the rounds."""


async def measure(plan: Plan, directory: Path, progress: Progress) -> Measurement:
    """Run the plan; `progress` is told before each block."""
    replies = Replies()
    server, api = await serve(replies)
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        candidates = [
            await stack.enter_async_context(running(name, api, directory / name, replies)) for name in plan.names
        ]
        for candidate in candidates:
            progress(f"{candidate.name}: warming up")
            # Everybody says something once, so that what is looked up once a person is looked up already.
            await candidate.block(ACCOUNTS if candidate.name == "doorward" else plan.block, 8)
        blocks = await _rounds(plan, candidates, progress)
        memory = {candidate.name: (await candidate.spent())[1] for candidate in candidates}
    results = [_summed(name, concurrency, found, memory[name]) for (name, concurrency), found in blocks.items()]
    return Measurement(results=tuple(results), ratios=_ratios(plan, blocks))


async def _rounds(
    plan: Plan, candidates: Sequence[Candidate], progress: Progress
) -> dict[tuple[str, int], list[Block]]:
    blocks: dict[tuple[str, int], list[Block]] = {
        (name, concurrency): [] for concurrency in plan.concurrencies for name in plan.names
    }
    for number in range(plan.rounds):
        for concurrency in plan.concurrencies:
            # Each round starts with another one.
            turn = number % len(candidates)
            for candidate in [*candidates[turn:], *candidates[:turn]]:
                progress(f"{candidate.name}, {concurrency} at a time")
                gc.collect()
                await asyncio.sleep(0.05)
                blocks[candidate.name, concurrency].append(await candidate.block(plan.block, concurrency))
    return blocks


def _summed(name: str, concurrency: int, blocks: Sequence[Block], memory: int) -> Measured:
    costs = [block.cpu / block.requests for block in blocks]
    low, middle, high = statistics.quantiles(costs, n=4) if len(costs) > 1 else (costs[0],) * 3
    return Measured(
        name=name,
        concurrency=concurrency,
        requests=sum(block.requests for block in blocks),
        cpu=middle,
        cpu_low=low,
        cpu_high=high,
        wall=statistics.median(block.wall / block.requests for block in blocks),
        acknowledged=_percentiles([seconds for block in blocks for seconds in block.acknowledged]),
        replied=_percentiles([seconds for block in blocks for seconds in block.replied]),
        memory=memory,
    )


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


def _ratios(plan: Plan, blocks: Mapping[tuple[str, int], Sequence[Block]]) -> dict[tuple[str, int], float]:
    return {
        (name, concurrency): statistics.median(
            ours.cpu / theirs.cpu
            for ours, theirs in zip(blocks["doorward", concurrency], blocks[name, concurrency], strict=True)
        )
        for concurrency in plan.concurrencies
        for name in plan.names
        if name != "doorward" and "doorward" in plan.names
    }
