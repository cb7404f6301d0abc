"""What a guarded Teams turn costs beside botbuilder's, and how fast it is acknowledged while the HR system hangs.

By itself: `python -m tests.bench.teams`; in the whole bench it is one of the extras.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.bench.events import ACCOUNTS
from tests.bench.hung import FIRST, REQUESTS, Acknowledged, acknowledged, line
from tests.bench.load import Block, Candidate, running
from tests.bench.stub import Replies
from tests.bench.teams_stub import StubTeams

OURS, STOCK, PATCHED, HUNG = "teams-doorward", "teams-stock", "teams-patched", "teams-hung"
GOALS = {STOCK: 0.5, PATCHED: 1.3}
CONCURRENCIES = (1, 16)
ROUNDS, BLOCK = 6, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamsCosts:
    """Seconds a turn, by `candidate/concurrency`, and our cost over theirs."""

    cpu: Mapping[str, float]
    ratios: Mapping[str, float]
    while_hung: Acknowledged


async def teams_costs(directory: Path, *, rounds: int = ROUNDS, block: int = BLOCK) -> TeamsCosts:
    """Measure, the candidates taking turns."""
    replies = Replies()
    teams = StubTeams(replies)
    server = await teams.serve()
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        candidates = [
            await stack.enter_async_context(
                running(name, teams.url, directory / name, replies, next_event=teams.next_event)
            )
            for name in (STOCK, PATCHED, OURS)
        ]
        for candidate in candidates:
            await candidate.block(ACCOUNTS if candidate.name == OURS else block, 8)
        blocks = await _rounds(candidates, rounds, block)
        async with running(HUNG, teams.url, directory / HUNG, replies, next_event=teams.next_event) as hung:
            await acknowledged(hung, teams.next_event, FIRST)
            while_hung = await acknowledged(hung, teams.next_event, REQUESTS)
    costs = {
        f"{name}/{count}": statistics.median(one.cpu / one.requests for one in found)
        for (name, count), found in blocks.items()
    }
    ratios = {
        f"{name}/{concurrency}": statistics.median(
            ours.cpu / theirs.cpu
            for ours, theirs in zip(blocks[OURS, concurrency], blocks[name, concurrency], strict=True)
        )
        for name in GOALS
        for concurrency in CONCURRENCIES
    }
    return TeamsCosts(cpu=costs, ratios=ratios, while_hung=while_hung)


async def _rounds(candidates: Sequence[Candidate], rounds: int, block: int) -> dict[tuple[str, int], list[Block]]:
    blocks: dict[tuple[str, int], list[Block]] = {}
    for number in range(rounds):
        for concurrency in CONCURRENCIES:
            turn = number % len(candidates)
            for candidate in [*candidates[turn:], *candidates[:turn]]:
                await asyncio.sleep(0.05)
                found = await candidate.block(block, concurrency)
                blocks.setdefault((candidate.name, concurrency), []).append(found)
    return blocks


def lines(costs: TeamsCosts) -> list[str]:
    """For people, and for Markdown."""
    labels = {STOCK: "botbuilder, stock", PATCHED: "botbuilder, patched", OURS: "**Doorward, guarded turn**"}
    rows = ["| Teams | at a time | CPU a turn, ms | Doorward's CPU over this | goal |", f"|{'---|' * 5}"]
    for key, seconds in costs.cpu.items():
        name, _, concurrency = key.partition("/")
        ratio = costs.ratios.get(key)
        told = "" if ratio is None else f"{ratio:.2f}"
        goal = f"{GOALS[name]}" if name in GOALS else ""
        rows.append(f"| {labels[name]} | {concurrency} | {seconds * 1000:.2f} | {told} | {goal} |")
    return [*rows, "", line("Teams", costs.while_hung)]


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="doorward-bench-teams-") as temporary:
        costs = uvloop.run(teams_costs(Path(temporary)))
    sys.stdout.write("\n".join(lines(costs)) + "\n")


if __name__ == "__main__":
    main()
