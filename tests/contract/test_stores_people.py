"""The ledger of who was ever here, and the counts of each person's guesses."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from bot.domain.identity import Acquaintance, Issuer, LinkedIdentity, Subject
from bot.domain.limit import Limit
from bot.errors import IntegrityAlarm, Stale
from bot.ports.database import Transaction
from tests.contract.stores import JOHN, MIA, OpenDatabase, a_person, by_hand, sign_in

SHORT, DAY = Limit(count=2, window_seconds=900), Limit(count=3, window_seconds=86_400)
BOTH = (SHORT, DAY)


async def known(database: OpenDatabase, identity: LinkedIdentity = JOHN) -> Acquaintance:
    return await database.read(lambda tx: tx.persons.acquaintance(identity))


async def test_whoever_is_made_is_known_and_nobody_else(database: OpenDatabase, now: datetime) -> None:
    assert await known(database) is Acquaintance.STRANGER
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    assert await known(database) is Acquaintance.KNOWN
    assert await known(database, MIA) is Acquaintance.STRANGER


@pytest.mark.requirement("91")
async def test_somebody_known_is_not_made_again_until_readmitted_and_then_once(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    assert not await database.write(lambda tx: tx.persons.readmit(JOHN)), "their row is there"
    for _ in range(2):
        await by_hand(database_url, "DELETE FROM persons")
        with pytest.raises(IntegrityAlarm):
            await database.write(lambda tx: tx.persons.save(a_person(now)))
        assert await database.read(lambda tx: tx.persons.find(JOHN)) is None, "undone with the alarm"
        assert await database.write(lambda tx: tx.persons.readmit(JOHN))
        assert not await database.write(lambda tx: tx.persons.readmit(JOHN))
        assert await known(database) is Acquaintance.READMITTED
        await database.write(lambda tx: tx.persons.save(a_person(now)))
        assert await known(database) is Acquaintance.KNOWN


@pytest.mark.requirement("91")
@pytest.mark.parametrize("column", ["bucket", "members", "version", "mac_key"])
async def test_an_edit_of_the_ledger_is_found(
    database: OpenDatabase, database_url: str, now: datetime, column: str
) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    await database.write(lambda tx: tx.persons.save(a_person(now, MIA)))
    change = "version + 1" if column == "version" else f"{column} || 'x'"
    await by_hand(database_url, f"UPDATE known_people SET {column} = {change}")  # noqa: S608
    await by_hand(database_url, "DELETE FROM persons WHERE identity LIKE '%john'")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.persons.save(a_person(now)))


async def test_the_first_people_come_at_once_on_two_replicas(
    database: OpenDatabase, replica: OpenDatabase, database_url: str, now: datetime
) -> None:
    everybody = [
        LinkedIdentity(issuer=Issuer("https://login.example/acme"), subject=Subject(f"p{n}")) for n in range(8)
    ]

    async def comes(opened: OpenDatabase, identity: LinkedIdentity) -> None:
        await opened.write(lambda tx: tx.persons.save(a_person(now, identity)))

    await asyncio.gather(*(comes(opened, identity) for identity in everybody for opened in (database, replica)))
    for identity in everybody:
        assert await known(database, identity) is Acquaintance.KNOWN
    assert await by_hand(database_url, "SELECT count(*) FROM known_people") == [(64,)]


async def test_a_database_from_before_the_ledger_adopts_its_people_once(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    await by_hand(database_url, "DELETE FROM known_people")
    await by_hand(database_url, "DELETE FROM guess_counts")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.persons.save(a_person(now, MIA)))
    assert await database.write(lambda tx: tx.persons.adopt()) == 1
    await database.write(lambda tx: tx.persons.save(a_person(now, MIA)))
    assert await known(database) is Acquaintance.KNOWN
    assert await database.read(lambda tx: tx.guesses.left(JOHN, "chat", BOTH, now)) == 2
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.persons.adopt())
    await by_hand(database_url, "DELETE FROM known_people WHERE bucket = '03'")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.persons.adopt())


async def test_guesses_are_counted_first_by_path_and_by_every_window(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))

    async def hit(path: str, at: datetime) -> bool:
        return await database.write(lambda tx: tx.guesses.hit(JOHN, path, BOTH, at))

    async def left(path: str, at: datetime) -> int:
        return await database.read(lambda tx: tx.guesses.left(JOHN, path, BOTH, at))

    assert [await hit("chat", now) for _ in range(2)] == [True, True]
    assert await left("chat", now) == 0
    assert await left("page", now) == 2
    await database.write(lambda tx: tx.guesses.give_back(JOHN, "chat", BOTH, now))
    assert await left("chat", now) == 1
    assert [await hit("chat", now) for _ in range(2)] == [True, False], "counted over the limit too"
    later = now + timedelta(seconds=900)
    assert await left("chat", later) == 0, "the day's window counts on"
    assert await hit("chat", later) is False
    assert await left("chat", now + timedelta(days=1)) == 2
    assert await left("chat", now - timedelta(days=1)) == 0, "a clock that goes back gives no new window"


async def test_what_was_never_counted_is_not_given_back(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    for _ in range(3):
        await database.write(lambda tx: tx.guesses.give_back(JOHN, "chat", BOTH, now))
    assert await database.read(lambda tx: tx.guesses.left(JOHN, "chat", BOTH, now)) == 2


@pytest.mark.requirement("34", "91")
async def test_without_the_row_of_the_counts_nothing_is_counted_and_it_is_made_once(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))
    await database.write(lambda tx: tx.guesses.hit(JOHN, "chat", BOTH, now))
    await database.write(lambda tx: tx.guesses.begin(JOHN))
    assert await database.read(lambda tx: tx.guesses.left(JOHN, "chat", BOTH, now)) == 1
    await by_hand(database_url, "DELETE FROM guess_counts")
    for use in (
        lambda tx: tx.guesses.hit(JOHN, "chat", BOTH, now),
        lambda tx: tx.guesses.give_back(JOHN, "chat", BOTH, now),
        lambda tx: tx.guesses.left(JOHN, "chat", BOTH, now),
    ):
        with pytest.raises(IntegrityAlarm):
            await database.write(use)


@pytest.mark.requirement("34")
async def test_no_guess_more_than_the_limit_counts_in_parallel(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.persons.save(a_person(now)))

    async def hit(opened: OpenDatabase) -> bool:
        def work(tx: Transaction) -> bool:
            return tx.guesses.hit(JOHN, "chat", BOTH, now)

        return await opened.write(work)

    answers = await asyncio.gather(*(hit((database, replica)[n % 2]) for n in range(8)), return_exceptions=True)
    assert sum(answer is True for answer in answers) == 2
    assert not [answer for answer in answers if isinstance(answer, Exception) and not isinstance(answer, Stale)]


async def test_what_was_said_last_of_somebodys_account_is_kept(database: OpenDatabase) -> None:
    async def note(identity: LinkedIdentity, account: str | None) -> None:
        await database.write(lambda tx: tx.told_accounts.note(identity, account))

    async def of(account: str) -> list[LinkedIdentity]:
        return list(await database.read(lambda tx: tx.told_accounts.of_account(account)))

    await note(JOHN, "T1:U1")
    await note(MIA, "T1:U1")
    await note(MIA, "T1:U1")
    assert await of("T1:U1") == [JOHN, MIA]
    await note(JOHN, "T1:U2")
    assert (await of("T1:U1"), await of("T1:U2")) == ([MIA], [JOHN])
    await note(MIA, None)
    await note(MIA, None)
    assert await of("T1:U1") == []
