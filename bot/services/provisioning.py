"""SCIM resources: kept as their client wrote them, and taken as signals about the people they are of.

Nothing of a resource becomes a role, an attribute or a right: those come from the identity provider alone, which is
asked at the next message of whoever was changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.identity import LinkedIdentity
from bot.domain.signal import Happening, SignalKind, SignalSource
from bot.errors import Stale
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.provisioning import Provisioned, ProvisionedKind
from bot.services.audit_trail import Scribe
from bot.services.signals import happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some resources, and how many there are in all."""

    resources: Sequence[Provisioned]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """What SCIM clients may do; each sees only its own."""

    database: Database
    clock: Clock

    async def create(self, source: SignalSource, resource: Provisioned, correlation: str) -> bool:
        """Store; False when a user of this name is there. Raises `StorageUnavailable`."""

        def work(tx: Transaction) -> bool:
            if not tx.provisioned.insert(resource):
                return False
            self._tell(tx, source, None, resource, (), correlation)
            return True

        return await self.database.write(work)

    async def find(self, source: SignalSource, kind: ProvisionedKind, resource_id: str) -> Provisioned | None:
        """By id. Raises `StorageUnavailable`."""
        return await self.database.read(lambda tx: tx.provisioned.find(source.channel, kind, resource_id))

    async def named(self, source: SignalSource, kind: ProvisionedKind, name: str) -> Sequence[Provisioned]:
        """By the name in its compared form. Raises `StorageUnavailable`."""
        return await self.database.read(lambda tx: tx.provisioned.listed(source.channel, kind, name=name))

    async def external(self, source: SignalSource, kind: ProvisionedKind, external_id: str) -> Sequence[Provisioned]:
        """By the client's own id. Raises `StorageUnavailable`."""
        return await self.database.read(lambda tx: tx.provisioned.listed(source.channel, kind, external_id=external_id))

    async def page(self, source: SignalSource, kind: ProvisionedKind, *, offset: int, limit: int) -> Page:
        """A part of all. Raises `StorageUnavailable`."""

        def work(tx: Transaction) -> Page:
            found = tx.provisioned.listed(source.channel, kind, offset=offset, limit=limit) if limit else ()
            return Page(resources=found, total=tx.provisioned.count(source.channel, kind))

        return await self.database.read(work)

    async def replace(
        self,
        source: SignalSource,
        before: Provisioned,
        after: Provisioned,
        correlation: str,
        touched: Sequence[str] = (),
    ) -> bool:
        """Store what `before` became, with `touched`, the ids of users who joined or left it as a group.

        False when another user has the name. Raises `Stale` when it was changed meanwhile, `StorageUnavailable`.
        """

        def work(tx: Transaction) -> bool:
            if not after.deleted and after.kind is ProvisionedKind.USER and after.name != before.name:
                others = tx.provisioned.listed(source.channel, after.kind, name=after.name)
                if any(other.id != after.id for other in others):
                    return False
            if not tx.provisioned.replace(after):
                raise Stale("the resource has changed")
            self._tell(tx, source, before, after, touched, correlation)
            return True

        return await self.database.write(work)

    async def delete(self, source: SignalSource, before: Provisioned, correlation: str) -> None:
        """Take out of sight. Raises as `replace`."""
        gone = replace(before, deleted=True, active=False, changed_at=self.clock.now())
        await self.replace(source, before, gone, correlation)

    def _tell(
        self,
        tx: Transaction,
        source: SignalSource,
        before: Provisioned | None,
        after: Provisioned,
        touched: Sequence[str],
        correlation: str,
    ) -> None:
        scribe = Scribe(time=self.clock.now(), channel=source.channel, correlation=correlation)
        people = [*_people(before, after), *_members(tx, source, touched)]
        for happening in people or [Happening(kind=SignalKind.PROVISIONED_CHANGE, subject=None)]:
            happened(tx, source, happening, scribe)


def _people(before: Provisioned | None, after: Provisioned) -> list[Happening]:
    """Whom a user resource is of now; and whom it was of before, who is asked about again."""
    if after.kind is not ProvisionedKind.USER:
        return []
    earlier = None if before is None or before.identity == after.identity else before.identity
    told = [(SignalKind.PROVISIONED_CHANGE, earlier), (_kind(before, after), after.identity)]
    return [Happening(kind=kind, subject=subject) for kind, subject in told if subject is not None]


def _kind(before: Provisioned | None, after: Provisioned) -> SignalKind:
    if after.deleted:
        return SignalKind.ACCOUNT_PURGED
    if not after.active:
        return SignalKind.ACCOUNT_DISABLED
    if before is None or not before.active:
        return SignalKind.ACCOUNT_ENABLED
    return SignalKind.PROVISIONED_CHANGE


def _members(tx: Transaction, source: SignalSource, ids: Sequence[str]) -> list[Happening]:
    users = [tx.provisioned.find(source.channel, ProvisionedKind.USER, one) for one in ids]
    people: set[LinkedIdentity] = {user.identity for user in users if user is not None and user.identity is not None}
    ordered = sorted(people, key=lambda identity: identity.key)
    return [Happening(kind=SignalKind.PROVISIONED_CHANGE, subject=identity) for identity in ordered]
