"""The stores: one Protocol each, with what comes back and what is raised. Implementations live in `storage`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.audit import AuditEvent, AuditRecord
from bot.domain.effect import Effect, EffectState
from bot.domain.identity import Acquaintance, ChannelIdentity, Link, LinkedIdentity, Person, RoleGrant
from bot.domain.messages import IncomingMessage, Place
from bot.domain.outbound import OutboxItem, PostedMessage
from bot.domain.session import BrowserSession, Session, SessionLimits, Standing, Whose


class InboxStore(Protocol):
    """Durable inbound events; payloads sealed, gone on completion, a keyed hash stays for dedupe (24 h)."""

    def accept(self, message: IncomingMessage, *, lease_seconds: int) -> str | None:
        """Store, held by this process for the lease (the caller hands it to its own worker); the row id.

        None when this event was accepted before.
        """
        ...

    def note(self, message: IncomingMessage) -> bool:
        """Keep the dedupe hash alone, of an event that is dealt with in this transaction; False where it was known."""
        ...

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[tuple[str, IncomingMessage, int]]:
        """Take up to `limit` events nobody holds: (row id, message, attempt)."""
        ...

    def hold(self, row: str, until: datetime) -> int:
        """Renew the lease of an event that is still worked on; 0 where it is dealt with."""
        ...

    def complete(self, row: str, now: datetime) -> bool:
        """Forget the payload, keep the dedupe hash; False where somebody else has completed it."""
        ...

    def sweep(self, now: datetime) -> int:
        """Delete dedupe hashes and payloads older than a day; how many."""
        ...


class LinkStore(Protocol):
    """Chat account -> proven identity. Rows carry a MAC; a mismatch raises `IntegrityAlarm`."""

    def insert(self, link: Link) -> None:
        """Raises `AlreadyLinked`; never replaces."""
        ...

    def find(self, channel: ChannelIdentity) -> Link | None:
        """The link of a chat account."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Link]:
        """All chat accounts of a person."""
        ...

    def everyone(self, limit: int) -> Sequence[Link]:
        """All links, the oldest first."""
        ...

    def remove(self, channel: ChannelIdentity) -> bool:
        """Remove; whether there was one."""
        ...

    def lost(self, identity: LinkedIdentity) -> bool:
        """Whether a person without a chat account had one that nobody removed here. Raises `IntegrityAlarm`."""
        ...


class PersonStore(Protocol):
    """Proven people, their attributes and lock. Rows carry a MAC."""

    def find(self, identity: LinkedIdentity) -> Person | None:
        """By identity."""
        ...

    def by_employee(self, employee: str) -> Person | None:
        """By employee reference; None when nobody or more than one."""
        ...

    def by_username(self, username: str) -> Person | None:
        """By provider user name, as `called`; None when nobody or more than one."""
        ...

    def called(self, username: str) -> Sequence[Person]:
        """Everybody with this user name at their provider, in capitals or not, in the order of their identities."""
        ...

    def everyone(self, limit: int) -> Sequence[Person]:
        """Everybody who was ever signed in, in the order of their identities."""
        ...

    def with_role(self, role: str) -> Sequence[Person]:
        """Everybody to whom the provider or a local grant gives this role."""
        ...

    def administrators_lost(self) -> int:
        """How many administrators there were whose role, or row, is gone and was not taken here.

        Raises `IntegrityAlarm`.
        """
        ...

    def save(self, person: Person) -> Person:
        """Insert, or update by compare-and-swap on `version`; a lock survives a race.

        Raises `Stale`; `IntegrityAlarm` where somebody who was here before would be made anew.
        """
        ...

    def acquaintance(self, identity: LinkedIdentity) -> Acquaintance:
        """Whether somebody was here before, by what deleting their row does not delete. Raises `IntegrityAlarm`."""
        ...

    def readmit(self, identity: LinkedIdentity) -> bool:
        """Let somebody whose row is gone be made anew, once; False where nobody was here or the row is there."""
        ...

    def note_present(self) -> None:
        """Write down who is administrator and who has a chat account, for a database from before that was kept."""
        ...

    def adopt(self) -> int:
        """Begin the ledger of who was here from everybody the database tells of; how many.

        For the upgrade of a database that had none. Raises `IntegrityAlarm` where there is one.
        """
        ...


