"""The stores of what the company's directory tells us: ids of signals, the provider's sessions, SCIM resources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.identity import LinkedIdentity


class ProvisionedKind(StrEnum):
    """The SCIM resource types we keep."""

    USER = "User"
    GROUP = "Group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """A SCIM resource as one client wrote it: believed in taking away, never in giving."""

    id: str
    client: str
    """A `SignalSource.channel`; no client sees another's."""
    kind: ProvisionedKind
    name: str
    """`userName` or `displayName`, in the form in which names are compared."""
    external_id: str | None
    identity: LinkedIdentity | None
    """Whom it is about, by the client's issuer; None where the client named no subject."""
    active: bool
    document: str = field(repr=False)
    """The resource as JSON; sealed in storage."""
    created_at: datetime
    changed_at: datetime
    deleted: bool = False
    """A deleted one stays as a mark: deleting gives nobody back what disabling took."""
    version: int = 1


class SignalStore(Protocol):
    """What was received, once each; and which provider session is whose."""

    def remember(self, source: str, signal_id: str, *, until: datetime) -> bool:
        """Count this id; False when it was counted before, in parallel too."""
        ...

    def remembered(self, source: str, signal_id: str, *, now: datetime) -> bool:
        """Whether an id is remembered, and for longer than now."""
        ...

    def note_session(self, issuer: str, session: str, identity: LinkedIdentity, *, until: datetime) -> None:
        """Remember whose the provider's session (`sid`) is."""
        ...

    def hold_session(self, issuer: str, session: str) -> None:
        """Let nobody else note this session, or that it is over, until this transaction ends."""
        ...

    def whose_session(self, issuer: str, session: str, *, now: datetime) -> LinkedIdentity | None:
        """The person of a provider's session, if it was noted."""
        ...

    def sweep(self, now: datetime) -> int:
        """Delete what is late; how many."""
        ...


class ProvisionedStore(Protocol):
    """SCIM resources. Rows carry a MAC, documents are sealed."""

    def insert(self, resource: Provisioned) -> bool:
        """Store; False when a user of this name is there."""
        ...

    def find(self, client: str, kind: ProvisionedKind, resource_id: str) -> Provisioned | None:
        """By id, among this client's, deleted ones left out."""
        ...

    def listed(
        self,
        client: str,
        kind: ProvisionedKind,
        *,
        name: str | None = None,
        external_id: str | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[Provisioned]:
        """This client's in the order of creation, all or those of a name or external id; deleted ones left out."""
        ...

    def count(self, client: str, kind: ProvisionedKind) -> int:
        """How many `listed` has in all."""
        ...

    def about(self, identity: LinkedIdentity) -> Sequence[Provisioned]:
        """Everything said of a person, deleted ones too, the latest change first."""
        ...

    def replace(self, resource: Provisioned) -> bool:
        """Compare-and-swap on `version`; whether it was still that version."""
        ...
