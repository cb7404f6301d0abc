"""Uses of break-glass: an act that nobody entitled could do in time, and the two people who review it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

REVIEWERS = 2
MOST_UNREVIEWED = 3
"""From so many unreviewed uses on, a person breaks no further glass."""
REVIEWED_WITHIN = timedelta(days=7)
"""While any use is older and unreviewed, nobody breaks any glass."""
REMINDED_EVERY = timedelta(days=1)


class Finding(StrEnum):
    """What a reviewer says of a use."""

    FINE = "fine"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What one person said of a use."""

    identity: str
    """A `LinkedIdentity.key`."""
    employee: str
    finding: Finding
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use. Its row is written before the act, and is never deleted."""

    id: str
    identity: str
    """Who did it, as a `LinkedIdentity.key`."""
    employee: str
    action: str
    resource: str
    reason: str
    effect: str
    """The grant it was done under, by which `doorward effects show` finds what came of it."""
    at: datetime
    reviews: tuple[Review, ...] = ()
    reminded_at: datetime | None = None
    version: int = 0
    owner: str | None = None
    """Employee reference of whoever it was done for; None for a use from before this was kept."""

    @property
    def reviewed(self) -> bool:
        """Whether enough different people have said what they think of it."""
        return len({review.employee for review in self.reviews}) >= REVIEWERS

    def overdue(self, now: datetime) -> bool:
        """Whether it has waited for its review too long, or was used by a clock that was ahead by as much."""
        return not self.reviewed and abs(now - self.at) > REVIEWED_WITHIN

    def to_remind(self, now: datetime) -> bool:
        """Whether those who review are to be told of it now, for the first time or again.

        What a clock that was ahead noted does not keep them from being told until that time has come.
        """
        return not self.reviewed and (self.reminded_at is None or abs(now - self.reminded_at) >= REMINDED_EVERY)
