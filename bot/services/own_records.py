"""What Doorward keeps about a person, for how long, and who else had something of theirs opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import EventType
from bot.domain.identity import Employee, LinkedIdentity
from bot.ports.database import Transaction
from bot.services import factors
from bot.services.people import identity_from_key
from bot.texts.sentences import Voice

LOOKED = 10
READ_BACK = 500
LOOKS = frozenset(
    {
        *("ViewLeaveBalance", "ListLeaves", "ViewLeave", "ListAbsences", "ViewPayslip", "ViewBenefits"),
        *("GrantRole", "RevokeRole", "LockPerson", "UnlockPerson", "GiveEnrolmentCode"),
        *("RevokeSessions", "EndCompanySessions", "RevokeLink"),
    }
)
"""The actions on a person's records that have words of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How much of one kind there is."""

    kind: str
    """`accounts`, `sessions`, `authenticators`, `roles` or `tokens`."""
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Somebody else's access to something of this person's."""

    who: str
    action: str
    at: datetime


def kept(tx: Transaction, identity: LinkedIdentity) -> tuple[Kept, ...]:
    """Everything about this person, by count."""
    return (
        Kept(kind="accounts", count=len(tx.links.of_identity(identity))),
        Kept(kind="sessions", count=len(tx.sessions.of_identity(identity))),
        Kept(kind="authenticators", count=len(factors.of_person(tx, identity))),
        Kept(kind="roles", count=len(tx.roles.of_identity(identity))),
        Kept(kind="tokens", count=0 if tx.tokens.load(identity) is None else 1),
    )


def looks(tx: Transaction, identity: LinkedIdentity, employee: Employee | None) -> Sequence[Look]:
    """The latest accesses of others to this person's own records, newest first, from the audit log."""
    names = [f"Person::{identity.key}", *([f"Employee::{employee}"] if employee else [])]
    found = [
        record
        for name in names
        for record in tx.audit.search(resource=name, type_prefix=EventType.EFFECT_FINISHED.value, limit=READ_BACK)
        if record.event.principal != identity.key
    ]
    latest = sorted(found, key=lambda record: record.seq, reverse=True)[:LOOKED]
    return [
        Look(who=_name(tx, record.event.principal), action=record.event.action, at=record.event.time)
        for record in latest
    ]


def in_words(action: str, voice: Voice) -> str:
    """What was looked at or done, for the person whose it is."""
    return voice.say(f"account.looks.{action}" if action in LOOKS else "account.looks.anything")


def _name(tx: Transaction, key: str) -> str:
    person = tx.persons.find(identity_from_key(key)) if key else None
    return person.display_name if person else key
