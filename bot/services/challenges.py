"""Keeps a provider's claims challenge until the person's next browser leg takes it there, and has met it.

A challenge says what the provider wants to see (a second factor, a compliant device, a fresh sign-in). It gives no
right: whoever follows it is proven by the same checks as at any sign-in, and it goes only to the provider that made it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.domain.challenge import Challenge
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.ports.database import Transaction

KEPT = timedelta(hours=24)


def keep(tx: Transaction, of: ChannelIdentity | LinkedIdentity, provider: str, claims: str, now: datetime) -> None:
    """Keep a challenge for whoever it is about; nothing where there is none."""
    if claims:
        tx.challenges.put(of.key, Challenge(provider=provider, claims=claims, until=now + KEPT))


def waiting(
    tx: Transaction, channel: ChannelIdentity | None, identity: LinkedIdentity | None, provider: str, now: datetime
) -> str:
    """What the provider wants to see in this leg, the person's own before the chat account's; empty for nothing."""
    for of in (identity, channel):
        found = None if of is None else tx.challenges.find(of.key, now=now)
        if found is not None and found.provider == provider:
            return found.claims
    return ""


def met(tx: Transaction, channel: ChannelIdentity | None, identity: LinkedIdentity) -> None:
    """A sign-in that was asked for it is through."""
    for of in (identity, channel):
        if of is not None:
            tx.challenges.drop(of.key)