class RoleStore(Protocol):
    """Roles given inside Doorward. Rows carry a MAC."""

    def insert(self, grant: RoleGrant) -> None:
        """Give."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> Sequence[RoleGrant]:
        """What a person was given."""
        ...

    def remove(self, grant_id: str) -> bool:
        """Take away; whether there was one."""
        ...

    def everyone(self) -> Sequence[RoleGrant]:
        """All of them."""
        ...


class SessionStore(Protocol):
    """Chat sessions; one alive for a chat account. Rows carry a MAC; ids are stored hashed."""

    def open(self, session: Session) -> None:
        """Open, ending any earlier one of the same chat account."""
        ...

    def use(self, channel: ChannelIdentity, *, now: datetime, limits: SessionLimits, touch: bool = True) -> Standing:
        """The standing of a chat account: both limits checked by one conditional statement, touched when 60 s old.

        Not touched where only a client asks by itself: a window left open is nobody's use of a session.
        Reads link, person, session and role grants in one go and checks their MACs (`IntegrityAlarm`).
        """
        ...

    def renew(self, session: Session, new_id: str) -> Session:
        """Put an open session under a new id, and return it so; raises `Stale` where it is no longer as it was read."""
        ...

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Session]:
        """The sessions of a person that are open."""
        ...

    def everyone(self, limit: int) -> Sequence[Session]:
        """Open sessions, the latest used first."""
        ...

    def of_tenant(self, tenant: str) -> Sequence[Session]:
        """Every session of a workspace, organisation or tenant, on whatever platform."""
        ...

    def end(self, channel: ChannelIdentity) -> bool:
        """End the session of a chat account; whether there was one."""
        ...

    def end_all(self, identity: LinkedIdentity) -> int:
        """End every session of a person; how many."""
        ...

    def sweep(self, *, now: datetime, limits: SessionLimits, limit: int, whose: Whose = None) -> Sequence[Session]:
        """End up to `limit` sessions past a limit, and return them; `whose` names a role or a platform they are of."""
        ...


class BrowserSessionStore(Protocol):
    """Browser sessions on our pages, ids stored hashed. Rows carry a MAC."""

    def open(self, session: BrowserSession) -> None:
        """Open."""
        ...

    def find(self, session_id: str, now: datetime) -> BrowserSession | None:
        """By id, if alive."""
        ...

    def end(self, session_id: str) -> bool:
        """End; whether there was one."""
        ...

    def of_identity(self, identity: LinkedIdentity, now: datetime) -> Sequence[BrowserSession]:
        """A person's that are alive, the latest first; their ids are the stored hashes, which open nothing."""
        ...

    def end_own(self, stored_id: str, identity: LinkedIdentity) -> bool:
        """End one that `of_identity` gave; whether that person had it."""
        ...

    def end_all(self, identity: LinkedIdentity) -> int:
        """End every browser session of a person."""
        ...


class EffectStore(Protocol):
    """Effects with the grants they spend. Grant rows carry a MAC."""

    def intend(self, effect: Effect) -> None:
        """Write the grant (spent by this) and the intent. Raises `Stale` when the grant exists already."""
        ...

    def find(self, effect_id: str) -> Effect | None:
        """By id. Raises `IntegrityAlarm`."""
        ...

    def of_proposal(self, proposal_id: str) -> Effect | None:
        """The one that spent a proposal. Raises `IntegrityAlarm`."""
        ...

    def finish(self, effect_id: str, state: EffectState, *, now: datetime, code: str = "") -> bool:
        """INTENDED or UNKNOWN -> `state`, once; whether it changed."""
        ...

    def unfinished(self, *, now: datetime, older_than_seconds: int, limit: int) -> Sequence[Effect]:
        """Effects intended earlier and not finished: to be reconciled. Altered ones take nobody's place among them."""
        ...

    def altered(self, *, now: datetime, older_than_seconds: int) -> Sequence[str]:
        """The ids of effects intended earlier and not finished whose grant is gone, or not as we wrote it."""
        ...


