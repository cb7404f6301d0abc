"""The store of uses of break-glass. Rows carry a MAC; a mismatch raises `IntegrityAlarm`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.domain.break_glass import Use


class BreakGlassStore(Protocol):
    """Every use there was; none is ever deleted."""

    def insert(self, use: Use) -> None:
        """Keep a new one."""
        ...

    def hold(self, use_id: str) -> Use | None:
        """One of them, kept as it is until the transaction ends."""
        ...

    def unreviewed(self) -> Sequence[Use]:
        """Every one that waits for its review, the oldest first.

        Every row is verified, the reviewed ones too: a mark put by hand hides none.
        """
        ...

    def known(self) -> frozenset[str]:
        """The ids of all there were, reviewed or not."""
        ...

    def save(self, use: Use) -> None:
        """Replace the row of this one, which the transaction holds."""
        ...
