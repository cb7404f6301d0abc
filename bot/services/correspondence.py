"""Whose chat account it is by the company's own word: what an administrator named as authoritative, nothing else."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.identity import ChannelIdentity, Platform
from bot.ports.database import Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.services.provisioned_attributes import one_attribute
from bot.services.sessions import identity_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Where it is written; nowhere by default."""

    sources: Mapping[str, str] = field(default_factory=dict)
    """Provider -> `claim`, or `scim:<attribute>`."""
    alone: bool = False
    """One workspace or organisation alone is let in: there an account id is nobody else's."""

    def named(self, channel: ChannelIdentity, provider: str) -> bool:
        """Whether anything is said of this provider's people there."""
        return channel.platform is Platform.SLACK and provider in self.sources

    def holds(self, tx: Transaction, provider: str, claims: VerifiedClaims, channel: ChannelIdentity) -> bool:
        """Whether the company says that this chat account is this person's. Raises `IntegrityAlarm`."""
        if not self.named(channel, provider):
            return False
        source, _, attribute = self.sources[provider].partition(":")
        told = one_attribute(tx, identity_of(claims), attribute) if source == "scim" else claims.chat_account
        if not told:
            return False
        team = channel.tenant.rpartition("/")[2]
        right = [f"{team}:{channel.account}", *([channel.account] if self.alone else [])]
        return any(hmac.compare_digest(told.encode(), one.encode()) for one in right)
