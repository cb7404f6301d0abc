"""What sessions cost: a check, a sealed token, a revocation on two replicas, a sweep among a million."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.domain.session import Session, SessionState
from bot.ports.database import Transaction
from bot.services.sessions import remember_person
from storage.tables.identity import sessions
from tests.fakes.clock import FixedClock
from tests.fakes.world import LIMITS, World, world
from tests.security.core.attack import other_replica

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
EXPIRED = 10_000
ALL = 1_000_000
CHECKS = 2_000
MESSAGES = 200
REVOCATIONS = 20
IN_FLIGHT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Seconds, but for the counts."""

    check: float
    """Link, person, session and roles of a chat account, read and verified."""
    token: float
    """A sealed token cache, read and opened."""
    late: int
    """Messages on the other replica that were allowed after a revocation had been committed."""
    tried: int
    sweep: float
    """Ending `EXPIRED` among `ALL`: each with its record, its proposals, proofs and tokens."""
    empty: float
    idle_p99: float
    """A guarded message while nothing is swept."""
    swept_p99: float
    """The same while the sweep runs."""


async def session_costs(directory: Path, *, expired: int = EXPIRED, everyone: int = ALL) -> Sessions:
    """Measure all of it on one SQLite file."""
    clock, directory = FixedClock(START), directory / "sessions"
    directory.mkdir()
    async with world(directory, clock) as here:
        await here.sign_in("john")
        check, token = await _check(here), await _token(here)
        late = await _late(here, f"sqlite:///{directory / 'world.db'}")
        await here.sign_in("john")
        await _fill(here, directory / "world.db", expired, everyone)
        clock.advance(timedelta(minutes=61))
        await here.sign_in("john")
        idle = [await _wall(here.say("john", "balance")) for _ in range(MESSAGES)]
        sweep, meanwhile = await _sweep(here, expired)
        empty = statistics.median([await _wall(here.core.jobs.end_idle_sessions()) for _ in range(20)])
    return Sessions(
        check=check,
        token=token,
        late=late,
        tried=REVOCATIONS * IN_FLIGHT,
        sweep=sweep,
        empty=empty,
        idle_p99=_p99(idle),
        swept_p99=_p99(meanwhile),
    )


async def _check(here: World) -> float:
    def many(tx: Transaction) -> float:
        before = time.perf_counter()
        for _ in range(CHECKS):
            tx.sessions.use(here.channel("john"), now=here.clock.now(), limits=LIMITS)
        return (time.perf_counter() - before) / CHECKS

    return await here.database.read(many)


async def _token(here: World) -> float:
    def many(tx: Transaction) -> float:
        before = time.perf_counter()
        for _ in range(CHECKS):
            assert tx.tokens.load(here.identity("john"))
        return (time.perf_counter() - before) / CHECKS

    return await here.database.read(many)


async def _late(here: World, url: str) -> int:
    """Revoke on one replica with messages in flight on the other; what was answered although it began afterwards."""
    other, database = other_replica(here, url)
    late = 0
    try:
        for _ in range(REVOCATIONS):
            await here.sign_in("john")
            flying = [asyncio.create_task(_allowed(other)) for _ in range(IN_FLIGHT)]
            await here.database.write(lambda tx: tx.sessions.end_all(here.identity("john")))
            late += sum(await asyncio.gather(*[_allowed(other) for _ in range(IN_FLIGHT)]))
            await asyncio.gather(*flying)
    finally:
        await database.close()
    return late


async def _allowed(here: World) -> bool:
    now = here.clock.now()
    standing = await here.database.write(lambda tx: tx.sessions.use(here.channel("john"), now=now, limits=LIMITS))
    return standing.state is SessionState.ALIVE


async def _fill(here: World, file: Path, expired: int, everyone: int) -> None:
    """Sessions of our own making that will be over, and copies of one row that will not: those are never opened."""
    now = here.clock.now()
    person = here.directory.sign_in("john").claims

    def work(start: int) -> Callable[[Transaction], None]:
        def some(tx: Transaction) -> None:
            for number in range(start, min(start + 1000, expired)):
                channel = ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account=f"late{number}")
                claims = replace(person, subject=f"late{number}")
                known = remember_person(tx, here.directory.name, claims, now)
                tx.links.insert(Link(channel=channel, identity=known.identity, provider="test", linked_at=now))
                tx.sessions.open(
                    Session(
                        id=f"late{number}",
                        channel=channel,
                        identity=known.identity,
                        opened_at=now,
                        last_used_at=now,
                        absolute_until=now + LIMITS.absolute,
                        auth_time=now,
                        acr=None,
                        amr=(),
                    )
                )

        return some

    for start in range(0, expired, 1000):
        await here.database.write(work(start))
    await asyncio.to_thread(_copies, file, everyone - expired, int((now + timedelta(days=1)).timestamp() * 1_000_000))


def _copies(file: Path, count: int, used: int) -> None:
    own = {
        "channel": "'playground:demo:u' || i",
        "id": "'h' || i",
        "identity": "'https://else.example#u' || i",
        "last_used_at": ":used",
        "absolute_until": ":used + i",
    }
    names = [column.name for column in sessions.columns]
    values = ", ".join(own.get(name, name) for name in names)
    with closing(sqlite3.connect(file, timeout=60)) as raw, raw:
        raw.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"  # noqa: S608 - our columns
            f" INSERT INTO sessions ({', '.join(names)}) SELECT {values} FROM n, (SELECT * FROM sessions LIMIT 1)",
            {"count": count, "used": used},
        )


async def _sweep(here: World, expired: int) -> tuple[float, list[float]]:
    sweeping = asyncio.create_task(_timed_sweep(here, expired))
    meanwhile = []
    while not sweeping.done():
        meanwhile.append(await _wall(here.say("john", "balance")))
    return await sweeping, meanwhile


async def _timed_sweep(here: World, expired: int) -> float:
    before = time.perf_counter()
    ended = await here.core.jobs.end_idle_sessions()
    assert ended == expired, ended
    return time.perf_counter() - before


async def _wall(work: Awaitable[object]) -> float:
    before = time.perf_counter()
    await work
    return time.perf_counter() - before


def _p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]
