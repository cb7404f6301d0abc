"""Brings each of Slack's deliveries four times to two processes: at once, one after the other, and late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from tests.fakes.slack_limits import Json
from tests.fakes.slack_server import FakeSlack
from tests.reliability.replicas import Replica

COPIES = 4
ANSWER_SECONDS = 4
LATE_SECONDS = 3.0
RETRY_SECONDS = 0.2
BUSY = b"usy"
"""Doorward's words for "not taken, come again", in an answer that Slack does not deliver again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a copy was answered with; status 0 is a connection that gave none."""

    status_code: int
    content: bytes

    @property
    def taken(self) -> bool:
        """Whether whoever sent it may rely on it."""
        return 200 <= self.status_code < 300 and BUSY not in self.content


@dataclass(slots=True, kw_only=True)
class Courier:
    """`random` says how each delivery is repeated; `advance` is told of each that was taken."""

    slack: FakeSlack
    to: Sequence[Replica]
    session: aiohttp.ClientSession
    random: Random
    advance: Callable[[], None] = lambda: None
    deliveries: Counter[str] = field(default_factory=Counter)
    """By kind."""
    copies: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    _late: set[asyncio.Task[Any]] = field(default_factory=set)
    _turn: int = 0

    async def deliver(self, kind: str, payload: Json) -> bytes:
        """Deliver it four times, and as often beyond as nobody takes it; the first answer that counts."""
        self.deliveries[kind] += 1
        self._turn += 1
        delays = self._delays()
        copies = [self._task(self._copy(payload, self._turn + at, delay)) for at, delay in enumerate(delays)]
        for done in asyncio.as_completed(copies):
            answer = await done
            if answer.taken:
                self.advance()
                return answer.content
        while True:
            self._turn += 1
            answer = await self._copy(payload, self._turn, RETRY_SECONDS)
            if answer.taken:
                self.advance()
                return answer.content

    async def deliver_press(self, payload: Json) -> int:
        """Deliver it four times, and as often beyond as nobody answers; how many copies were answered 200."""
        self.deliveries["press"] += 1
        self._turn += 1
        copies = [self._copy(payload, self._turn + at, delay) for at, delay in enumerate(self._delays())]
        taken = sum(answer.taken for answer in await asyncio.gather(*copies))
        while not taken:
            self._turn += 1
            taken += (await self._copy(payload, self._turn, RETRY_SECONDS)).taken
        self.advance()
        return taken

    async def settled(self) -> None:
        """Wait for the late copies."""
        while self._late:
            await asyncio.wait(set(self._late))

    def _delays(self) -> tuple[float, ...]:
        """All at once; two at once and two late; or one after the other."""
        late = self.random.uniform(0, LATE_SECONDS)
        return self.random.choice(((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, late, late), (0.0, late / 3, late / 2, late)))

    def _task(self, work: Any) -> asyncio.Task[Answer]:
        task: asyncio.Task[Answer] = asyncio.create_task(work)
        self._late.add(task)
        task.add_done_callback(self._late.discard)
        return task

    async def _copy(self, payload: Json, turn: int, delay: float) -> Answer:
        if delay:
            await asyncio.sleep(delay)
        body, content_type = self.slack.request(payload)
        headers = self.slack.signed(body, content_type)
        if turn % COPIES:
            headers |= {"x-slack-retry-num": str(turn % COPIES), "x-slack-retry-reason": "http_timeout"}
        self.copies += 1
        answer = await self._post(f"{self.to[turn % len(self.to)].url}/slack/events", body, headers)
        self.answers[answer.status_code] += 1
        return answer

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Answer:
        loop = asyncio.get_running_loop()
        since = loop.time()
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self.session.post(url, data=body, headers=headers) as response:
                answer = Answer(response.status, await response.read())
                self.slowest = max(self.slowest, loop.time() - since)
                return answer
        return Answer(0, b"")


def session() -> aiohttp.ClientSession:
    """What the courier posts with."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    )
