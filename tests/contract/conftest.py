"""Databases to hold the stores to: the same suite on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from storage.crypto import Keyring
from storage.database import open_database
from storage.migration import migrate
from tests.contract.stores import OpenDatabase


@pytest.fixture
def keys(random_bytes: Callable[[int], bytes]) -> Keyring:
    return Keyring.generate(randomness=random_bytes)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the newest schema, to copy."""
    path = tmp_path_factory.mktemp("template") / "doorward.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the newest schema, on each engine."""
    if request.param == "sqlite":
        path = tmp_path / "doorward.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        with request.getfixturevalue("postgres_cluster").database(build=migrate) as url:
            yield url


@pytest.fixture
async def database(database_url: str, keys: Keyring) -> AsyncIterator[OpenDatabase]:
    opened = open_database(database_url, keys=keys)
    yield opened
    await opened.close()


@pytest.fixture
async def replica(database_url: str, keys: Keyring) -> AsyncIterator[OpenDatabase]:
    """The same database as another process opens it."""
    opened = open_database(database_url, keys=keys)
    yield opened
    await opened.close()
