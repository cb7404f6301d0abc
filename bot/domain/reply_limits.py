"""How long whoever waits for an answer is made to wait."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyLimits:
    """Seconds, each shorter than what the chat platforms wait (Slack three, Teams fifteen)."""

    durable: float = 0.8
    """A message is in the inbox by then, or the platform is told to try again (checklist row 6)."""
    answered: float = 0.95
    """An adapter answers by then, whatever waits."""
    code: float = 2.5
    """A code is checked inside the reply window, or not at all; the core's own part is `in_window`."""
    in_window: float = 2.0
    """The core's answer to what was pressed or submitted; later ones go another way."""
    invoke: float = 10.0
    """An answer that Teams waits fifteen seconds for."""


REPLY_LIMITS = ReplyLimits()
"""What runs outside of tests."""
