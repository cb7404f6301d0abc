"""The store of conversation references: sealed, since they say who writes with the bot, and where."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from bot.domain.reference import ConversationReference


class ReferenceStore(Protocol):
    """Where conversations are reached again. A reference gives no right: what is posted was decided before."""

    def put(self, reference: ConversationReference, *, now: datetime) -> None:
        """Store, in the place of an earlier one."""
        ...

    def find(self, of: str) -> ConversationReference | None:
        """The reference of exactly this. Raises `IntegrityAlarm`."""
        ...

    def remove(self, of: str) -> bool:
        """Forget it; whether there was one."""
        ...
