"""The audit log on both engines: appended with what it records, chained, searched, and any change found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from bot.errors import Stale
from bot.ports.database import Transaction
from storage.audit_log import CHUNK, GENESIS
from storage.audit_verification import Fault, FaultKind, verify
from tests.contract.stores import JOHN, MIA, OpenDatabase, a_role, an_event, by_hand, each

ROWS = 60
SECOND = timedelta(seconds=1)


def events(now: datetime, count: int = ROWS) -> list[AuditEvent]:
    return [an_event(now + n * SECOND, resource=f"Leave::{n}", correlation=f"c-{n}") for n in range(count)]


def append_all(tx: Transaction, wanted: list[AuditEvent]) -> list[AuditRecord]:
    return [tx.audit.append(event) for event in wanted]


async def log(database: OpenDatabase, from_seq: int = 1) -> list[AuditRecord]:
    return await database.read(lambda tx: list(tx.audit.records(from_seq=from_seq)))


async def test_records_come_back_as_appended_and_chained(database: OpenDatabase, now: datetime) -> None:
    wanted = events(now, 5)
    appended = await each(database, lambda tx, event: tx.audit.append(event), wanted)
    records = await log(database)
    assert records == appended
    assert [record.event for record in records] == wanted
    assert [record.seq for record in records] == [1, 2, 3, 4, 5]
    assert [record.previous for record in records] == [GENESIS, *(record.hash for record in records[:-1])]
    assert verify(records) is None
    assert await log(database, from_seq=4) == records[3:]


async def test_a_long_log_is_read_in_pieces(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: append_all(tx, events(now, CHUNK + 3)))
    records = await log(database)
    assert len(records) == CHUNK + 3
    assert verify(records) is None


async def test_an_event_is_there_with_its_change_or_not_at_all(database: OpenDatabase, now: datetime) -> None:
    def grant_twice(tx: Transaction) -> None:
        for _ in range(2):
            tx.audit.append(an_event(now, type=EventType.ROLE_GRANTED))
            tx.roles.insert(a_role(now))

    with pytest.raises(Stale):
        await database.write(grant_twice)
    assert await log(database) == []
    assert await database.read(lambda tx: tx.roles.everyone()) == []


async def test_writers_in_parallel_make_one_chain(database: OpenDatabase, replica: OpenDatabase, now: datetime) -> None:
    wanted = events(now)
    work = [(database, replica)[n % 2].write(partial(append_all, wanted=[event])) for n, event in enumerate(wanted)]
    await asyncio.gather(*work)
    records = await log(database)
    assert verify(records) is None
    assert sorted(record.event.correlation for record in records) == sorted(event.correlation for event in wanted)


async def test_the_log_is_searched_newest_first(database: OpenDatabase, now: datetime) -> None:
    wanted = [
        *events(now, 4),
        an_event(now + 4 * SECOND, principal=MIA.key, decision="deny", type=EventType.APPROVAL_PRESSED),
        an_event(now + 5 * SECOND, principal=MIA.key, decision="allow", type=EventType.ACCESS_DECIDED, resource="L%_"),
    ]
    await database.write(lambda tx: append_all(tx, wanted))

    async def found(**filters: object) -> list[int]:
        return [record.seq for record in await database.read(lambda tx: tx.audit.search(**filters))]  # type: ignore[arg-type]

    assert await found() == [6, 5, 4, 3, 2, 1]
    assert await found(limit=2) == [6, 5]
    assert await found(principal=MIA.key) == [6, 5]
    assert await found(principal=JOHN.key, limit=1) == [4]
    assert await found(type_prefix="approval.") == [5]
    assert await found(type_prefix="access") == [6, 4, 3, 2, 1]
    assert await found(type_prefix="%") == []
    assert await found(resource="Leave::2") == [3]
    assert await found(resource="L%_") == [6]
    assert await found(decision="deny") == [5]
    assert await found(correlation="c-3") == [4]
    assert await found(since=now + SECOND, until=now + 3 * SECOND) == [3, 2]
    assert await found(principal="nobody") == []
    assert await found(before=3) == [2, 1]
    assert await found(before=1) == []
    assert await found(before=10**18 - 1, principal=MIA.key) == [6, 5]


@pytest.mark.requirement("73")
@pytest.mark.parametrize("position", [1, 2, ROWS // 2, ROWS - 1, ROWS])
async def test_a_change_by_hand_is_found(
    database: OpenDatabase, database_url: str, now: datetime, position: int
) -> None:
    """Every position of a log of this size is tried, without a database, in tests/unit/storage."""
    await database.write(lambda tx: append_all(tx, events(now)))
    await by_hand(database_url, f"UPDATE audit SET decision = 'deny' WHERE seq = {position}")  # noqa: S608
    assert verify(await log(database)) == Fault(seq=position, kind=FaultKind.EDITED)
    await by_hand(database_url, f"UPDATE audit SET decision = 'allow' WHERE seq = {position}")  # noqa: S608
    assert verify(await log(database)) is None
    if position < ROWS:
        await by_hand(database_url, f"DELETE FROM audit WHERE seq = {position}")  # noqa: S608
        assert verify(await log(database)) == Fault(seq=position, kind=FaultKind.MISSING)


@pytest.mark.requirement("73")
async def test_a_log_goes_on_from_what_is_there_and_stays_faulty(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: append_all(tx, events(now, 4)))
    await by_hand(database_url, "UPDATE audit SET time = time + 1 WHERE seq = 2")
    await database.write(lambda tx: tx.audit.append(replace(an_event(now), correlation="later")))
    assert verify(await log(database)) == Fault(seq=2, kind=FaultKind.EDITED)
