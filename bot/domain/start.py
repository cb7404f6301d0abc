"""Where somebody begins: what they may do now, what waits, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.cards import Card


class StartState(StrEnum):
    """What a person begins with; each has its own sentence and its own next step."""

    READY = "ready"
    NOT_SIGNED_IN = "not_signed_in"
    NOT_IN_PILOT = "not_in_pilot"
    NO_RECORD = "no_record"
    """The account is known, but no record of the HR system belongs to it."""
    HR_AWAY = "hr_away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A suggested prompt: what stands on the button, and what pressing it says."""

    title: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What a platform shows before anything was said: Slack's App Home, a welcome, suggested prompts."""

    state: StartState
    card: Card
    prompts: tuple[Prompt, ...] = ()
