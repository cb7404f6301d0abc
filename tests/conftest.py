"""What every test stands on: a fixed clock, seeded randomness, no network, and warnings as errors (pyproject.toml)."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import settings

from tests.fakes.clock import FixedClock

pytest_plugins = ["tests.network", "tests.postgres", "tests.browser"]

# Derandomised, so that a red test is red again; `make chaos` searches further, and afresh each time.
settings.register_profile("default", max_examples=50, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("chaos", max_examples=2_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("DOORWARD_TEST_PROFILE", "default"))


@pytest.fixture
def now() -> datetime:
    """A Monday morning, at which every fixed clock starts."""
    return datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


@pytest.fixture
def clock(now: datetime) -> FixedClock:
    """A clock that moves only when the test says so."""
    return FixedClock(now)


@pytest.fixture
def random_bytes() -> Callable[[int], bytes]:
    """Randomness with a seed, for code that is given its randomness."""
    return Random(20261116).randbytes
