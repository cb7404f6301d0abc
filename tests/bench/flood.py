"""One person's flood of 1,000 messages in ten seconds, and how long others wait for their answers meanwhile (row 15).

By itself: `python -m tests.bench.flood`; in the whole bench it is one of the extras.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import uvloop

from tests.bench.events import ACCOUNTS, account, event_of
from tests.bench.load import REPEATS, REPLY_SECONDS, Candidate, running
from tests.bench.stub import Replies, serve

MESSAGES, SECONDS = 1_000, 10.0
TURNS = 3
"""Quiet and flooded take turns, so that whatever else the machine does hits both."""
FIRST = 200
AT_ONCE = 16
BETWEEN_SECONDS = 0.02
"""Others write one after the other, each a little after the answer before."""
GOAL = 2.0
FLOODER = account(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """Seconds from somebody's message to their reply, ninety-nine of a hundred, and in the middle."""

    idle_p50: float
    idle_p99: float
    p50: float
    p99: float
    messages: int
    """How many of others were measured meanwhile."""


async def flood(directory: Path, *, turns: int = TURNS, messages: int = MESSAGES, seconds: float = SECONDS) -> Flooded:
    """Measure others' replies, in turns with and without the flood."""
    replies = Replies()
    server, api = await serve(replies)
    quiet: list[float] = []
    flooded: list[float] = []
    try:
        async with running("doorward", api, directory / "flood", replies) as candidate:
            await candidate.block(FIRST, AT_ONCE)
            others = cycle(account(number) for number in range(1, ACCOUNTS))
            for _ in range(turns):
                async with asyncio.timeout(seconds * 20):
                    quiet += await _others(candidate, others, asyncio.create_task(asyncio.sleep(seconds)))
                    flooded += await _others(
                        candidate, others, asyncio.create_task(_flood(candidate, messages, seconds))
                    )
    finally:
        server.close()
    return Flooded(
        idle_p50=_at(quiet, 50),
        idle_p99=_at(quiet, 99),
        p50=_at(flooded, 50),
        p99=_at(flooded, 99),
        messages=len(flooded),
    )


async def _flood(candidate: Candidate, messages: int, seconds: float) -> None:
    """So many messages of one person, evenly, whatever becomes of them."""
    connections = (await candidate.connected(AT_ONCE))[1:]
    began, left = time.perf_counter(), iter(range(messages))

    async def one_after_the_other(number: int) -> None:
        for at in left:
            await asyncio.sleep(max(0.0, began + at * seconds / messages - time.perf_counter()))
            status, body = await connections[number].ask(event_of(FLOODER).request)
            if status not in {200, 503}:
                raise RuntimeError(f"answered {status}: {body[:200]!r}")

    async with asyncio.TaskGroup() as group:
        for number in range(len(connections)):
            group.create_task(one_after_the_other(number))


async def _others(candidate: Candidate, others: cycle[str], until: asyncio.Task[None]) -> list[float]:
    """What others wait for their replies, one after the other, until that is over."""
    connection, taken = (await candidate.connected(AT_ONCE))[0], list[float]()
    while not until.done():
        event = event_of(next(others))
        reply = candidate.replies.expect(event.channel)
        began = time.perf_counter()
        for _ in range(REPEATS):
            status, _body = await connection.ask(event.request)
            if status == 200:
                break
            await asyncio.sleep(0.2)
        await asyncio.wait_for(reply, REPLY_SECONDS)
        taken.append(time.perf_counter() - began)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(until), BETWEEN_SECONDS)
    await until
    return taken


def _at(taken: list[float], of_a_hundred: int) -> float:
    ordered = sorted(taken)
    return ordered[len(ordered) * of_a_hundred // 100]


def line(found: Flooded) -> str:
    """For people, and for Markdown."""
    return (
        f"- While one person sends {MESSAGES:,} messages in {SECONDS:.0f} s, others' {found.messages} replies come in "
        f"{found.p50 * 1000:.1f} ms (p50) and {found.p99 * 1000:.1f} ms (p99), otherwise in "
        f"{found.idle_p50 * 1000:.1f} and {found.idle_p99 * 1000:.1f} ms: "
        f"{found.p99 / found.idle_p99:.1f} times at p99 (goal: {GOAL:.0f})."
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="doorward-bench-flood-") as temporary:
        found = uvloop.run(flood(Path(temporary)))
    sys.stdout.write(line(found) + "\n")


if __name__ == "__main__":
    main()
