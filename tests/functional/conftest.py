"""Worlds and shells for the functional tests: the same on SQLite and on PostgreSQL."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from storage.crypto import Keyring
from storage.migration import migrate
from tests.fakes.clock import FixedClock
from tests.fakes.shell import Shell, run_sqlite
from tests.fakes.world import World, world
from tests.postgres import PostgresCluster


@pytest.fixture(params=["sqlite", "postgres"])
async def here(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """A fresh world on each engine."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    async with world(tmp_path, clock, url=url) as made:
        yield made


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Nothing is set but where the database would be."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "doorward.db"
    return Shell(environ={"DOORWARD_DATABASE_URL": f"sqlite:///{path}"}, folder=tmp_path, sql=run_sqlite(path))


@pytest.fixture
def config(bare: Shell) -> Path:
    """The file that a set-up is kept in; not there yet."""
    return bare.folder / "doorward.toml"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shell(request: pytest.FixtureRequest, bare: Shell) -> Iterator[Shell]:
    """An installation with keys and an empty database."""
    Keyring.generate().save(bare.folder / "keys.json")
    keys = {"DOORWARD_KEYS__FILE": str(bare.folder / "keys.json")}
    if request.param == "sqlite":
        migrate(bare.environ["DOORWARD_DATABASE_URL"])
        yield Shell(environ={**bare.environ, **keys}, folder=bare.folder, sql=bare.sql)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.database(build=migrate) as url:
        name = make_url(url).database or ""
        yield Shell(
            environ={"DOORWARD_DATABASE_URL": url, **keys},
            folder=bare.folder,
            sql=lambda statement: cluster.sql(statement, database=name),
        )
