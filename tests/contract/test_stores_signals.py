"""Received signals and provider sessions; and what ends with them: a tenant's sessions, what waits, a held cache."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.domain.identity import LinkedIdentity
from tests.contract.stores import (
    JOHN,
    JOHNS_CHAT,
    MIA,
    MIAS_CHAT,
    OpenDatabase,
    a_message,
    sign_in,
)

ISSUER = str(JOHN.issuer)
HOUR = timedelta(hours=1)


async def test_a_signal_counts_once_in_parallel_and_by_source(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    async def counted(opened: OpenDatabase, source: str = "ssf:corp") -> bool:
        return await opened.write(lambda tx: tx.signals.remember(source, "one", until=now + HOUR))

    assert sum(await asyncio.gather(*(counted((database, replica)[n % 2]) for n in range(6)))) == 1
    assert await counted(database, "ssf:other")
    assert await database.read(lambda tx: tx.signals.remembered("ssf:corp", "one", now=now))
    assert not await database.read(lambda tx: tx.signals.remembered("ssf:corp", "two", now=now))
    assert not await database.read(lambda tx: tx.signals.remembered("ssf:corp", "one", now=now + HOUR))
    assert await database.write(lambda tx: tx.signals.sweep(now + HOUR)) == 2


async def test_whose_session_is_known_of_its_issuer_until_it_is_over(database: OpenDatabase, now: datetime) -> None:
    async def whose(issuer: str, session: str, at: datetime = now) -> LinkedIdentity | None:
        return await database.read(lambda tx: tx.signals.whose_session(issuer, session, now=at))

    await database.write(lambda tx: tx.signals.hold_session(ISSUER, "s1"))
    await database.write(lambda tx: tx.signals.note_session(ISSUER, "s1", JOHN, until=now + HOUR))
    assert await whose(ISSUER, "s1") == JOHN
    assert await whose(ISSUER, "s2") is None
    assert await whose("https://other.example", "s1") is None
    assert await whose(ISSUER, "s1", now + HOUR) is None
    await database.write(lambda tx: tx.signals.note_session("https://other.example", "s1", JOHN, until=now + HOUR))
    assert await whose("https://other.example", "s1") is None, "only a person of that issuer"


async def test_a_tenants_sessions_are_those_of_its_workspaces_alone(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: sign_in(tx, now, MIAS_CHAT, MIA))

    async def of(tenant: str) -> list[LinkedIdentity]:
        return [one.identity for one in await database.read(lambda tx: tx.sessions.of_tenant(tenant))]

    assert await of("E1/T1") == await of("E1") == [JOHN]
    assert await of("a-tenant") == [MIA]
    assert await of("E") == await of("T1") == await of("") == []


async def test_what_waits_is_dropped_in_every_account_of_the_person(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await database.write(lambda tx: sign_in(tx, now, MIAS_CHAT, MIA))
    for channel in (JOHNS_CHAT, MIAS_CHAT):
        waiting = a_message(now, who=channel)
        await database.write(lambda tx, c=channel, m=waiting: tx.pending.put(c, m, until=now + HOUR))  # type: ignore[misc]
    assert await database.write(lambda tx: tx.pending.drop_all(JOHN)) == 1
    assert await database.write(lambda tx: tx.pending.take(JOHNS_CHAT, now=now)) is None
    assert await database.write(lambda tx: tx.pending.take(MIAS_CHAT, now=now)) is not None


async def test_a_cache_that_is_released_can_be_held_again(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.tokens.save(JOHN, b"cache", expected_version=None, now=now))

    async def held() -> bool:
        return await database.write(lambda tx: tx.tokens.hold(JOHN, now=now, seconds=30))

    assert [await held(), await held()] == [True, False]
    await database.write(lambda tx: tx.tokens.release(JOHN))
    assert await held()
