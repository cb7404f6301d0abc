"""Notices that need somebody: kept until what they ask for is done, and how each person wants theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.answer import Posting
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.notice import Kept, WorkingHours


class NoticeStore(Protocol):
    """Durable rows; what is not posted yet is sealed."""

    def keep(self, kept: Kept, posting: Posting) -> None:
        """Keep a new one, with what is to be posted."""
        ...

    def of(self, to: ChannelIdentity, *, since: datetime) -> Sequence[Kept]:
        """Those of a chat account that are open, and those closed since; the oldest first."""
        ...

    def open(self, kept: Kept) -> bool:
        """Whether it still waits for what it asks for."""
        ...

    def posting(self, kept: Kept) -> Posting | None:
        """What is to be posted; None once it was. Raises `IntegrityAlarm`."""
        ...

    def save(self, kept: Kept) -> None:
        """Write what became of it; what was to be posted is forgotten once it is delivered."""
        ...

    def close(self, about: str, now: datetime) -> int:
        """What it asked for is done; how many were open."""
        ...

    def drop(self, to: ChannelIdentity) -> int:
        """The chat account speaks for nobody any more; how many are gone."""
        ...

    def addressees(self, limit: int) -> Sequence[ChannelIdentity]:
        """Chat accounts with anything open."""
        ...

    def sweep(self, before: datetime) -> int:
        """Delete what was closed, or kept, before then; how many."""
        ...

    def hours(self, identity: LinkedIdentity) -> WorkingHours | None:
        """How this person wants theirs; None where they have not chosen."""
        ...

    def choose(self, identity: LinkedIdentity, hours: WorkingHours) -> None:
        """Keep how this person wants theirs."""
        ...
