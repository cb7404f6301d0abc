"""What lies under an opaque handle."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """What lies under an opaque handle (a button, ticket, browser leg, consent, view)."""

    kind: str
    payload: dict[str, object]
    """JSON values only; sealed in storage."""
    audience: str
    """`ChannelIdentity.key`, `LinkedIdentity.key`, or `*` for a shared card's button (each press is authorised)."""
    until: datetime
    version: int = 0
