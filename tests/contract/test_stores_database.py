"""Transactions on both engines: all or nothing, each job for itself, reads that only read; and the schema is ours."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import Misconfigured, NotAllowed, Stale, StorageUnavailable
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.database import open_database
from storage.migration import is_current, migrate
from storage.tables.everything import metadata
from tests.contract.stores import OpenDatabase, a_proof, by_hand, each


async def test_a_failing_job_changes_nothing_and_hurts_no_neighbour(database: OpenDatabase) -> None:
    async def job(number: int) -> str:
        def change(tx: Transaction) -> str:
            tx.jobs.set_mark(f"mark-{number}", "x")
            if number % 3 == 0:
                raise NotAllowed(f"job {number}")
            if number % 7 == 0:
                raise ZeroDivisionError
            return f"done {number}"

        return await database.write(change)

    answers = await asyncio.gather(*(job(number) for number in range(40)), return_exceptions=True)
    marks = await database.read(lambda tx: [tx.jobs.mark(f"mark-{number}") for number in range(40)])
    for number, (answer, mark) in enumerate(zip(answers, marks, strict=True)):
        if number % 3 == 0:
            assert isinstance(answer, NotAllowed)
            assert mark is None
        elif number % 7 == 0:
            assert isinstance(answer, ZeroDivisionError)
            assert mark is None
        else:
            assert (answer, mark) == (f"done {number}", "x")


async def test_a_job_that_breaks_a_key_is_undone_alone(database: OpenDatabase, now: datetime) -> None:
    def twice(tx: Transaction) -> None:
        tx.jobs.set_mark("twice", "x")
        tx.proofs.insert(a_proof(now))
        tx.proofs.insert(a_proof(now))

    def once(tx: Transaction) -> None:
        tx.jobs.set_mark("once", "x")

    outcomes = await asyncio.gather(
        database.write(once), database.write(twice), database.write(once), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), Stale, type(None)]
    assert await each(database, lambda tx, key: tx.jobs.mark(key), ["once", "twice"]) == ["x", None]


async def test_what_is_written_is_there_for_everybody_once_the_answer_is(
    database: OpenDatabase, replica: OpenDatabase
) -> None:
    for value in ("one", "two", "three"):
        await each(database, lambda tx, value: tx.jobs.set_mark("m", value), [value])
        assert await replica.read(lambda tx: tx.jobs.mark("m")) == value


async def test_a_read_cannot_write(database: OpenDatabase) -> None:
    with pytest.raises(StorageUnavailable):
        await database.read(lambda tx: tx.jobs.set_mark("m", "x"))
    assert await database.read(lambda tx: tx.jobs.mark("m")) is None


async def test_a_missing_schema_is_said_so(database: OpenDatabase, database_url: str) -> None:
    await by_hand(database_url, "DROP TABLE marks")
    with pytest.raises(StorageUnavailable):
        await database.write(lambda tx: tx.jobs.mark("m"))


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://u:secret@h/d", "nonsense", "postgresql+x://h"]
)
def test_an_unknown_address_is_refused_without_quoting_it(keys: Keyring, url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_database(url, keys=keys)
    assert "secret" not in str(refused.value)


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


async def test_the_migrated_schema_is_that_of_the_tables(database_url: str) -> None:
    url = make_url(database_url)
    if url.drivername == "sqlite":
        with create_engine(url).connect() as connection:
            assert differences(connection) == []
    else:
        engine = create_async_engine(url.set(drivername="postgresql+asyncpg"))
        async with engine.connect() as asynchronous:
            assert await asynchronous.run_sync(differences) == []
        await engine.dispose()


async def test_migrating_again_changes_nothing(database: OpenDatabase, database_url: str) -> None:
    await database.write(lambda tx: tx.jobs.set_mark("m", "kept"))
    assert is_current(database_url)
    migrate(database_url)
    assert await database.read(lambda tx: tx.jobs.mark("m")) == "kept"
    await by_hand(database_url, "DELETE FROM alembic_version")
    assert not is_current(database_url)
