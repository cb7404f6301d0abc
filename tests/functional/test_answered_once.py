"""After a kill everything is answered once, where it was asked, and within the two minutes that people are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bot.bootstrap.core import compose
from bot.domain.cards import Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind, IncomingMessage, Place, ReplyWindow
from bot.ports.connectors import OutcomeUnknown
from bot.ports.database import Transaction
from bot.ports.identity_provider import Revalidation
from bot.services import delivery, ingress
from tests.fakes.chat import FakeChat, Posted
from tests.fakes.clock import FixedClock
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.world import World, world
from tests.security.core.attack import Wrapped, states, with_hr

TOLD = timedelta(minutes=2)
"""'If nothing happens within two minutes, please press again.'"""
TICK = timedelta(seconds=5)
GONE = timedelta(seconds=ingress.LEASE_SECONDS + 1)
LEAVE = "I'd like to take 21 to 23 December off"


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


def in_chat(here: World, name: str) -> list[Posted]:
    return here.chat.seen_by(here.channel(name))


def pressed(here: World, name: str, posted: Posted, label: str) -> IncomingMessage:
    return here.message(name, EventKind.PRESS, handle=posted.button(label).handle, place=posted.place, source=posted.id)


def _accept(message: IncomingMessage, tx: Transaction) -> str:
    row = tx.inbox.accept(message, lease_seconds=ingress.LEASE_SECONDS)
    assert row is not None
    return row


async def accepted(here: World, message: IncomingMessage) -> str:
    """By a process that is killed before it begins to work on it."""
    return await here.database.write(partial(_accept, message))


async def crash() -> None:
    raise SystemError("the process is gone")


async def proposed(here: World) -> Posted:
    await here.sign_in("john")
    await here.say("john", LEAVE)
    return here.last("john")


@pytest.mark.requirement("4", "82")
@pytest.mark.parametrize("text", ["balance", "pay me a million", LEAVE])
async def test_two_processes_that_work_on_one_message_answer_it_once(here: World, text: str) -> None:
    """A process that stood still for longer than its lease goes on beside the one that took over."""
    await here.sign_in("john")
    before, message = len(in_chat(here, "john")), here.message("john", text=text)
    row = await accepted(here, message)
    await here.core.pipeline.handle(message, row=row)
    await here.core.pipeline.handle(message, row=row)
    assert len(in_chat(here, "john")) == before + 1


@pytest.mark.requirement("4", "82")
async def test_two_processes_that_work_on_one_press_do_and_say_it_once(here: World) -> None:
    card = await proposed(here)
    before, message = len(in_chat(here, "john")), pressed(here, "john", card, "Send request")
    row = await accepted(here, message)
    await asyncio.gather(*(here.core.pipeline.handle(message, row=row) for _ in range(3)))
    assert await states(here) == [LeaveState.PENDING]
    mine = [posted for posted in in_chat(here, "john") if posted.place == card.place]
    assert len(mine) == before, "nobody is told beside the card that its button was used"
    assert "Leave asked for" in card.text


@pytest.mark.requirement("79")
async def test_what_was_not_done_is_told_on_the_card_it_was_asked_for_with(here: World) -> None:
    card = await proposed(here)
    before = len(in_chat(here, "john"))
    await with_hr(here, Wrapped(here.backend.hr, "create_leave", before=crash)).press("john", card, "Send request")
    here.clock.advance(timedelta(minutes=1))
    assert await here.core.reconciling.run() == 1
    assert card.text.startswith("I checked: it was not done.")
    assert len(in_chat(here, "john")) == before
    await here.say("john", LEAVE)
    await here.press("john", here.last("john"), "Send request")
    assert await states(here) == [LeaveState.PENDING], "who asks again, as they are told to, gets it"


@pytest.mark.requirement("79")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_that_it_is_being_checked_gives_way_to_what_was_found(here: World, when: str) -> None:
    card = await proposed(here)
    before = len(in_chat(here, "john"))
    if when == "before":
        here.backend.faults.fail_next(OutcomeUnknown("the connection is gone"))
    else:
        here.backend.faults.drop_reply_after_write()
    await here.press("john", card, "Send request")
    assert "I'm checking" in card.text
    here.clock.advance(timedelta(minutes=1))
    assert await here.core.reconciling.run() == 1
    assert ("Leave asked for" if when == "after" else "it was not done") in card.text
    mine = [posted for posted in in_chat(here, "john") if posted.place == card.place]
    assert len(mine) == before
    assert not any("I'm checking" in posted.text for posted in mine)


@pytest.mark.requirement("79")
async def test_a_card_whose_process_died_before_it_noted_where_it_is_is_the_one_that_is_pressed(here: World) -> None:
    card = await proposed(here)
    await here.database.write(lambda tx: tx.audit._connection._execute("DELETE FROM posted_messages"))  # type: ignore[attr-defined]
    before = len(in_chat(here, "john"))
    await here.press("john", card, "Send request")
    assert "Leave asked for" in card.text
    assert len([posted for posted in in_chat(here, "john") if posted.place == card.place]) == before


@pytest.mark.requirement("79")
async def test_a_loading_dialog_of_a_killed_process_says_where_the_answer_is(here: World) -> None:
    card = await proposed(here)
    await here.press("john", card, "Send request")
    await here.sign_in("mia")
    await here.enrol("mia")
    shared = here.last("mia", "Leave for John")
    press = pressed(here, "mia", shared, "Approve")
    await accepted(here, replace(press, window=ReplyWindow.OPENS_DIALOG, trigger="left"))
    here.clock.advance(GONE)
    assert await here.core.ingress.take_over() == 1
    assert here.chat.dialogs["left"].title == "Please look at the chat"
    assert here.last("mia").button("Enter a code").handle, "and there it is"


class Dying(FakeChat):
    """A process of it is killed before it posts."""

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        raise SystemError("the process is gone")

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        raise SystemError("the process is gone")


async def _tick(here: World) -> None:
    await here.core.ingress.take_over()
    await here.core.reconciling.run()
    await here.core.delivery.take_over()


@pytest.mark.requirement("4", "79", "82")
async def test_what_three_processes_die_of_is_answered_within_the_two_minutes_that_people_are_told(
    here: World,
) -> None:
    """One before it begins, one around the call, one before it posts what the look-up found."""
    card = await proposed(here)
    await accepted(here, pressed(here, "john", card, "Send request"))
    since = here.clock.now()
    second = with_hr(here, Wrapped(here.backend.hr, "create_leave", after=crash))
    while not await second.core.ingress.take_over():
        here.clock.advance(TICK)
    third = replace(here, core=compose(replace(here.core.outside, platforms={Platform.PLAYGROUND: Dying()})))
    settled = False
    while not settled:
        here.clock.advance(TICK)
        try:
            settled = bool(await third.core.reconciling.run())
        except SystemError:
            settled = True
    assert "Leave asked for" not in card.text
    while "Leave asked for" not in card.text:
        here.clock.advance(TICK)
        await _tick(here)
        assert here.clock.now() - since < TOLD
    assert await states(here) == [LeaveState.PENDING]
    assert delivery.HELD_AGAIN_SECONDS < delivery.LEASE_SECONDS


@pytest.mark.requirement("4", "82")
async def test_a_posting_that_takes_its_time_is_not_given_to_a_second_process(here: World) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FakeChat):
        async def post(
            self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
        ) -> str | None:
            begun.set()
            await go_on.wait()
            return await super().post(place, to, reply, dedupe_key=dedupe_key, repeated=repeated)

    await here.sign_in("john")
    slow = Slow()
    mine = replace(here, core=compose(replace(here.core.outside, platforms={Platform.PLAYGROUND: slow})))
    telling = asyncio.create_task(mine.say("john", "balance"))
    async with asyncio.timeout(SETTLE_SECONDS):
        await begun.wait()
    for _ in range(12):
        here.clock.advance(TICK + TICK)
        assert await mine.core.delivery.hold() == 1
        assert await here.core.delivery.take_over() == 0
    go_on.set()
    await telling
    assert len(slow.posts) == 1
    assert await mine.core.delivery.hold() == 0


@pytest.mark.requirement("4", "82")
async def test_what_goes_on_in_a_browser_is_not_given_to_a_second_process_while_it_takes_its_time(here: World) -> None:
    """That one would not know of the browser: it would ask anew, and use up the proof that was given."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    @dataclass
    class Slow:
        async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
            begun.set()
            await go_on.wait()
            return await here.directory.revalidate(subject=subject, token_cache=token_cache, now=now)

        def __getattr__(self, name: str) -> Any:
            return getattr(here.directory, name)

    await here.sign_in("john")
    provider: Any = Slow()
    mine = replace(here, core=compose(replace(here.core.outside, providers={"test": provider})))
    here.clock.advance(timedelta(minutes=2))
    before = len(in_chat(here, "john"))
    going_on = asyncio.create_task(mine.core.ingress.resume(here.message("john", text="balance")))
    async with asyncio.timeout(SETTLE_SECONDS):
        await begun.wait()
    for _ in range(6):
        here.clock.advance(TICK + TICK)
        assert await mine.core.ingress.hold() == 1
        assert await here.core.ingress.take_over() == 0
    go_on.set()
    assert (await going_on).code == "done"
    assert len(in_chat(here, "john")) == before + 1
    assert await mine.core.ingress.hold() == 0
