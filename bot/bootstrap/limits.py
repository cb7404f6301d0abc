"""The limits of sessions and the rules of factors, from the settings."""

from __future__ import annotations

from datetime import timedelta

from bot.domain.assurance import FactorRules
from bot.domain.identity import Role
from bot.domain.session import SessionLimits
from bot.settings.people import Factors, SessionSettings, ShorterLimits


def session_limits(given: SessionSettings) -> SessionLimits:
    """Everybody's, and the shorter ones of roles and platforms; of those that apply, the shortest hold."""
    roles = {role: _limits(shorter) for role, shorter in given.roles.items()}
    administrator = SessionLimits(
        idle=timedelta(seconds=given.administrator_idle_seconds),
        absolute=timedelta(seconds=given.administrator_absolute_seconds),
    )
    return SessionLimits(
        idle=timedelta(seconds=given.idle_seconds),
        absolute=timedelta(seconds=given.absolute_seconds),
        roles={Role.ADMINISTRATOR: administrator, **roles},
        platforms={platform: _limits(shorter) for platform, shorter in given.platforms.items()},
    )


def _limits(shorter: ShorterLimits) -> SessionLimits:
    return SessionLimits(
        idle=timedelta(seconds=shorter.idle_seconds), absolute=timedelta(seconds=shorter.absolute_seconds)
    )


def factor_rules(given: Factors) -> FactorRules:
    """How factors are bound."""
    return FactorRules(
        delay=timedelta(seconds=given.delay_seconds),
        first_on_password=given.first_on_password,
        multi_factor_acr=frozenset(given.multi_factor_acr),
        phishing_resistant_acr=frozenset(given.phishing_resistant_acr),
    )
