"""Faults the demo system can be told to have, so that outages and lost replies can be shown and tested."""

from __future__ import annotations

import asyncio

from bot.ports.connectors import ConnectorUnavailable, OutcomeUnknown


class Faults:
    """Switches that each act on the next calls, then go off."""

    def __init__(self) -> None:
        self._hangs: list[float] = []
        self._failures: list[Exception] = []
        self._drops = 0

    def hang(self, seconds: float = 30.0, *, times: int = 1) -> None:
        """The next calls take this long before they do anything."""
        self._hangs.extend([seconds] * times)

    def fail_next(self, error: Exception | None = None, *, times: int = 1) -> None:
        """The next calls end in `error` (`ConnectorUnavailable` if not given) and do nothing."""
        self._failures.extend([error or ConnectorUnavailable("the demo system was told to fail")] * times)

    def drop_reply_after_write(self, *, times: int = 1) -> None:
        """The next writes happen, and their reply is lost."""
        self._drops += times

    def clear(self) -> None:
        """Every switch off."""
        self._hangs.clear()
        self._failures.clear()
        self._drops = 0

    async def before(self) -> None:
        """What happens before a call; raises the error asked for."""
        if self._hangs:
            await asyncio.sleep(self._hangs.pop(0))
        if self._failures:
            raise self._failures.pop(0)

    def after_write(self) -> None:
        """What happens after a write. Raises `OutcomeUnknown` when its reply is lost."""
        if self._drops:
            self._drops -= 1
            raise OutcomeUnknown("the reply to a write was lost")
