"""Worlds to attack: one process on SQLite, and two replicas on one database of either engine."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from policy.sources import POLICIES
from storage.migration import migrate
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_changes import keyed
from tests.security.core.attack import other_replica

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """A fresh world on SQLite."""
    async with world(tmp_path, clock) as made:
        yield made


@pytest.fixture
async def office(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Where policy takes any factor of administrators."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    file = policies / "40-admin.cedar"
    file.write_text(file.read_text().replace("context.proof.phishing_resistant && ", ""))
    async with world(tmp_path, clock, policies=policies) as made:
        for name in ("raj", "john"):
            await made.sign_in(name)
        await keyed(made, "raj")
        yield made


@pytest.fixture
def sql(tmp_path: Path) -> Sql:
    """What a database administrator may type."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(tmp_path / "world.db", timeout=5)) as raw, raw:
            return raw.execute(statement, values).fetchall()

    return run


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def replicas(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[tuple[World, World]]:
    """Two replicas on one database."""
    if request.param == "sqlite":
        async with _two(tmp_path, clock, f"sqlite:///{tmp_path / 'world.db'}") as both:
            yield both
        return
    cluster = request.getfixturevalue("postgres_cluster")
    with cluster.database(build=migrate) as url:
        async with _two(tmp_path, clock, url) as both:
            yield both


@asynccontextmanager
async def _two(folder: Path, clock: FixedClock, url: str) -> AsyncIterator[tuple[World, World]]:
    async with world(folder, clock, url=url) as first:
        second, database = other_replica(first, url)
        try:
            yield first, second
        finally:
            await second.core.ingress.drain(5)
            await database.close()
