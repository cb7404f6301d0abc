"""How soon a platform has its answer while the HR system never answers.

Slack by itself: `python -m tests.bench.hung`; in the whole bench it is one of the extras. Teams comes with its turns.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.events import Event, next_event
from tests.bench.load import Candidate, running
from tests.bench.stub import Replies, serve

SLACK_HUNG = "hung"
REQUESTS = 400
FIRST = 64
"""Before measuring: what is looked up once."""
AT_ONCE = 16
GOAL_SECONDS = 1.0


class HungSystem:
    """An HR system of which no call ever ends."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def never(*_arguments: Any, **_named: Any) -> Any:
            await asyncio.Event().wait()

        return never


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Seconds until each answer, whatever it was."""

    p50: float
    p99: float
    again: int
    """How many were answered 503, upon which the platform delivers again."""


async def acknowledged(candidate: Candidate, event: Callable[[], Event], requests: int) -> Acknowledged:
    """How long the platform waits for each answer, sixteen at a time, when no reply ever comes."""
    connections = await candidate.connected(AT_ONCE)
    left, taken, again = iter(range(requests)), list[float](), 0

    async def one_after_the_other(number: int) -> None:
        nonlocal again
        for _ in left:
            started = time.perf_counter()
            status, body = await connections[number].ask(event().request)
            taken.append(time.perf_counter() - started)
            again += status == 503
            if status not in {200, 503}:
                raise RuntimeError(f"answered {status}: {body[:200]!r}")

    async with asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            group.create_task(one_after_the_other(number))
    ordered = sorted(taken)
    return Acknowledged(p50=ordered[len(ordered) // 2], p99=ordered[len(ordered) * 99 // 100], again=again)


async def slack_while_hung(directory: Path, *, requests: int = REQUESTS) -> Acknowledged:
    """Measure on Slack."""
    replies = Replies()
    server, api = await serve(replies)
    try:
        async with running(SLACK_HUNG, api, directory / SLACK_HUNG, replies) as candidate:
            await acknowledged(candidate, next_event, FIRST)
            return await acknowledged(candidate, next_event, requests)
    finally:
        server.close()


def line(platform: str, found: Acknowledged) -> str:
    """For people, and for Markdown."""
    return (
        f"- With the HR system hung, {REQUESTS} messages on {platform}, {AT_ONCE} at a time, were answered in "
        f"{found.p50 * 1000:.0f} ms (p50) and {found.p99 * 1000:.0f} ms (p99; goal: {GOAL_SECONDS * 1000:.0f} ms); "
        f"{found.again} of them by 503, upon which {platform} delivers again."
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="doorward-bench-hung-") as temporary:
        found = uvloop.run(slack_while_hung(Path(temporary)))
    sys.stdout.write(line("Slack", found) + "\n")


if __name__ == "__main__":
    main()
