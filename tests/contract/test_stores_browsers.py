"""Browser sessions on our pages: opened, found while alive, renewed, ended, and believed only with their MAC."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.session import BrowserSession
from bot.errors import IntegrityAlarm
from tests.contract.stores import JOHN, MIA, OpenDatabase, by_hand

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)


def a_browser(now: datetime, session_id: str = "browser-1", **changes: Any) -> BrowserSession:
    session = BrowserSession(
        id=session_id,
        identity=JOHN,
        opened_at=now,
        until=now + HOUR,
        auth_time=now - SECOND,
        amr=("pwd", "otp"),
        acr="urn:acr:2",
        vouched=True,
    )
    return replace(session, **changes)


async def opened(database: OpenDatabase, *sessions: BrowserSession) -> None:
    for session in sessions:
        await database.write(lambda tx, one=session: tx.browsers.open(one))  # type: ignore[misc]  # a loop's own value


async def found(database: OpenDatabase, session_id: str, at: datetime) -> BrowserSession | None:
    return await database.read(lambda tx: tx.browsers.find(session_id, at))


async def test_one_comes_back_as_it_was_opened_until_its_end(database: OpenDatabase, now: datetime) -> None:
    full, bare = a_browser(now), a_browser(now, "browser-2", identity=None, auth_time=None, amr=(), acr=None)
    await opened(database, full, replace(bare, vouched=False))
    assert await found(database, "browser-1", now) == full
    assert await found(database, "browser-2", now) == replace(bare, vouched=False)
    assert await found(database, "browser-1", now + HOUR - SECOND) == full
    assert await found(database, "browser-1", now + HOUR) is None
    assert await found(database, "another", now) is None


async def test_ending_says_whether_there_was_one_and_on_every_replica(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await opened(database, a_browser(now), a_browser(now, "browser-2"))
    assert await replica.write(lambda tx: tx.browsers.end("browser-1"))
    assert not await database.write(lambda tx: tx.browsers.end("browser-1"))
    assert await found(database, "browser-1", now) is None
    assert await found(database, "browser-2", now) is not None


async def test_of_many_at_once_one_ends_it(database: OpenDatabase, replica: OpenDatabase, now: datetime) -> None:
    """So that a session is renewed once, whichever request is first."""
    await opened(database, a_browser(now))
    ended = await asyncio.gather(
        *((database, replica)[number % 2].write(lambda tx: tx.browsers.end("browser-1")) for number in range(10))
    )
    assert sorted(ended) == [False] * 9 + [True]


async def test_a_persons_own_are_listed_by_what_opens_nothing_and_ended_by_it(
    database: OpenDatabase, now: datetime
) -> None:
    hers = a_browser(now, "hers", identity=MIA)
    nobodys = a_browser(now, "nobodys", identity=None)
    await opened(database, a_browser(now), a_browser(now + SECOND, "browser-2"), hers, nobodys)
    listed = await database.read(lambda tx: tx.browsers.of_identity(JOHN, now + SECOND))
    assert [one.opened_at for one in listed] == [now + SECOND, now], "the latest first"
    assert not {one.id for one in listed} & {"browser-1", "browser-2"}
    assert await found(database, listed[0].id, now) is None
    assert not await database.write(lambda tx: tx.browsers.end_own(listed[0].id, MIA)), "not hers to end"
    assert await database.write(lambda tx: tx.browsers.end_own(listed[0].id, JOHN))
    assert not await database.write(lambda tx: tx.browsers.end_own(listed[0].id, JOHN))
    assert await found(database, "browser-2", now + SECOND) is None
    assert await database.read(lambda tx: tx.browsers.of_identity(JOHN, now + 2 * HOUR)) == []


async def test_all_of_a_person_end_and_nobody_elses(database: OpenDatabase, now: datetime) -> None:
    await opened(database, a_browser(now), a_browser(now, "browser-2"), a_browser(now, "hers", identity=MIA))
    assert await database.write(lambda tx: tx.browsers.end_all(JOHN)) == 2
    assert await database.write(lambda tx: tx.browsers.end_all(JOHN)) == 0
    assert await found(database, "browser-1", now) is None
    assert await found(database, "hers", now) is not None


async def test_what_is_past_its_end_goes_when_another_opens(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await opened(database, a_browser(now), a_browser(now + HOUR, "browser-2"))
    assert await by_hand(database_url, "SELECT count(*) FROM browser_sessions") == [(1,)]


@pytest.mark.parametrize(
    "change", ["until = until + 3600000000", "vouched = NULL", "auth_time = auth_time + 1", "acr = 'phr'", "amr = '[]'"]
)
async def test_an_altered_one_is_an_alarm(
    database: OpenDatabase, database_url: str, now: datetime, change: str
) -> None:
    await opened(database, a_browser(now))
    await by_hand(database_url, f"UPDATE browser_sessions SET {change}")  # noqa: S608 - the test's own text
    with pytest.raises(IntegrityAlarm):
        await found(database, "browser-1", now)
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: tx.browsers.of_identity(JOHN, now))


async def test_one_that_was_given_to_somebody_else_by_hand_is_an_alarm(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await opened(database, a_browser(now))
    await by_hand(database_url, f"UPDATE browser_sessions SET identity = '{MIA.key}'")  # noqa: S608 - the test's own text
    with pytest.raises(IntegrityAlarm):
        await found(database, "browser-1", now)
