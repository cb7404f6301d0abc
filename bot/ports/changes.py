"""The store of changes that wait. Rows carry a MAC; a mismatch raises `IntegrityAlarm`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.change import Change, Wanted


class ChangeStore(Protocol):
    """Who wanted what, and who said yes."""

    def insert(self, change: Change) -> None:
        """Keep a new one."""
        ...

    def hold(self, change_id: str) -> Change | None:
        """One of them, kept as it is until the transaction ends."""
        ...

    def waiting(self, wanted: Wanted, now: datetime) -> Change | None:
        """The one that waits for exactly this, kept as it is until the transaction ends."""
        ...

    def open(self, now: datetime) -> Sequence[Change]:
        """Every one that waits, the oldest first."""
        ...

    def save(self, change: Change) -> None:
        """Replace the row of this one, which the transaction holds."""
        ...
