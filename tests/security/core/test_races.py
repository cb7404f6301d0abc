"""Two transactions that each decide on what the other is about to write: one waits for the other, on two replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from bot.domain.audit import EventType
from bot.domain.change import Change, Wanted
from bot.domain.identity import LinkedIdentity, Role
from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.ports.database import Database, Transaction
from bot.services import changes, roles
from bot.services.audit_trail import Scribe
from bot.services.sessions import open_session, remember_person
from bot.services.signals import Signals, session_over
from storage.migration import migrate
from tests.fakes.clock import FixedClock
from tests.fakes.world import LIMITS, World, world
from tests.postgres import PostgresCluster
from tests.security.core.attack import other_replica

pytestmark = pytest.mark.postgres
AUDIT = 0x0D00_A0D1_7061
"""What every transaction takes last, before it writes its record: whoever holds it holds them all right there."""
LOOKS, BETWEEN = 400, 0.005


class Held:
    """The database, with every transaction stopped right before its end."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def until(self, waiting: int) -> None:
        """Wait until so many transactions wait for a lock, each of its own."""
        for _ in range(LOOKS):
            found = await self._connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if found >= waiting:
                return
            await asyncio.sleep(BETWEEN)
        raise AssertionError(f"{waiting} transactions never met")

    async def go_on(self) -> None:
        await self._connection.execute("SELECT pg_advisory_unlock($1)", AUDIT)


@asynccontextmanager
async def held(url: str) -> AsyncIterator[Held]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", AUDIT)
        yield Held(connection)
    finally:
        await connection.close()


@pytest.fixture
async def two(
    postgres_cluster: PostgresCluster, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[tuple[World, World, str]]:
    """Two replicas, and the address of their database."""
    with postgres_cluster.database(build=migrate) as url:
        async with world(tmp_path, clock, url=url) as first:
            second, database = other_replica(first, url)
            try:
                yield first, second, url
            finally:
                await second.core.ingress.drain(5)
                await database.close()


async def together(one: Awaitable[object], other: Awaitable[object], url: str) -> None:
    """Both, stopped until each waits for the lock of the other or of the log."""
    async with held(url) as stopped:
        tasks = [asyncio.ensure_future(one), asyncio.ensure_future(other)]
        await stopped.until(2)
        await stopped.go_on()
        await asyncio.gather(*tasks)


def agreeing(database: Database, wanted: Wanted, by: LinkedIdentity, scribe: Scribe) -> Awaitable[Change | None]:
    return database.write(lambda tx: changes.agree(tx, wanted, by, scribe))


async def test_two_first_yeses_at_once_are_two_and_the_change_is_done_once(two: tuple[World, World, str]) -> None:
    first, second, url = two
    for name in ("raj", "mia", "john"):
        await first.sign_in(name)
    raj, mia, john = (first.identity(name) for name in ("raj", "mia", "john"))
    now = first.clock.now()
    await first.database.write(lambda tx: roles.give(tx, mia, Role.ADMINISTRATOR, "*", by=raj.key, now=now))
    wanted = Wanted(capability="grant_role", target=john.key, arguments={"role": "auditor", "scope": "*"})
    scribe = Scribe(time=now, channel="test", correlation="c")
    answers: list[Change | None] = []

    async def says(here: World, by: LinkedIdentity) -> None:
        answers.append(await agreeing(here.database, wanted, by, scribe))

    await together(says(first, raj), says(second, mia), url)
    assert sum(answer is None for answer in answers) == 1, "one of them is told that it is done"
    assert not await first.database.read(lambda tx: tx.changes.open(now))
    proposed = await first.audit(type_prefix=EventType.CHANGE_PROPOSED.value)
    done = await first.audit(type_prefix=EventType.CHANGE_DONE.value)
    assert (len(proposed), len(done)) == (1, 1)


async def test_one_who_says_it_twice_at_once_is_one_yes(two: tuple[World, World, str]) -> None:
    first, second, url = two
    for name in ("raj", "mia", "john"):
        await first.sign_in(name)
    raj, mia, john = (first.identity(name) for name in ("raj", "mia", "john"))
    now = first.clock.now()
    await first.database.write(lambda tx: roles.give(tx, mia, Role.ADMINISTRATOR, "*", by=raj.key, now=now))
    wanted = Wanted(capability="grant_role", target=john.key, arguments={"role": "auditor", "scope": "*"})
    scribe = Scribe(time=now, channel="test", correlation="c")
    await together(agreeing(first.database, wanted, raj, scribe), agreeing(second.database, wanted, raj, scribe), url)
    (waits,) = await first.database.read(lambda tx: tx.changes.open(now))
    assert waits.agreed == (raj.key,)


@pytest.mark.requirement("31")
@pytest.mark.parametrize("logout_first", [False, True])
async def test_a_logout_of_a_session_whose_sign_in_is_about_to_commit_ends_it(
    two: tuple[World, World, str], *, logout_first: bool
) -> None:
    """By `sid` alone: either the sign-in sees that it is over, or the logout sees whose it is."""
    first, second, url = two
    signed = first.directory.sign_in("john")
    signed = replace(signed, claims=replace(signed.claims, session="their-session"))
    claims, now = signed.claims, first.clock.now()
    john, channel = first.identity("john"), first.channel("john")
    scribe = Scribe(time=now, channel=channel.key, correlation="c")

    def sign_in(tx: Transaction) -> None:
        if session_over(tx, claims, now):
            return
        remember_person(tx, "test", claims, now)
        open_session(tx, channel, signed, LIMITS, now)
        tx.audit.append(scribe.event(EventType.SESSION_OPENED, code="chat"))

    signals = Signals(database=second.database, clock=second.clock)

    async def log_out() -> None:
        subject = await signals.whose_over(claims.issuer, "their-session")
        happening = Happening(kind=SignalKind.LOGOUT, subject=subject)
        source = SignalSource(channel="logout:test", issuer=john.issuer)
        assert await signals.receive(Signal(source=source, id="one", happenings=(happening,)))

    if logout_first:
        await log_out()
        await first.database.write(sign_in)
    else:
        async with held(url) as stopped:
            opening = asyncio.ensure_future(first.database.write(sign_in))
            await stopped.until(1)
            ending = asyncio.ensure_future(log_out())
            await stopped.until(2)
            await stopped.go_on()
            await asyncio.gather(opening, ending)
    assert not await first.database.read(lambda tx: tx.sessions.of_identity(john))


@pytest.mark.requirement("25")
async def test_who_waits_for_an_answer_to_be_stored_does_not_stand_in_its_way(two: tuple[World, World, str]) -> None:
    """Rows are taken in one order: who asks next waits at the token, and holds nothing that the other needs."""
    first, _, url = two
    await first.sign_in("john")
    first.directory.rotates = True
    person = await first.database.read(lambda tx: tx.persons.find(first.identity("john")))
    assert person is not None
    first.clock.advance(timedelta(minutes=2))
    scribe = Scribe(time=first.clock.now(), channel="test", correlation="c")
    storing = await asyncpg.connect(url)
    try:
        transaction = storing.transaction()
        await transaction.start()
        await storing.execute("UPDATE token_caches SET version = version WHERE identity = $1", person.identity.key)
        asking = asyncio.ensure_future(first.core.pipeline.rechecking.revalidator.check(person, scribe))
        await Held(storing).until(1)
        await storing.execute("SELECT 1 FROM persons WHERE identity = $1 FOR UPDATE NOWAIT", person.identity.key)
        await transaction.commit()
        assert (await asking).version == person.version + 1
    finally:
        await storing.close()
    assert (first.directory.asked, first.directory.reused) == (1, 0)
