"""Whose chat account it is by the company's own word: what an administrator named as authoritative, nothing else.

An account is somebody's by it when all of this holds:

(1) what the company says of them is this very account;
(2) it says so of nobody else, whether they ever signed in or not: who of two it is nobody can tell, so it is neither;
(3) where the settings ask for it, the account's e-mail address at the chat platform is the one the provider tells.
    Never instead of (1): an address alone proves nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain.identity import ChannelIdentity, LinkedIdentity, Platform
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.database import Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.ports.provisioning import ProvisionedKind
from bot.services.provisioned_attributes import attribute_in, one_attribute
from bot.services.sessions import identity_of

Emails = Callable[[ChannelIdentity], Awaitable[str]]
"""The e-mail address of a chat account. Raises `PlatformUnavailable`, `PlatformRefused`."""
PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Correspondence:
    """Where it is written; nowhere by default."""

    sources: Mapping[str, str] = field(default_factory=dict)
    """Provider -> `claim`, or `scim:<attribute>`."""
    alone: bool = False
    """One workspace or organisation alone is let in: there an account id is nobody else's."""
    clients: tuple[str, ...] = ()
    """The provisioning clients, all of which are looked through for (2)."""
    emails: Emails | None = None
    """For (3), where the company's directory alone writes the addresses of the chat platform."""

    def named(self, channel: ChannelIdentity, provider: str) -> bool:
        """Whether anything is said of this provider's people there."""
        return channel.platform is Platform.SLACK and provider in self.sources

    def note(self, tx: Transaction, provider: str, claims: VerifiedClaims) -> None:
        """Keep what is said of somebody who signs in, for (2). Raises `IntegrityAlarm`."""
        tx.told_accounts.note(identity_of(claims), self._told(tx, provider, claims))

    def holds(self, tx: Transaction, provider: str, claims: VerifiedClaims, channel: ChannelIdentity) -> bool:
        """(1). Raises `IntegrityAlarm`."""
        told = self._told(tx, provider, claims) if self.named(channel, provider) else None
        return told is not None and any(
            hmac.compare_digest(told.encode(), one.encode()) for one in self._spellings(channel)
        )

    def others(self, tx: Transaction, claims: VerifiedClaims, channel: ChannelIdentity) -> tuple[str, ...]:
        """(2): the keys, or the records, of everybody else who is said to have this account."""
        own = identity_of(claims)
        spellings = self._spellings(channel)
        signed_in = [one for spelling in spellings for one in tx.told_accounts.of_account(spelling)]
        found = {one.key for one in signed_in if one != own}
        return tuple(sorted(found | {who for who, told in self.provisioned(tx, own) if told in spellings}))

    async def email_fits(self, claims: VerifiedClaims, channel: ChannelIdentity) -> bool:
        """(3); not where the platform does not say."""
        if self.emails is None:
            return True
        try:
            address = await self.emails(channel)
        except (PlatformUnavailable, PlatformRefused):
            return False
        return bool(address and claims.email) and address.casefold() == str(claims.email).casefold()

    def provisioned(self, tx: Transaction, besides: LinkedIdentity | None = None) -> Iterator[tuple[str, str]]:
        """Who has which account by an active record of any provisioning client."""
        attributes = {source.partition(":")[2] for source in self.sources.values() if source.startswith("scim:")}
        for client in self.clients if attributes else ():
            offset = 0
            while page := tx.provisioned.listed(client, ProvisionedKind.USER, offset=offset, limit=PAGE):
                offset += len(page)
                for record in (one for one in page if one.active and (one.identity is None or one.identity != besides)):
                    who = record.identity.key if record.identity else f"{client}:{record.name}"
                    yield from ((who, told) for name in attributes if (told := attribute_in(record, name)))

    def shared(self, tx: Transaction, people: Iterable[LinkedIdentity]) -> dict[str, str]:
        """Of these and of everybody provisioned, who has one account with whom: key -> the others."""
        holders: dict[str, set[str]] = {}
        told = [(one.key, account) for one in people if (account := tx.told_accounts.of_identity(one))]
        for who, account in (*told, *self.provisioned(tx)):
            holders.setdefault(account.rpartition(":")[2], set()).add(who)
        clashes = [whose for whose in holders.values() if len(whose) > 1]
        return {who: ", ".join(sorted(whose - {who})) for whose in clashes for who in whose}

    def _told(self, tx: Transaction, provider: str, claims: VerifiedClaims) -> str | None:
        source, _, attribute = self.sources.get(provider, "").partition(":")
        told = one_attribute(tx, identity_of(claims), attribute) if source == "scim" else claims.chat_account
        return told or None

    def _spellings(self, channel: ChannelIdentity) -> tuple[str, ...]:
        team = channel.tenant.rpartition("/")[2]
        return (f"{team}:{channel.account}", *([channel.account] if self.alone else []))
