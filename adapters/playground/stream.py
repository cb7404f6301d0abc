"""The live stream: server-sent events to every open page, each page one person's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager

KEPT_EVENTS = 256
"""A page that falls further behind is cut off; it connects again and gets the whole state."""
HEARTBEAT_SECONDS = 15.0

Event = tuple[str, Mapping[str, object]]


class Hub:
    """Hands events to the open pages. Used from the event loop only."""

    def __init__(self) -> None:
        self._queues: dict[str, set[asyncio.Queue[Event | None]]] = {}
        self._closed = False

    def publish(self, person: str, kind: str, data: Mapping[str, object]) -> None:
        """Send an event to every page of a person."""
        for queue in tuple(self._queues.get(person, ())):
            if queue.qsize() >= KEPT_EVENTS:
                self._end(queue)
            else:
                queue.put_nowait((kind, data))

    def close(self) -> None:
        """End every stream, now and from now on: called when the server begins to shut down."""
        self._closed = True
        for queues in self._queues.values():
            for queue in queues:
                self._end(queue)

    @staticmethod
    def _end(queue: asyncio.Queue[Event | None]) -> None:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)

    @contextmanager
    def _subscribed(self, person: str) -> Iterator[asyncio.Queue[Event | None]]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._queues.setdefault(person, set()).add(queue)
        try:
            yield queue
        finally:
            self._queues[person].discard(queue)

    async def events(self, person: str, snapshot: Callable[[], Mapping[str, object]]) -> AsyncIterator[bytes]:
        """The body of one stream: the whole state first, then what changes."""
        with self._subscribed(person) as queue:
            yield encode("state", snapshot())
            while not self._closed:
                try:
                    event = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event is None:
                    return
                yield encode(*event)


def encode(kind: str, data: Mapping[str, object]) -> bytes:
    """One event in the form of the HTML standard, §9.2.6."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
