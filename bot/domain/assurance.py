"""What a company sign-in must have shown before a first factor is bound on it, and from when a new factor counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.session import BrowserSession

DELAY = timedelta(hours=24)
KINDS = (
    frozenset({"pwd", "pin", "kba"}),
    frozenset({"hwk", "swk", "otp", "pop", "sc", "sms", "tel", "rsa"}),
    frozenset({"fpt", "face", "iris", "retina", "vbm"}),
)
"""Authentication methods by what they show: knowledge, possession, inherence (RFC 8176 §2; `rsa` is Entra's app)."""
MULTIPLE = frozenset({"mfa", "mca"})
RESISTANT = frozenset({"fido", "phr", "phrh"})
"""Entra's word for a security key, and those of OpenID Connect EAP ACR Values §4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorRules:
    """How factors are bound here; the defaults are production's."""

    delay: timedelta = DELAY
    """How long a new factor satisfies nothing."""
    first_on_password: bool = False
    """A sign-in that shows no second factor is enough for a first one: the demonstration's exception."""
    multi_factor_acr: frozenset[str] = frozenset()
    """Authentication contexts (`acr`) that stand for several factors at this company's provider."""
    phishing_resistant_acr: frozenset[str] = frozenset()

    def resists_phishing(self, session: BrowserSession) -> bool:
        """Whether the sign-in was by something that no look-alike page can pass on."""
        named = {*session.amr, session.acr or ""}
        return bool(named & RESISTANT) or session.acr in self.phishing_resistant_acr

    def shows_several_factors(self, session: BrowserSession) -> bool:
        """Whether the sign-in was by more than one kind of factor."""
        amr = frozenset(session.amr)
        kinds = sum(bool(amr & kind) for kind in KINDS)
        return (
            bool(amr & MULTIPLE) or kinds > 1 or session.acr in self.multi_factor_acr or self.resists_phishing(session)
        )

    def may_bind_first(self, session: BrowserSession) -> bool:
        """Whether a first factor may be bound in this browser session."""
        return self.first_on_password or session.vouched or self.shows_several_factors(session)

    def counts_from(self, session: BrowserSession | None, now: datetime) -> datetime:
        """From when a factor counts that is bound now, in this browser session."""
        return now if session is not None and self.resists_phishing(session) else now + self.delay


def counts(counts_from: datetime | None, now: datetime) -> bool:
    """Whether a factor counts at `now`; one bound before there was a delay has no moment, and does."""
    return counts_from is None or now >= counts_from
