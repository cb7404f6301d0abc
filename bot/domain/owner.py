"""Who answers for Doorward in the company, and hears what it could not help with."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.messages import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A mailbox, a channel, both, or nobody."""

    mail: str = ""
    place: Place | None = None

    @property
    def named(self) -> bool:
        """Whether there is anybody to tell."""
        return bool(self.mail) or self.place is not None
