"""Stores of what is kept of people apart from their row: what is said of their chat account, and their wrong codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.identity import LinkedIdentity
from bot.domain.limit import Limit


class ToldAccountStore(Protocol):
    """Which chat account the company last said to be somebody's. Rows carry a MAC."""

    def note(self, identity: LinkedIdentity, account: str | None) -> None:
        """Keep what was said; None forgets it."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> str | None:
        """What was said of somebody."""
        ...

    def of_account(self, account: str) -> Sequence[LinkedIdentity]:
        """Everybody of whom it was said."""
        ...


class GuessStore(Protocol):
    """The wrong codes of each person, in the sealed row that they have from the first moment on.

    Every method but `begin` raises `IntegrityAlarm` where that row is gone or is not ours.
    """

    def begin(self, identity: LinkedIdentity) -> None:
        """Make the row where there is none; one that is there keeps its counts."""
        ...

    def hit(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> bool:
        """Count one in the present window of each limit first, then say whether all of them held."""
        ...

    def give_back(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> None:
        """Take one count of each present window back."""
        ...

    def left(self, identity: LinkedIdentity, path: str, limits: Sequence[Limit], now: datetime) -> int:
        """How many more the present windows take."""
        ...
