"""Worlds for the functional tests: the same journeys on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world


@pytest.fixture(params=["sqlite", "postgres"])
async def here(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """A fresh world on each engine."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    async with world(tmp_path, clock, url=url) as made:
        yield made