class AuditStore(Protocol):
    """The log. Appending is part of the transaction of what it records."""

    def append(self, event: AuditEvent) -> AuditRecord:
        """Append and chain. Raises `StorageUnavailable`: no effect without a record."""
        ...

    def search(
        self,
        *,
        principal: str | None = None,
        type_prefix: str | None = None,
        resource: str | None = None,
        decision: str | None = None,
        correlation: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[AuditRecord]:
        """The latest records that match, newest first: from `since`, before `until`, numbered lower than `before`."""
        ...

    def records(self, *, from_seq: int = 1) -> Iterator[AuditRecord]:
        """All records in order."""
        ...

    def state(self) -> Iterator[tuple[str, str]]:
        """Every row that carries authority as it stands there: its name in the log, and its fingerprint."""
        ...


class OutboxStore(Protocol):
    """Replies waiting to be posted; sealed."""

    def put(self, item: OutboxItem, *, lease_seconds: int) -> None:
        """Queue, held by this process for the lease (the caller posts it itself; a claim takes over after a crash)."""
        ...

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[OutboxItem]:
        """Take up to `limit` that are due and nobody holds, oldest first."""
        ...

    def done(self, item_id: str) -> None:
        """Posted: forget it."""
        ...

    def retry(self, item_id: str, *, at: datetime) -> None:
        """Not posted: try again at."""
        ...


class PostedStore(Protocol):
    """Where our messages are, so that they can be edited."""

    def record(self, posted: PostedMessage) -> None:
        """Remember a posted message."""
        ...

    def about(self, about: str) -> Sequence[PostedMessage]:
        """Every copy of a card."""
        ...

    def swap(self, posted: PostedMessage, *, version: int) -> bool:
        """Compare-and-swap on the rendered version; whether this caller may edit."""
        ...

    def newest(self, place: Place, message: str) -> int:
        """The version that was last rendered of a message; zero where it is not known."""
        ...


class TokenStore(Protocol):
    """One sealed MSAL cache a person (data key a record, key id, associated data)."""

    def load(self, identity: LinkedIdentity) -> tuple[bytes, int] | None:
        """The cache and its version."""
        ...

    def save(self, identity: LinkedIdentity, cache: bytes, *, expected_version: int | None, now: datetime) -> bool:
        """Compare-and-swap; None replaces whatever is there."""
        ...

    def hold(self, identity: LinkedIdentity, *, now: datetime, seconds: int) -> bool:
        """Be the one replica that refreshes this cache; `save` gives it up, and so does the time. Whether one is."""
        ...

    def release(self, identity: LinkedIdentity) -> None:
        """Give the hold up without having saved."""
        ...

    def destroy(self, identity: LinkedIdentity) -> None:
        """Destroy."""
        ...


class ThrottleStore(Protocol):
    """Counters."""

    def hit(self, key: str, *, limit: int, window_seconds: int, now: datetime) -> bool:
        """Count first, then say whether the count is within the limit."""
        ...

    def give_back(self, key: str, *, window_seconds: int, now: datetime) -> None:
        """Take one count of the present window back, if it has one."""
        ...

    def used(self, key: str, *, window_seconds: int, now: datetime) -> int:
        """How many were counted in the present window."""
        ...

    def sweep(self, now: datetime) -> int:
        """Delete old windows."""
        ...


class JobStore(Protocol):
    """Slots of periodic jobs, each claimed once among all replicas."""

    def claim_slot(self, job: str, slot: str, *, now: datetime) -> bool:
        """Whether this caller runs the slot."""

    def finish_slot(self, job: str, slot: str, *, now: datetime) -> None:
        """Mark as done."""

    def forget_after(self, now: datetime) -> None:
        """Forget slots that were claimed later than `now`: the clock was set back, and they are to run again."""
        ...

    def mark(self, key: str) -> str | None:
        """A value kept about this database (`demo`, …)."""

    def set_mark(self, key: str, value: str) -> None:
        """Keep a value about this database."""
