"""Claims challenges that wait for a browser leg."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.domain.challenge import Challenge


class ChallengeStore(Protocol):
    """One sealed row for each chat account or identity; it carries no right."""

    def put(self, of: str, challenge: Challenge) -> None:
        """Keep, replacing an earlier one of the same key (`ChannelIdentity.key` or `LinkedIdentity.key`)."""
        ...

    def find(self, of: str, *, now: datetime) -> Challenge | None:
        """None where there is none, or it is too old. Raises `IntegrityAlarm`."""
        ...

    def drop(self, of: str) -> None:
        """It was met."""
        ...

    def sweep(self, now: datetime) -> int:
        """Forget those past their end; how many."""
        ...
