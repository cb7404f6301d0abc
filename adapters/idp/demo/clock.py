"""A clock that can be moved ahead: the demonstration lets an hour pass, and bot and provider must agree on the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import time_machine


class DemoClock:
    """The clock of this process: real until somebody advances it, then real plus an offset, still ticking."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._travel: time_machine.travel | None = None

    def advance(self, seconds: float) -> None:
        """Move every clock of this process ahead (or back) by `seconds`, on top of earlier moves."""
        if self._travel is not None:
            self._travel.stop()
        self._ahead += timedelta(seconds=seconds)
        self._travel = time_machine.travel(datetime.now(UTC) + self._ahead, tick=True)
        self._travel.start()
