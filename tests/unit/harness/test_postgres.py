"""The PostgreSQL harness gives each test a database of its own, and survives a crash."""

import asyncpg
import pytest

from tests.postgres import PostgresCluster, running_cluster

pytestmark = pytest.mark.postgres


@pytest.mark.parametrize("attempt", [1, 2])
async def test_each_test_has_an_empty_database(postgres_url: str, attempt: int) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TABLE mark (attempt integer)")  # fails the second time, were it the same one
    await connection.execute("INSERT INTO mark VALUES ($1)", attempt)
    assert await connection.fetchval("SELECT attempt FROM mark") == attempt
    await connection.close()


def test_a_built_database_is_filled_once_and_copied(postgres_cluster: PostgresCluster) -> None:
    filled: list[str] = []

    def build(url: str) -> None:
        filled.append(url)
        postgres_cluster.sql("CREATE TABLE mark AS SELECT 7 AS seven", database=url.rpartition("/")[2])

    for _ in range(2):
        with postgres_cluster.database(build) as url:
            name = url.rpartition("/")[2]
            assert postgres_cluster.sql("DELETE FROM mark RETURNING seven", database=name) == "7"
    assert len(filled) == 1


def test_a_crashed_server_comes_back_on_the_same_address() -> None:
    with running_cluster() as cluster, cluster.database() as url:
        cluster.stop(crash=True)
        with pytest.raises(RuntimeError, match="Connection refused"):
            cluster.sql("SELECT 1")
        cluster.start()
        assert cluster.sql("SELECT 1", database=url.rpartition("/")[2]) == "1"
