"""Installations: one a tenant, tokens sealed, renewed by one replica at a time, gone when removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.secret import Secret
from tests.contract.stores import OpenDatabase, an_installation, by_hand


async def test_what_was_put_is_found(database: OpenDatabase, now: datetime) -> None:
    made = an_installation(now)
    await database.write(lambda tx: tx.installations.put(made))
    found = await database.read(lambda tx: tx.installations.find("E1/T1"))
    assert found is not None
    assert replace(found, token=made.token, renewal=made.renewal) == made
    assert (found.token.reveal(), found.renewal and found.renewal.reveal()) == ("xoxe.xoxb-1", "xoxe-1")
    assert await database.read(lambda tx: tx.installations.find("T1")) is None


async def test_an_organisation_has_all_of_its_own(database: OpenDatabase, now: datetime) -> None:
    for tenant in ("E1", "E1/T1", "E2/T2", "T3"):
        made = an_installation(now, tenant=tenant, renewal=None, token_until=None)
        await database.write(lambda tx, made=made: tx.installations.put(made))  # type: ignore[misc]
    found = await database.read(lambda tx: tx.installations.of_enterprise("E1"))
    assert [each.tenant for each in found] == ["E1", "E1/T1"]


async def test_installing_again_replaces(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.installations.put(an_installation(now)))
    await database.write(lambda tx: tx.installations.put(an_installation(now, token=Secret("xoxb-2"))))
    found = await database.read(lambda tx: tx.installations.find("E1/T1"))
    assert found is not None
    assert found.token.reveal() == "xoxb-2"


@pytest.mark.requirement("25")
async def test_one_at_a_time_may_renew(database: OpenDatabase, now: datetime) -> None:
    made = an_installation(now)
    await database.write(lambda tx: tx.installations.put(made))
    assert await database.write(lambda tx: tx.installations.hold("E1/T1", now=now, seconds=20))
    assert not await database.write(lambda tx: tx.installations.hold("E1/T1", now=now, seconds=20))
    later = now + timedelta(seconds=21)
    assert await database.write(lambda tx: tx.installations.hold("E1/T1", now=later, seconds=20))
    assert await database.write(lambda tx: tx.installations.replace(replace(made, token=Secret("new"))))
    assert not await database.write(lambda tx: tx.installations.replace(replace(made, token=Secret("late"))))
    assert await database.write(lambda tx: tx.installations.hold("E1/T1", now=later, seconds=20)), "given back"


async def test_what_was_removed_is_not_brought_back_by_a_renewal(database: OpenDatabase, now: datetime) -> None:
    made = an_installation(now)
    await database.write(lambda tx: tx.installations.put(made))
    assert await database.write(lambda tx: tx.installations.remove("E1/T1"))
    assert not await database.write(lambda tx: tx.installations.remove("E1/T1"))
    assert not await database.write(lambda tx: tx.installations.replace(made))
    assert not await database.write(lambda tx: tx.installations.hold("E1/T1", now=now, seconds=20))


@pytest.mark.requirement("26")
async def test_no_token_is_readable_in_the_database(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.installations.put(an_installation(now)))
    (row,) = await by_hand(database_url, "SELECT * FROM installations")
    assert "xoxe" not in str(row)
