"""Inbox, outbox and posted messages; throttle, slots and marks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.identity import Platform
from bot.domain.outbound import PostedMessage
from bot.ports.database import Transaction
from storage.inbox import KEPT
from tests.contract.stores import JOHNS_CHAT, PLACE, OpenDatabase, a_message, an_item, by_hand, each

MINUTE = timedelta(minutes=1)


async def test_an_event_is_accepted_once(database: OpenDatabase, replica: OpenDatabase, now: datetime) -> None:
    first = await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=60))
    assert first is not None
    again = a_message(now + MINUTE, text="delivered again")
    for place in (database, replica):
        assert await place.write(lambda tx: tx.inbox.accept(again, lease_seconds=60)) is None
    elsewhere = replace(a_message(now), place=replace(PLACE, tenant="E2/T2"))
    on_teams = replace(a_message(now), place=replace(PLACE, platform=Platform.TEAMS))
    others = await each(database, lambda tx, m: tx.inbox.accept(m, lease_seconds=60), [elsewhere, on_teams])
    assert None not in others
    assert len({first, *others}) == 3


async def test_an_event_that_is_only_noted_is_known_and_nobodys_work(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    message = a_message(now)
    assert await database.write(lambda tx: tx.inbox.note(message))
    for place in (database, replica):
        assert not await place.write(lambda tx: tx.inbox.note(message))
        assert await place.write(lambda tx: tx.inbox.accept(message, lease_seconds=0)) is None
        assert await place.write(lambda tx: tx.inbox.claim(now=now + MINUTE, lease_seconds=60, limit=9)) == []
    row = await database.write(lambda tx: tx.inbox.accept(a_message(now, "Ev2"), lease_seconds=60))
    assert row is not None
    assert not await replica.write(lambda tx: tx.inbox.note(a_message(now, "Ev2")))
    assert await database.write(lambda tx: tx.inbox.sweep(now + KEPT + MINUTE)) == 2


async def test_duplicates_in_parallel_are_one_event(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    message = a_message(now)
    answers = await asyncio.gather(
        *((database, replica)[n % 2].write(lambda tx: tx.inbox.accept(message, lease_seconds=60)) for n in range(50))
    )
    assert len([row for row in answers if row is not None]) == 1


async def test_what_a_process_holds_is_given_to_another_after_the_lease(database: OpenDatabase, now: datetime) -> None:
    message = a_message(now)
    row = await database.write(lambda tx: tx.inbox.accept(message, lease_seconds=60))
    early = now + 59 * timedelta(seconds=1)
    assert await database.write(lambda tx: tx.inbox.claim(now=early, lease_seconds=60, limit=9)) == []
    late = now + MINUTE
    assert await database.write(lambda tx: tx.inbox.claim(now=late, lease_seconds=60, limit=9)) == [(row, message, 2)]
    assert await database.write(lambda tx: tx.inbox.claim(now=late, lease_seconds=60, limit=9)) == []


async def test_a_lease_that_is_renewed_is_nobody_elses_until_it_is_dealt_with(
    database: OpenDatabase, now: datetime
) -> None:
    row = await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=60))
    assert row is not None
    assert await database.write(lambda tx: tx.inbox.hold(row, now + 2 * MINUTE)) == 1
    assert await database.write(lambda tx: tx.inbox.claim(now=now + MINUTE, lease_seconds=60, limit=9)) == []
    await database.write(lambda tx: tx.inbox.complete(row, now))
    assert await database.write(lambda tx: tx.inbox.hold(row, now + 3 * MINUTE)) == 0
    assert await database.write(lambda tx: tx.inbox.claim(now=now + 3 * MINUTE, lease_seconds=60, limit=9)) == []


async def test_events_are_claimed_in_order_of_arrival_and_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    messages = [a_message(now, f"Ev{number}") for number in range(20)]
    await each(database, lambda tx, message: tx.inbox.accept(message, lease_seconds=0), messages)
    (first, *_) = await database.write(lambda tx: tx.inbox.claim(now=now, lease_seconds=60, limit=3))
    assert first[1].event_id == "Ev0"
    claims = await asyncio.gather(
        *(
            (database, replica)[n % 2].write(lambda tx: tx.inbox.claim(now=now, lease_seconds=60, limit=2))
            for n in range(20)
        )
    )
    events = [message.event_id for claim in claims for _, message, _ in claim]
    assert sorted(events) == sorted(f"Ev{number}" for number in range(3, 20))


async def test_a_completed_event_keeps_only_its_hash(database: OpenDatabase, database_url: str, now: datetime) -> None:
    row = await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=0))
    (stored,) = await by_hand(database_url, "SELECT * FROM inbox")
    assert "Ev1" not in str(stored)
    assert b"days of leave" not in bytes(stored[2])
    assert row is not None
    await database.write(lambda tx: tx.inbox.complete(row, now))
    assert await by_hand(database_url, "SELECT payload FROM inbox") == [(None,)]
    assert await database.write(lambda tx: tx.inbox.claim(now=now + MINUTE, lease_seconds=60, limit=9)) == []
    assert await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=0)) is None


async def test_hashes_and_payloads_are_swept_after_a_day(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=0))
    await database.write(lambda tx: tx.inbox.accept(a_message(now + MINUTE, "Ev2"), lease_seconds=0))
    assert await database.write(lambda tx: tx.inbox.sweep(now + KEPT)) == 0
    assert await database.write(lambda tx: tx.inbox.sweep(now + KEPT + MINUTE / 2)) == 1
    assert await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=0)) is not None


async def test_a_spoilt_event_does_not_hold_up_the_queue(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.inbox.accept(a_message(now), lease_seconds=0))
    await database.write(lambda tx: tx.inbox.accept(a_message(now, "Ev2"), lease_seconds=0))
    await by_hand(
        database_url,
        "UPDATE inbox SET payload = (SELECT payload FROM inbox ORDER BY position DESC LIMIT 1) WHERE position = 1",
    )
    claimed = await database.write(lambda tx: tx.inbox.claim(now=now, lease_seconds=60, limit=9))
    assert [message.event_id for _, message, _ in claimed] == ["Ev2"]


async def test_a_reply_waits_in_the_outbox_until_it_is_done(database: OpenDatabase, now: datetime) -> None:
    item = an_item(now)
    await database.write(lambda tx: tx.outbox.put(item, lease_seconds=60))
    assert await database.write(lambda tx: tx.outbox.claim(now=now, lease_seconds=60, limit=9)) == []
    claimed = await database.write(lambda tx: tx.outbox.claim(now=now + MINUTE, lease_seconds=60, limit=9))
    assert claimed == [replace(item, attempts=2)]
    await database.write(lambda tx: tx.outbox.retry("item-1", at=now + 5 * MINUTE))
    assert await database.write(lambda tx: tx.outbox.claim(now=now + 4 * MINUTE, lease_seconds=60, limit=9)) == []
    claimed = await database.write(lambda tx: tx.outbox.claim(now=now + 5 * MINUTE, lease_seconds=60, limit=9))
    assert claimed == [replace(item, attempts=3)]
    await database.write(lambda tx: tx.outbox.done("item-1"))
    assert await database.write(lambda tx: tx.outbox.claim(now=now + 60 * MINUTE, lease_seconds=60, limit=9)) == []


async def test_replies_are_claimed_oldest_first_and_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    items = [an_item(now, f"{number:02}") for number in range(20)]
    await each(database, lambda tx, item: tx.outbox.put(item, lease_seconds=0), items)
    first = await database.write(lambda tx: tx.outbox.claim(now=now, lease_seconds=60, limit=2))
    assert [item.id for item in first] == ["00", "01"]
    claims = await asyncio.gather(
        *(
            (database, replica)[n % 2].write(lambda tx: tx.outbox.claim(now=now, lease_seconds=60, limit=3))
            for n in range(10)
        )
    )
    assert sorted(item.id for claim in claims for item in claim) == [f"{number:02}" for number in range(2, 20)]


async def test_the_same_reply_is_queued_once_and_sealed(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.outbox.put(an_item(now), lease_seconds=0))
    await database.write(lambda tx: tx.outbox.put(an_item(now), lease_seconds=0))
    (row,) = await by_hand(database_url, "SELECT payload FROM outbox")
    assert b"12 days" not in bytes(row[0])


async def test_every_copy_of_a_card_is_found_and_edited_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    copy = PostedMessage(about="Leave::12", place=PLACE, to=JOHNS_CHAT, message="171.2", version=0, posted_at=now)
    other = replace(copy, place=replace(PLACE, conversation="C2", thread=None), posted_at=now + MINUTE)
    another = replace(copy, about="Leave::13", message="171.3")
    await each(database, lambda tx, posted: tx.posted.record(posted), [copy, other, another])
    assert await database.read(lambda tx: tx.posted.about("Leave::12")) == [copy, other]
    edited = replace(copy, version=1)
    swaps = await asyncio.gather(
        *((database, replica)[n % 2].write(lambda tx: tx.posted.swap(edited, version=0)) for n in range(20))
    )
    assert sum(swaps) == 1
    assert [posted.version for posted in await database.read(lambda tx: tx.posted.about("Leave::12"))] == [1, 0]
    for place, message, newest in ((PLACE, "171.2", 1), (other.place, "171.2", 0), (PLACE, "unknown", 0)):
        assert await replica.read(lambda tx, at=place, of=message: tx.posted.newest(at, of)) == newest  # type: ignore[misc]  # mypy infers no defaults of a lambda


async def test_recording_a_message_again_does_not_take_its_version_back(database: OpenDatabase, now: datetime) -> None:
    copy = PostedMessage(about="Leave::12", place=PLACE, to=JOHNS_CHAT, message="171.2", version=0, posted_at=now)
    await database.write(lambda tx: tx.posted.record(copy))
    assert await database.write(lambda tx: tx.posted.swap(replace(copy, version=1), version=0))
    await database.write(lambda tx: tx.posted.record(copy))
    assert not await database.write(lambda tx: tx.posted.swap(replace(copy, version=1), version=0))


@pytest.mark.parametrize("window", [60, 3600])
async def test_the_throttle_counts_first_and_by_window(database: OpenDatabase, now: datetime, window: int) -> None:
    async def strike(at: datetime, key: str = "message:john") -> bool:
        return await database.write(lambda tx: tx.throttle.hit(key, limit=2, window_seconds=window, now=at))

    assert [await strike(now) for _ in range(4)] == [True, True, False, False]
    assert await strike(now, "message:mia")
    assert await strike(now + timedelta(seconds=window))
    assert await database.write(lambda tx: tx.throttle.sweep(now + timedelta(seconds=window))) == 2
    assert await database.write(lambda tx: tx.throttle.sweep(now + timedelta(seconds=window))) == 0


async def test_what_the_throttle_takes_back_can_be_counted_again(database: OpenDatabase, now: datetime) -> None:
    def hit(tx: Transaction) -> bool:
        return tx.throttle.hit("k", limit=1, window_seconds=60, now=now)

    def used(at: datetime) -> Callable[[Transaction], int]:
        return lambda tx: tx.throttle.used("k", window_seconds=60, now=at)

    await database.write(lambda tx: tx.throttle.give_back("k", window_seconds=60, now=now))
    assert await database.read(used(now)) == 0, "there was nothing to take back"
    assert await database.write(hit)
    assert not await database.write(hit)
    assert await database.read(used(now)) == 2
    for _ in range(3):
        await database.write(lambda tx: tx.throttle.give_back("k", window_seconds=60, now=now))
    assert await database.read(used(now)) == 0
    assert await database.write(hit)
    assert await database.read(used(now + timedelta(seconds=60))) == 0


async def test_the_throttle_lets_no_more_through_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    hits = await asyncio.gather(
        *(
            (database, replica)[n % 2].write(lambda tx: tx.throttle.hit("k", limit=7, window_seconds=60, now=now))
            for n in range(40)
        )
    )
    assert sum(hits) == 7


async def test_a_slot_is_claimed_once_among_replicas(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    claims = await asyncio.gather(
        *((database, replica)[n % 2].write(lambda tx: tx.jobs.claim_slot("sweep", "1", now=now)) for n in range(50))
    )
    assert sum(claims) == 1
    assert await replica.write(lambda tx: tx.jobs.claim_slot("sweep", "2", now=now))


async def test_an_abandoned_slot_is_given_to_another_and_a_done_one_never(
    database: OpenDatabase, now: datetime
) -> None:
    assert all(await each(database, lambda tx, slot: tx.jobs.claim_slot("sweep", slot, now=now), ["abandoned", "done"]))
    await database.write(lambda tx: tx.jobs.finish_slot("sweep", "done", now=now))
    soon, late = now + 14 * MINUTE, now + 15 * MINUTE
    assert not await database.write(lambda tx: tx.jobs.claim_slot("sweep", "abandoned", now=soon))
    assert await database.write(lambda tx: tx.jobs.claim_slot("sweep", "abandoned", now=late))
    assert not await database.write(lambda tx: tx.jobs.claim_slot("sweep", "abandoned", now=late))
    assert not await database.write(lambda tx: tx.jobs.claim_slot("sweep", "done", now=late))


async def test_old_slots_are_forgotten(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.jobs.claim_slot("sweep", "old", now=now - timedelta(days=8)))
    await database.write(lambda tx: tx.jobs.claim_slot("sweep", "new", now=now))
    await database.write(lambda tx: tx.jobs.finish_slot("sweep", "new", now=now))
    assert await by_hand(database_url, "SELECT slot FROM job_runs") == [("new",)]


async def test_marks_are_kept(database: OpenDatabase) -> None:
    assert await database.read(lambda tx: tx.jobs.mark("demo")) is None
    await database.write(lambda tx: tx.jobs.set_mark("demo", "yes"))
    await database.write(lambda tx: tx.jobs.set_mark("demo", "still"))
    assert await database.read(lambda tx: tx.jobs.mark("demo")) == "still"
