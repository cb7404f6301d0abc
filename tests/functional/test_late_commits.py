"""What becomes durable after its sender was told that we are busy is done at once, and once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from bot.bootstrap.core import compose
from bot.domain.answer import Answer
from bot.domain.messages import IncomingMessage
from bot.errors import StorageUnavailable
from bot.ports.database import Database, Transaction
from bot.ports.ingress import FieldError, Late
from bot.services.ingress import InboxIngress
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT, SETTLE_SECONDS
from tests.fakes.world import World, world
from tests.functional.test_leases import Worker
from tests.security.core.attack import code_dialog, states

T = TypeVar("T")
SOON = replace(PATIENT, durable=0.05, in_window=0.05)
"""Over before a commit that is held back; what is not held back is given all the time it takes."""


@dataclass
class LateDatabase(Database):
    """Commits, and tells of it only when it is let; `lost` commits nothing and says that it could not."""

    inner: Database
    told: asyncio.Event = field(default_factory=asyncio.Event)
    late: bool = True
    lost: bool = False
    committed: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        if self.late and self.lost:
            await self.told.wait()
            raise StorageUnavailable("the connection is gone")
        found = await self.inner.write(work)
        self.committed.set()
        if self.late:
            await self.told.wait()
        return found

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.read(work)

    def on_time(self) -> None:
        """Tell of what is held back, and hold back no more."""
        self.late = False
        self.told.set()


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


@pytest.fixture
def slow(here: World) -> LateDatabase:
    return LateDatabase(here.database)


async def told_busy(ingress: InboxIngress, message: IncomingMessage) -> asyncio.Task[Answer | None]:
    """What an adapter answers with "I'm busy right now", and how it ends: nobody knows yet that it is durable."""
    with pytest.raises(Late) as late:
        await ingress.accept(message)
    return late.value.ended


@pytest.mark.requirement("4", "6")
async def test_what_was_durable_too_late_is_done_at_once_and_a_second_delivery_is_a_duplicate(
    here: World, clock: FixedClock, slow: LateDatabase
) -> None:
    worker, other = Worker(slow, clock), Worker(here.database, clock)
    ingress = replace(worker.ingress(), replies=SOON)
    message = here.message("john", text="balance")
    ended = await told_busy(ingress, message)
    assert worker.begun == []
    assert (await other.ingress().accept(message)).duplicate, "another replica is brought it again meanwhile"
    slow.on_time()
    await worker.until(worker.done, 1)
    assert await ended is not None, "so that what was said of being busy can be taken away"
    assert (await ingress.accept(message)).duplicate
    await ingress.drain(SETTLE_SECONDS)
    clock.advance(timedelta(minutes=2))
    assert await other.ingress().take_over() == 0, "it did not wait for its lease to be over"
    assert (worker.done, other.begun) == ([message.event_id], [])


@pytest.mark.requirement("4", "6")
async def test_what_was_never_durable_is_done_when_it_is_brought_again(
    here: World, clock: FixedClock, slow: LateDatabase
) -> None:
    slow.lost = True
    worker = Worker(slow, clock)
    ingress = replace(worker.ingress(), replies=SOON)
    message = here.message("john", text="balance")
    ended = await told_busy(ingress, message)
    slow.on_time()
    assert await ended is None
    await ingress.drain(SETTLE_SECONDS)
    assert worker.begun == []
    assert not (await replace(ingress, replies=PATIENT).accept(message)).duplicate
    await worker.until(worker.done, 1)
    await ingress.drain(SETTLE_SECONDS)
    assert worker.done == [message.event_id]


@pytest.mark.requirement("4", "6")
async def test_a_late_copy_of_what_another_replica_works_on_is_not_worked_on_here(
    here: World, clock: FixedClock, slow: LateDatabase
) -> None:
    worker, other = Worker(slow, clock), Worker(here.database, clock)
    message = here.message("john", text="balance")
    elsewhere = other.ingress()
    assert not (await elsewhere.accept(message)).duplicate
    ingress = replace(worker.ingress(), replies=SOON)
    _ = await told_busy(ingress, message)
    slow.on_time()
    await other.until(other.done, 1)
    await ingress.drain(SETTLE_SECONDS)
    await elsewhere.drain(SETTLE_SECONDS)
    assert (worker.begun, other.done) == ([], [message.event_id])


@pytest.mark.requirement("4", "6")
async def test_whoever_hangs_up_while_it_is_stored_has_it_done_all_the_same(
    here: World, clock: FixedClock, slow: LateDatabase
) -> None:
    worker = Worker(slow, clock)
    ingress = worker.ingress()
    message = here.message("john", text="balance")
    taking = asyncio.create_task(ingress.accept(message))
    async with asyncio.timeout(SETTLE_SECONDS):
        await slow.committed.wait()
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    slow.on_time()
    await worker.until(worker.done, 1)
    await ingress.drain(SETTLE_SECONDS)
    assert worker.done == [message.event_id]


@pytest.mark.requirement("4")
async def test_a_code_that_was_spent_too_late_for_its_dialog_has_its_act_done_once(here: World) -> None:
    await code_dialog(here)
    slow = LateDatabase(here.database)
    late = replace(here, core=compose(replace(here.core.outside, database=slow, replies=SOON)))
    code = here.code("mia")
    with pytest.raises(TimeoutError):
        await late.submit_code("mia", code)
    assert [state.value for state in await states(here)] == ["pending"]
    slow.on_time()
    await late.core.ingress.drain(SETTLE_SECONDS)
    assert [state.value for state in await states(here)] == ["approved"]
    again = await here.submit_code("mia", code)
    assert isinstance(again, FieldError)
    assert [record.event.action for record in await here.audit(type_prefix="effect.finished")].count(
        "ApproveLeave"
    ) == 1
