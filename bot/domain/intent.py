"""What somebody wants, once understood; or the question to ask back."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ArgumentValue = str | int | bool | None


class Origin(StrEnum):
    """Who turned words into the intent; kept in the audit trail."""

    RULE = "rule"
    CLASSIFIER = "classifier"
    MODEL = "model"
    PRESS = "press"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A capability with validated arguments. Only `bot.understanding.tools` and handles make one."""

    capability: str
    arguments: dict[str, ArgumentValue] = field(default_factory=dict)
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Not sure: ask back. Each choice is an intent somebody can press."""

    text_key: str
    values: dict[str, str] = field(default_factory=dict)
    choices: tuple[tuple[str, Intent], ...] = ()
    """Pairs of a text key for the button and the intent it stands for."""
    partial: Intent | None = None
    """What is understood already, where one thing is missing; the next message may supply it. Never performed."""
    missing: str = ""
    """The argument the next message is expected to supply (`start` for a range of days)."""
    sentence: str = ""
    """What was typed, where it could not be helped with and may be sent to the owner."""
