"""The limits of sessions, from the settings."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.session import SessionLimits
from bot.settings.people import SessionSettings


def session_limits(given: SessionSettings) -> SessionLimits:
    """Everybody's, and the administrators': never longer than everybody's."""
    idle, absolute = timedelta(seconds=given.idle_seconds), timedelta(seconds=given.absolute_seconds)
    return SessionLimits(
        idle=idle,
        absolute=absolute,
        administrator=SessionLimits(
            idle=min(idle, timedelta(seconds=given.administrator_idle_seconds)),
            absolute=min(absolute, timedelta(seconds=given.administrator_absolute_seconds)),
        ),
    )
