"""The fixed clock moves forwards, and only when told."""

from datetime import datetime, timedelta

import pytest

from tests.fakes.clock import FixedClock


def test_it_moves_only_when_told(clock: FixedClock, now: datetime) -> None:
    assert clock() == clock() == now
    assert clock.advance(minutes=5) == clock() == now + timedelta(minutes=5)


def test_it_refuses_to_go_back(clock: FixedClock) -> None:
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(seconds=-1)


def test_it_refuses_naive_time() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        FixedClock(datetime(2026, 11, 16, 9, 0))  # noqa: DTZ001 - naive is the point
