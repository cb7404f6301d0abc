"""Claims challenges that wait for a browser leg."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.domain.challenge import Challenge
from bot.errors import IntegrityAlarm
from tests.contract.stores import JOHN, JOHNS_CHAT, OpenDatabase, by_hand

SECOND = timedelta(seconds=1)


def a_challenge(until: datetime, claims: str = '{"id_token":{"acrs":null}}') -> Challenge:
    return Challenge(provider="corp", claims=claims, until=until)


async def test_one_is_kept_for_each_and_the_latest_stands(database: OpenDatabase, now: datetime) -> None:
    first, second = a_challenge(now + SECOND), a_challenge(now + 2 * SECOND, "{}")
    await database.write(lambda tx: tx.challenges.put(JOHN.key, first))
    assert await database.read(lambda tx: tx.challenges.find(JOHN.key, now=now)) == first
    assert await database.read(lambda tx: tx.challenges.find(JOHNS_CHAT.key, now=now)) is None
    await database.write(lambda tx: tx.challenges.put(JOHN.key, second))
    assert await database.read(lambda tx: tx.challenges.find(JOHN.key, now=now)) == second
    await database.write(lambda tx: tx.challenges.drop(JOHN.key))
    assert await database.read(lambda tx: tx.challenges.find(JOHN.key, now=now)) is None


async def test_one_is_forgotten_after_its_time(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.challenges.put(JOHN.key, a_challenge(now + SECOND)))
    assert await database.read(lambda tx: tx.challenges.find(JOHN.key, now=now + SECOND)) is None
    assert await database.write(lambda tx: tx.challenges.sweep(now)) == 0
    assert await database.write(lambda tx: tx.challenges.sweep(now + SECOND)) == 1


@pytest.mark.parametrize("change", ["\"of\" = 'slack:E1/T1:U-john'", "until = until + 1000000"])
async def test_one_that_was_moved_does_not_open(
    database: OpenDatabase, database_url: str, now: datetime, change: str
) -> None:
    await database.write(lambda tx: tx.challenges.put(JOHN.key, a_challenge(now + SECOND)))
    await by_hand(database_url, f"UPDATE claims_challenges SET {change}")  # noqa: S608 - the test's own text
    of = JOHNS_CHAT.key if "of" in change else JOHN.key
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: tx.challenges.find(of, now=now))
