"""Reply limits for tests that are about something else: a machine that stalls for a moment changes no answer."""

from __future__ import annotations

from bot.domain.reply_limits import ReplyLimits

PATIENT = ReplyLimits(durable=60, answered=60, code=60, in_window=60, invoke=60)
SETTLE_SECONDS = 60
"""For what is under way to be done; it is waited for no longer than it takes."""
