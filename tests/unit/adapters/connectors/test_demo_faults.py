"""Outages and lost replies: a read is unavailable, a write unknown, and nothing happens twice."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.connectors.demo.backend import DemoBackend
from bot.domain.grant import Grant
from bot.domain.leave import LeaveScope, Portion
from bot.ports.connectors import Call, ConnectorUnavailable, OutcomeUnknown, RateLimited, Reconciliation
from bot.ports.hr import Leave
from tests.contract.connectors import JOHN, GrantDesk
from tests.fakes.clock import FixedClock

DAY = date(2027, 3, 1)
SOON = timedelta(milliseconds=30)


@pytest.fixture
def bounds(desk: GrantDesk, clock: FixedClock) -> tuple[Grant, Call]:
    """A grant of john's for himself, and a call with little time."""
    grant = desk.grant(JOHN, "Employee", "E1001")
    return grant, replace(desk.call(grant), deadline=clock.now() + SOON)


async def ask(backend: DemoBackend, bounds: tuple[Grant, Call]) -> Leave:
    return await backend.hr.create_leave(
        *bounds, employee="E1001", leave_type="paid", start=DAY, end=DAY, portion=Portion.FULL, note=""
    )


async def on_that_day(backend: DemoBackend, bounds: tuple[Grant, Call]) -> list[Leave]:
    leaves = await backend.hr.list_leaves(*bounds, employee="E1001", scope=LeaveScope.OWN)
    return [leave for leave in leaves if leave.start == DAY]


@pytest.mark.requirement("81")
async def test_a_hanging_read_is_unavailable_and_the_next_one_works(
    backend: DemoBackend, bounds: tuple[Grant, Call]
) -> None:
    backend.faults.hang(30)
    with pytest.raises(ConnectorUnavailable):
        await backend.hr.leave_types(*bounds)
    assert await backend.hr.leave_types(*bounds)


@pytest.mark.requirement("80", "81")
async def test_a_write_that_hangs_is_unknown_and_a_look_up_finds_it_absent(
    backend: DemoBackend, bounds: tuple[Grant, Call]
) -> None:
    backend.faults.hang(30)
    with pytest.raises(OutcomeUnknown):
        await ask(backend, bounds)
    assert await backend.hr.reconcile(*bounds) is Reconciliation.ABSENT
    assert await on_that_day(backend, bounds) == []


@pytest.mark.requirement("80")
async def test_a_lost_reply_is_unknown_and_a_look_up_finds_it_done(
    backend: DemoBackend, bounds: tuple[Grant, Call]
) -> None:
    backend.faults.drop_reply_after_write()
    with pytest.raises(OutcomeUnknown):
        await ask(backend, bounds)
    assert await backend.hr.reconcile(*bounds) is Reconciliation.DONE
    repeated = await ask(backend, bounds)
    assert await on_that_day(backend, bounds) == [repeated]


async def test_a_look_up_that_gets_no_answer_stays_unknown(backend: DemoBackend, bounds: tuple[Grant, Call]) -> None:
    backend.faults.hang(30)
    assert await backend.crm.reconcile(*bounds) is Reconciliation.UNKNOWN
    backend.faults.fail_next()
    assert await backend.hr.reconcile(*bounds) is Reconciliation.UNKNOWN


async def test_a_failure_does_nothing_and_has_the_error_asked_for(
    backend: DemoBackend, bounds: tuple[Grant, Call]
) -> None:
    backend.faults.fail_next(RateLimited(7), times=2)
    for _ in range(2):
        with pytest.raises(RateLimited):
            await ask(backend, bounds)
    assert await on_that_day(backend, bounds) == []


async def test_switches_can_be_put_off(backend: DemoBackend, bounds: tuple[Grant, Call]) -> None:
    backend.faults.hang(30)
    backend.faults.fail_next()
    backend.faults.drop_reply_after_write()
    backend.faults.clear()
    leave = await ask(backend, bounds)
    assert await on_that_day(backend, bounds) == [leave]


async def test_facts_of_a_system_that_is_away_are_unavailable(backend: DemoBackend, desk: GrantDesk) -> None:
    backend.faults.fail_next()
    with pytest.raises(ConnectorUnavailable):
        await backend.facts.resolve(desk.facts_grant(JOHN, "Employee", "john"))


@pytest.mark.requirement("83")
async def test_what_waited_for_a_lock_beyond_its_deadline_never_happens(
    tmp_path: Path, desk: GrantDesk, clock: FixedClock, bounds: tuple[Grant, Call]
) -> None:
    path = tmp_path / "demo.db"
    backend = DemoBackend(path=path, clock=clock, verify=desk.verify, verify_facts=desk.verify_facts)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutcomeUnknown):
            await ask(backend, bounds)
        assert await backend.hr.leave_types(*bounds), "readers wait for nobody"
        other.execute("ROLLBACK")
    assert await backend.hr.reconcile(bounds[0], desk.call(bounds[0])) is Reconciliation.ABSENT
    assert await on_that_day(backend, bounds) == []
    backend.close()


@pytest.mark.requirement("80")
async def test_a_look_up_waits_for_the_write_under_way(tmp_path: Path, desk: GrantDesk, clock: FixedClock) -> None:
    path = tmp_path / "demo.db"
    backend = DemoBackend(path=path, clock=clock, verify=desk.verify, verify_facts=desk.verify_facts)
    grant = desk.grant(JOHN, "Employee", "E1001")
    patient = (grant, desk.call(grant))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        asking = asyncio.create_task(ask(backend, patient))
        looking = asyncio.create_task(backend.hr.reconcile(*patient))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
    assert await looking is Reconciliation.DONE
    assert (await asking).start == DAY
    backend.close()
