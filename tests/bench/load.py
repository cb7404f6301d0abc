"""Sends events to a candidate and waits for the answer and for the reply; its own processor time is not counted."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.events import Event, next_event
from tests.bench.stub import Replies

START_SECONDS = 60
REPLY_SECONDS = 30
REPEATS = 5
"""How often a request that was answered 503 is delivered again; what that costs counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What one block of requests cost."""

    requests: int
    cpu: float
    """Seconds of the serving process, all its threads."""
    wall: float
    acknowledged: tuple[float, ...]
    replied: tuple[float, ...]


class Connection:
    """One HTTP connection, kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Status and body."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Close."""
        self._writer.close()


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A running candidate, and what its blocks cost."""

    name: str
    port: int
    directory: Path
    replies: Replies
    connections: list[Connection] = field(default_factory=list)
    next_event: Callable[[], Event] = next_event

    async def spent(self) -> tuple[float, int]:
        """Processor seconds and resident bytes so far."""
        values = json.loads(await self._get("/bench"))
        return values["cpu"], values["memory"]

    async def profile(self) -> None:
        """Start a profile, or write it."""
        await self._get("/bench/profile")

    async def connected(self, count: int) -> list[Connection]:
        """At least so many connections."""
        while len(self.connections) < count:
            self.connections.append(Connection(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.connections

    async def block(self, requests: int, concurrency: int) -> Block:
        """Send so many, so many at a time."""
        await self.connected(concurrency)
        left = iter(range(requests))
        acknowledged: list[float] = []
        replied: list[float] = []

        async def one_after_the_other(connection: Connection) -> None:
            for _ in left:
                event = self.next_event()
                reply = self.replies.expect(event.channel)
                started = time.perf_counter()
                status, body = await connection.ask(event.request)
                for _ in range(REPEATS):  # as platforms do, which wait a little first
                    if status != 503:
                        break
                    await asyncio.sleep(0.2)
                    status, body = await connection.ask(event.request)
                acknowledged.append(time.perf_counter() - started)
                if status != 200:
                    raise RuntimeError(f"{self.name} answered {status}: {body[:200]!r}")
                await asyncio.wait_for(reply, REPLY_SECONDS)
                replied.append(time.perf_counter() - started)

        before, _ = await self.spent()
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for connection in self.connections[:concurrency]:
                group.create_task(one_after_the_other(connection))
        wall = time.perf_counter() - started
        await asyncio.sleep(0.02)  # what is still to be done after the reply counts too
        after, _ = await self.spent()
        return Block(
            requests=requests,
            cpu=after - before,
            wall=wall,
            acknowledged=tuple(acknowledged),
            replied=tuple(replied),
        )

    async def _get(self, path: str) -> bytes:
        if not self.connections:
            self.connections.append(Connection(*await asyncio.open_connection("127.0.0.1", self.port)))
        _, body = await self.connections[0].ask(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        return body


@asynccontextmanager
async def running(
    name: str, api: str, directory: Path, replies: Replies, *, next_event: Callable[[], Event] = next_event
) -> AsyncIterator[Candidate]:
    """A candidate in its own process for a while."""
    await asyncio.to_thread(directory.mkdir)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.child", name, api, str(directory), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    connections: list[Connection] = []
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        if not line:
            raise RuntimeError(f"{name} did not start")
        yield Candidate(
            name=name,
            port=int(line),
            directory=directory,
            replies=replies,
            connections=connections,
            next_event=next_event,
        )
    finally:
        for connection in connections:
            connection.close()
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
