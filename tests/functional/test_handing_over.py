"""What a process left in the outbox is posted by another: one conversation's in order, several at once, none twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.bootstrap.core import compose
from bot.domain.answer import Draft, Posting
from bot.domain.cards import Card, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place
from bot.ports.database import Transaction
from bot.services.delivery import LEASE_SECONDS, Delivery
from tests.fakes.chat import FakeChat, direct
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

STEP_SECONDS = 30
"""For what happens at once; only a machine that stands still is later."""
GONE = timedelta(seconds=LEASE_SECONDS + 1)


class SlowChat(FakeChat):
    """A platform that takes its time in one conversation, until it is let go."""

    def __init__(self, slow: Place) -> None:
        super().__init__()
        self._slow = slow
        self.go_on = asyncio.Event()
        self.posted: list[str] = []
        self.begun = asyncio.Event()
        self._changed = asyncio.Condition()

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        if place == self._slow:
            self.begun.set()
            await self.go_on.wait()
        message = await super().post(place, to, reply, dedupe_key=dedupe_key, repeated=repeated)
        async with self._changed:
            self.posted.append(reply.card.headline)
            self._changed.notify_all()
        return message

    async def until(self, count: int) -> None:
        async with asyncio.timeout(STEP_SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.posted) >= count)


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


@pytest.fixture
def chat(here: World) -> SlowChat:
    return SlowChat(direct(here.channel("john")))


@pytest.fixture
def delivery(here: World, chat: SlowChat) -> Delivery:
    """The replica that takes over."""
    return compose(replace(here.core.outside, platforms={Platform.PLAYGROUND: chat})).delivery


async def left_behind(here: World, *postings: tuple[str, str]) -> None:
    """Postings, to whom and what, of a process that was killed before it sent them."""
    for to, headline in postings:
        who = here.channel(to)
        posting = Posting(draft=Draft(card=Card(headline=headline)), to=who, place=direct(who))
        await here.database.write(partial(_put, here, posting))
        here.clock.advance(timedelta(milliseconds=1))
    here.clock.advance(GONE)


def _put(here: World, posting: Posting, tx: Transaction) -> None:
    here.core.delivery.put(tx, posting, "gone")


@pytest.mark.requirement("82")
async def test_a_slow_conversation_holds_up_only_its_own_postings(
    here: World, chat: SlowChat, delivery: Delivery
) -> None:
    await left_behind(here, ("john", "one"), ("mia", "two"), ("john", "three"), ("mia", "four"), ("sue", "five"))
    taking = asyncio.create_task(delivery.take_over())
    await chat.until(3)
    assert sorted(chat.posted) == ["five", "four", "two"]
    assert chat.posted.index("two") < chat.posted.index("four")
    chat.go_on.set()
    assert await taking == 5
    assert chat.posted[3:] == ["one", "three"], "one conversation's in their order"
    here.clock.advance(GONE)
    assert await delivery.take_over() == 0


@pytest.mark.requirement("82")
async def test_what_is_not_begun_in_half_a_lease_is_left_to_whoever_comes_next_and_posted_once(
    here: World, chat: SlowChat, delivery: Delivery
) -> None:
    await left_behind(here, ("john", "one"), ("john", "two"), ("john", "three"))
    taking = asyncio.create_task(delivery.take_over())
    async with asyncio.timeout(STEP_SECONDS):
        await chat.begun.wait()
    here.clock.advance(timedelta(seconds=LEASE_SECONDS / 2))
    chat.go_on.set()
    await taking
    assert chat.posted == ["one"], "its lease could be over before the others were posted"
    assert await delivery.take_over() == 0, "they are still held"
    here.clock.advance(timedelta(seconds=LEASE_SECONDS / 2 + 1))
    assert await delivery.take_over() == 2
    assert chat.posted == ["one", "two", "three"]


@pytest.mark.requirement("4", "82")
async def test_two_who_take_over_at_once_post_each_once(here: World, chat: SlowChat, delivery: Delivery) -> None:
    chat.go_on.set()
    people = ("john", "mia", "sue", "sarah")
    await left_behind(here, *((name, f"{name} {number}") for number in range(3) for name in people))
    other = compose(replace(here.core.outside, platforms={Platform.PLAYGROUND: chat})).delivery
    taken = await asyncio.gather(delivery.take_over(5), other.take_over(5), delivery.take_over(5))
    assert sum(taken) == 12
    assert sorted(chat.posted) == sorted(f"{name} {number}" for number in range(3) for name in people)
