"""PostgreSQL when it fails: what is certain to be undone is done again, what is in doubt is said to be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from bot.errors import StorageUnavailable
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.database import open_database
from storage.jobs import Jobs
from storage.migration import migrate
from storage.postgres import PostgresDatabase
from storage.statement import Statement
from tests.contract.stores import by_hand
from tests.postgres import PostgresCluster, running_cluster

pytestmark = pytest.mark.postgres


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[PostgresDatabase]:
    migrate(postgres_url)
    opened = open_database(postgres_url, keys=Keyring.generate())
    assert isinstance(opened, PostgresDatabase)
    yield opened
    await opened.close()


async def on_each_mark(url: str, body: str, *, at_commit: bool = False) -> None:
    """From now on the server runs this whenever a mark is set, or when that is committed. `n` counts from 1."""
    await by_hand(url, "CREATE SEQUENCE n")
    await by_hand(
        url,
        f"""CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE n bigint := nextval('n'); BEGIN {body}; RETURN NULL; END $$""",
    )
    kind, when = ("CONSTRAINT TRIGGER", "DEFERRABLE INITIALLY DEFERRED") if at_commit else ("TRIGGER", "")
    await by_hand(url, f"CREATE {kind} t AFTER INSERT ON marks {when} FOR EACH ROW EXECUTE FUNCTION fail()")


async def attempts(url: str) -> int:
    ((last,),) = await by_hand(url, "SELECT last_value FROM n")
    return int(last)


@pytest.mark.parametrize("at_commit", [False, True])
@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
async def test_what_the_server_has_undone_is_done_again(
    database: PostgresDatabase, postgres_url: str, state: str, at_commit: bool
) -> None:
    failing = f"IF n < 3 THEN RAISE EXCEPTION 'undone' USING ERRCODE = '{state}'; END IF"
    await on_each_mark(postgres_url, failing, at_commit=at_commit)
    await database.write(lambda tx: tx.jobs.set_mark("m", "x"))
    assert await attempts(postgres_url) == 3
    assert await database.read(lambda tx: tx.jobs.mark("m")) == "x"


async def test_a_connection_lost_before_the_commit_is_no_failure(database: PostgresDatabase, postgres_url: str) -> None:
    await on_each_mark(postgres_url, "IF n = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF")
    await database.write(lambda tx: tx.jobs.set_mark("m", "x"))
    assert await attempts(postgres_url) == 2
    assert await database.read(lambda tx: tx.jobs.mark("m")) == "x"


async def test_a_connection_lost_during_the_commit_is_in_doubt_and_not_repeated(
    database: PostgresDatabase, postgres_url: str
) -> None:
    await on_each_mark(postgres_url, "PERFORM pg_terminate_backend(pg_backend_pid())", at_commit=True)
    with pytest.raises(StorageUnavailable) as doubt:
        await database.write(lambda tx: tx.jobs.set_mark("m", "x"))
    assert doubt.value.code == "storage.in_doubt"
    assert await attempts(postgres_url) == 1


async def test_what_always_fails_is_given_up(database: PostgresDatabase, postgres_url: str) -> None:
    await on_each_mark(postgres_url, "RAISE EXCEPTION 'secret value' USING ERRCODE = '40001'")
    with pytest.raises(StorageUnavailable) as given_up:
        await database.write(lambda tx: tx.jobs.set_mark("m", "x"))
    assert given_up.value.code == "storage.unavailable"
    assert "40001" in str(given_up.value)
    assert "secret" not in str(given_up.value)
    assert await attempts(postgres_url) > 1


async def test_another_error_of_the_server_is_not_repeated(database: PostgresDatabase, postgres_url: str) -> None:
    await on_each_mark(postgres_url, "RAISE EXCEPTION 'secret value' USING ERRCODE = '53100'")
    with pytest.raises(StorageUnavailable) as refused:
        await database.write(lambda tx: tx.jobs.set_mark("m", "x"))
    assert "secret" not in str(refused.value)
    assert await attempts(postgres_url) == 1


async def test_a_read_has_one_snapshot_and_a_write_sees_what_others_commit(database: PostgresDatabase) -> None:
    shown = Statement(text("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"))

    def setting(tx: Transaction) -> object:
        assert isinstance(tx.jobs, Jobs)
        return tx.jobs._connection.row(shown)

    assert await database.read(setting) == ("repeatable read", "on")
    assert await database.write(setting) == ("read committed", "off")


async def test_a_restart_is_noticed_only_while_it_lasts() -> None:
    with running_cluster() as cluster:
        url = _filled(cluster)
        database = open_database(url, keys=Keyring.generate())
        await database.write(lambda tx: tx.jobs.set_mark("m", "before"))
        cluster.stop()
        with pytest.raises(StorageUnavailable):
            await database.read(lambda tx: tx.jobs.mark("m"))
        cluster.start()
        assert await database.read(lambda tx: tx.jobs.mark("m")) == "before"
        await database.write(lambda tx: tx.jobs.set_mark("m", "after"))
        await database.close()


def _filled(cluster: PostgresCluster) -> str:
    url = cluster.url()
    migrate(url)
    return url
