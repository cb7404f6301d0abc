"""What was asked, who approved, who stands in: on both engines."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.domain.approval import RequestState
from tests.contract.stores import (
    OpenDatabase,
    a_substitution,
    an_approval,
    an_asked_request,
    each,
)


async def test_a_request_is_one_row_and_the_next_to_expire_comes_first(database: OpenDatabase, now: datetime) -> None:
    asked = an_asked_request(now)
    other = an_asked_request(now, about="Leave::L-2", until=now + timedelta(days=1))
    await database.write(lambda tx: tx.approvals.ask(asked))
    await database.write(lambda tx: tx.approvals.ask(other))
    assert await database.read(lambda tx: list(tx.approvals.open(limit=5))) == [other, asked]
    assert await database.read(lambda tx: list(tx.approvals.open(limit=1))) == [other]
    closed = an_asked_request(now, state=RequestState.DECIDED, refused_by="E-mia", closed_at=now)
    await database.write(lambda tx: tx.approvals.ask(closed))
    assert await database.read(lambda tx: list(tx.approvals.open(limit=5))) == [other]
    assert await database.read(lambda tx: tx.approvals.asked("Leave::L-1")) == closed
    assert await database.read(lambda tx: list(tx.approvals.of_owner("E-john"))) == [closed, other]
    assert await database.read(lambda tx: tx.approvals.asked("Leave::L-3")) is None


async def test_a_consent_is_of_the_record_as_it_stood_and_used_once(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.approvals.give(an_approval(now)))
    later = an_approval(now + timedelta(seconds=1), id="approval-2", employee="E-sarah")
    await database.write(lambda tx: tx.approvals.give(later))
    assert await database.read(lambda tx: list(tx.approvals.given("Leave::L-1", "1"))) == [an_approval(now), later]
    assert await database.read(lambda tx: list(tx.approvals.given("Leave::L-1", "2"))) == []
    closings = await asyncio.gather(
        *(database.write(lambda tx: tx.approvals.close("Leave::L-1", "spent")) for _ in range(4))
    )
    assert sorted(closings) == [0, 0, 0, 2]
    assert await database.read(lambda tx: list(tx.approvals.given("Leave::L-1", "1"))) == []


async def test_a_substitution_holds_from_day_to_day_and_ends_once(database: OpenDatabase, now: datetime) -> None:
    named, day = a_substitution(now), timedelta(days=1)
    await database.write(lambda tx: tx.substitutions.name(named))
    assert [named.covers(now.date() + n * day) for n in (-1, 0, 3, 4)] == [False, True, True, False]
    days = [now.date() + n * day for n in (0, 3, 4)]
    of_mia = await each(database, lambda tx, at: list(tx.substitutions.of_approver("E-mia", since=at)), days)
    assert of_mia == [[named], [named], []]
    assert await database.read(lambda tx: list(tx.substitutions.of_substitute("E-sue", since=now.date()))) == [named]
    assert await database.write(lambda tx: tx.substitutions.end(named.id, now))
    assert not await database.write(lambda tx: tx.substitutions.end(named.id, now))
    assert await database.read(lambda tx: list(tx.substitutions.of_approver("E-mia", since=now.date()))) == []
