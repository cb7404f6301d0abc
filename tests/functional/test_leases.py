"""Work that takes its time stays with whoever has it; what is slow holds up nobody else; what is stuck is given on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.domain.answer import Answer
from bot.domain.messages import IncomingMessage
from bot.ports.database import Database, Transaction
from bot.services.ingress import MAX_ATTEMPTS, InboxIngress
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.world import LIMITS, World, world

TICK = timedelta(seconds=15)
STEP_SECONDS = 30
"""For what happens at once; only a machine that stands still is later."""


class Worker:
    """Stands in the place of the pipeline: `slow` conversations wait until they are let go."""

    def __init__(self, database: Database, clock: FixedClock, *slow: str) -> None:
        self._database, self._clock, self._slow = database, clock, slow
        self.go_on = asyncio.Event()
        self.begun: list[str] = []
        self.done: list[str] = []
        self.changed = asyncio.Condition()

    async def handle(self, message: IncomingMessage, *, row: str | None = None, **_: object) -> Answer:
        await self._note(self.begun, message)
        if message.place.conversation in self._slow:
            await self.go_on.wait()
        assert row is not None
        now = self._clock.now()
        await self._database.write(lambda tx: tx.inbox.complete(row, now))
        await self._note(self.done, message)
        return Answer()

    async def _note(self, where: list[str], message: IncomingMessage) -> None:
        async with self.changed:
            where.append(message.event_id)
            self.changed.notify_all()

    async def until(self, where: list[str], count: int) -> None:
        async with asyncio.timeout(STEP_SECONDS), self.changed:
            await self.changed.wait_for(lambda: len(where) >= count)

    def ingress(self) -> InboxIngress:
        return InboxIngress(
            database=self._database,
            clock=self._clock,
            limits=LIMITS,
            handle=self.handle,
            at_the_door=lambda _tx, _message, proposal=None, proof=None: None,
            replies=PATIENT,
        )


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


async def abandoned(here: World, *people: str) -> list[str]:
    """One message of each, accepted by a process that is gone; their events, in order."""
    messages = [here.message(person, text="balance") for person in people]
    for message in messages:
        await here.database.write(partial(_accept, message))
    return [message.event_id for message in messages]


def _accept(message: IncomingMessage, tx: Transaction) -> None:
    assert tx.inbox.accept(message, lease_seconds=0)


@pytest.mark.requirement("4", "82")
async def test_work_that_takes_minutes_is_not_given_to_a_second_worker(here: World, clock: FixedClock) -> None:
    message = here.message("john", text="balance")
    mine = Worker(here.database, clock, message.place.conversation)
    other = Worker(here.database, clock)
    one, two = mine.ingress(), other.ingress()
    await one.accept(message)
    await mine.until(mine.begun, 1)
    for _ in range(20):
        clock.advance(TICK)
        await one.hold()
        assert await two.take_over() == 0
    mine.go_on.set()
    await mine.until(mine.done, 1)
    await one.drain(STEP_SECONDS)
    assert await one.hold() == 0
    assert other.begun == []


@pytest.mark.requirement("4", "82")
async def test_work_that_is_stuck_is_given_to_another_in_the_end(here: World, clock: FixedClock) -> None:
    message = here.message("john", text="balance")
    mine = Worker(here.database, clock, message.place.conversation)
    other = Worker(here.database, clock)
    one, two = mine.ingress(), other.ingress()
    await one.accept(message)
    await mine.until(mine.begun, 1)
    taken = 0
    for _ in range(60):
        clock.advance(TICK)
        await one.hold()
        taken += await two.take_over()
    assert taken == 1
    assert other.done == [message.event_id]
    mine.go_on.set()
    await one.drain(STEP_SECONDS)


@pytest.mark.requirement("4", "83")
async def test_a_slow_message_that_was_left_behind_holds_up_only_its_own_conversation(
    here: World, clock: FixedClock
) -> None:
    events = await abandoned(here, "john", "john", "mia")
    slow = Worker(here.database, clock, here.message("john", text="").place.conversation)
    ingress = slow.ingress()
    taking = asyncio.create_task(ingress.take_over())
    await slow.until(slow.done, 1)
    assert slow.done == [events[2]]
    assert slow.begun == [events[0], events[2]], "the second of one conversation waits for the first"
    slow.go_on.set()
    assert await taking == 3
    assert slow.done == [events[2], events[0], events[1]]


@pytest.mark.requirement("82")
async def test_what_waits_behind_a_slow_one_is_held_too_and_loses_none_of_its_tries(
    here: World, clock: FixedClock
) -> None:
    events = await abandoned(here, "john", "john")
    slow = Worker(here.database, clock, here.message("john", text="").place.conversation)
    other = Worker(here.database, clock)
    ingress, second = slow.ingress(), other.ingress()
    taking = asyncio.create_task(ingress.take_over())
    await slow.until(slow.begun, 1)
    for _ in range(4 * (MAX_ATTEMPTS + 1)):
        clock.advance(TICK)
        await ingress.hold()
        assert await second.take_over() == 0
    slow.go_on.set()
    assert await taking == 2
    assert slow.done == events
