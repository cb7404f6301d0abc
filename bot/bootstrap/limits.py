"""The limits of sessions and the rules of factors, from the settings."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.assurance import FactorRules
from bot.domain.session import SessionLimits
from bot.settings.people import Factors, SessionSettings


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


def factor_rules(given: Factors) -> FactorRules:
    """How factors are bound."""
    return FactorRules(
        delay=timedelta(seconds=given.delay_seconds),
        first_on_password=given.first_on_password,
        multi_factor_acr=frozenset(given.multi_factor_acr),
        phishing_resistant_acr=frozenset(given.phishing_resistant_acr),
    )
