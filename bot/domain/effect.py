"""Effects: what a connector call is to do and what became of it, so that it happens exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.grant import Grant
from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place


class EffectState(StrEnum):
    """The life of an effect."""

    INTENDED = "intended"
    DONE = "done"
    REFUSED = "refused"
    """The system said no; nothing was done."""
    UNKNOWN = "unknown"
    """A write that was not confirmed: reconciled by look-up, never blindly repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An intended or finished connector call; written in the transaction that spends the proof."""

    id: str
    grant: Grant
    channel: ChannelIdentity
    place: Place
    proposal_id: str | None
    source: str | None
    state: EffectState
    attempts: int
    intended_at: datetime
    finished_at: datetime | None = None
    outcome_code: str = ""
