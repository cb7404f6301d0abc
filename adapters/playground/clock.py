"""The demonstration's clock: real time, until somebody lets an hour pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _real() -> datetime:
    return datetime.now(UTC)


class DemoClock:
    """A `bot.ports.clock.Clock` that can be moved ahead; it keeps ticking."""

    def __init__(self, real: Callable[[], datetime] = _real) -> None:
        self._real = real
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The demonstration's time in UTC, aware."""
        return self._real() + self._ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._ahead += by

    @property
    def ahead(self) -> timedelta:
        """How far this clock is ahead of the real one."""
        return self._ahead
