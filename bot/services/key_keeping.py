"""A serving process keeps its keys up to date, and says which it holds, so that a rotation can wait for it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.keys import KeysHeld, RunningKeys

MISSED = 4
"""A process that has not said anything for so many intervals is taken for dead."""
AT_LEAST = timedelta(seconds=8)
ASKED_AGAIN_AFTER = timedelta(seconds=30)
"""A readiness probe does not make a call to the key service each time."""


def seen_within(every_seconds: int) -> timedelta:
    """How recently a living process has said what it holds."""
    return max(AT_LEAST, timedelta(seconds=MISSED * every_seconds))


class KeyKeeper:
    """One for a process."""

    def __init__(self, *, database: Database, clock: Clock, keys: RunningKeys, name: str, every_seconds: int) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._name = name
        self.every_seconds = every_seconds
        self._asked_at: datetime | None = None

    async def run(self) -> int:
        """Take in what changed, then say what is held: that too where the keys cannot be read anew.

        Raises `Misconfigured`, `KeysUnavailable`, `IntegrityAlarm`, `StorageUnavailable`.
        """
        try:
            await asyncio.to_thread(self._keys.refresh)
        finally:
            await self._report(self._keys.held())
        return 0

    async def leave(self) -> None:
        """This process ends: no rotation waits for it."""
        await self._database.write(lambda tx: tx.keys.leave(self._name))

    async def check(self) -> None:
        """Whether the keys could be had again, asked twice a minute at the most. Raises as `run`."""
        now = self._clock.now()
        if self._asked_at is not None and now - self._asked_at < ASKED_AGAIN_AFTER:
            return
        await asyncio.to_thread(self._keys.ping)
        self._asked_at = now

    async def _report(self, held: KeysHeld) -> None:
        now = self._clock.now()
        await self._database.write(lambda tx: tx.keys.report(self._name, held, now=now))
