"""Where administrators come from: the settings, and a link printed on the host for the first or a lost last one.

A claim makes the first administrator at once, and one for a lost last one a day after the alarm, where nobody cancelled
it (`bot.services.changes`), when all of this holds:

(1) the link was printed on the host less than fifteen minutes ago, and was not claimed;
(2) the administrators are exactly those of that moment: none at all for the first one, nor any whose rows were deleted;
(3) a company sign-in of the claimant stands behind the request, and a factor of theirs signed this very claim; for a
    lost last one a passkey, where our address takes any.

Claims take turns, on every replica: the first of two in parallel makes an administrator, the second finds one.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.audit import EventType
from bot.domain.change import RECOVERY as RECOVER
from bot.domain.change import Change
from bot.domain.identity import LinkedIdentity, Person, Role, RoleGrant
from bot.domain.interaction import Interaction
from bot.errors import HandleSpent, NotAllowed
from bot.ports.database import Transaction
from bot.services.audit_trail import Scribe
from policy.model import EVERY_DEPARTMENT

BY_SETTINGS = "bootstrap"
BY_GROUP = f"{BY_SETTINGS}:"
SETUP, RECOVERY = "setup", "recovery"
LINK_SECONDS = 900
TURN = "administrator.claim"
"""The mark that claims write first, so that they wait for one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Administrators:
    """Whom the settings name."""

    people: frozenset[str] = frozenset()
    """`LinkedIdentity.key` each."""
    group: str = ""
    """A value of the provider's role claims."""
    provider: str = ""
    """Whose group: another provider may have one of the same name, and does not make administrators with it."""

    def by(self, person: Person, groups: frozenset[str]) -> str:
        """Under what somebody is named; empty where they are not."""
        if person.identity.key in self.people:
            return BY_SETTINGS
        in_group = bool(self.group) and person.provider == self.provider and self.group in groups
        return f"{BY_GROUP}{self.group}" if in_group else ""


def appoint(tx: Transaction, named: Administrators, person: Person, groups: frozenset[str], scribe: Scribe) -> None:
    """Bring one person's role in line with the settings, at a sign-in or when their provider was asked again."""
    by = named.by(person, groups)
    held = [grant for grant in tx.roles.of_identity(person.identity) if _from_settings(grant)]
    for grant in held:
        if grant.granted_by != by:
            _take(tx, grant, scribe)
    if by and by not in {grant.granted_by for grant in held}:
        _give(tx, person.identity, by, scribe)


def retire(tx: Transaction, named: Administrators, scribe: Scribe) -> int:
    """Take the role from everybody whom the settings no longer name, signed in or not; how many."""
    late = [grant for grant in tx.roles.everyone() if _from_settings(grant) and not _still_named(named, grant)]
    for grant in late:
        _take(tx, grant, scribe)
    return len(late)


def _still_named(named: Administrators, grant: RoleGrant) -> bool:
    if grant.granted_by == BY_SETTINGS:
        return grant.identity.key in named.people
    return bool(named.group) and grant.granted_by == f"{BY_GROUP}{named.group}"


def _from_settings(grant: RoleGrant) -> bool:
    return grant.granted_by == BY_SETTINGS or grant.granted_by.startswith(BY_GROUP)


def _give(tx: Transaction, identity: LinkedIdentity, by: str, scribe: Scribe) -> None:
    tx.roles.insert(
        RoleGrant(
            id=secrets.token_hex(12),
            identity=identity,
            role=Role.ADMINISTRATOR,
            scope=EVERY_DEPARTMENT,
            granted_by=by,
            granted_at=scribe.time,
        )
    )
    code = by.partition(":")[0]
    tx.audit.append(
        scribe.event(EventType.ROLE_GRANTED, resource=f"Person::{identity.key}", decision="allow", code=code)
    )


def _take(tx: Transaction, grant: RoleGrant, scribe: Scribe) -> None:
    tx.roles.remove(grant.id)
    tx.audit.append(scribe.event(EventType.ROLE_REVOKED, resource=f"Person::{grant.identity.key}", code=BY_SETTINGS))


def present(tx: Transaction, now: datetime) -> tuple[Person, ...]:
    """Everybody who is an administrator now, locked or not."""
    return tuple(person for person in tx.persons.with_role(Role.ADMINISTRATOR.value) if _is_one(tx, person, now))


def ever(tx: Transaction, now: datetime) -> bool:
    """Whether there is an administrator, or was one whose rows were deleted by hand."""
    return bool(present(tx, now)) or tx.persons.administrators_lost() > 0


def _is_one(tx: Transaction, person: Person, now: datetime) -> bool:
    if Role.ADMINISTRATOR in person.roles:
        return True
    grants = tx.roles.of_identity(person.identity)
    return any(grant.role is Role.ADMINISTRATOR and grant.holds(now) for grant in grants)


def offer(tx: Transaction, kind: str, scribe: Scribe) -> str:
    """A link's handle, for the shell on the host alone. Raises `NotAllowed` where others can help."""
    there = present(tx, scribe.time)
    if kind == SETUP and there:
        names = ", ".join(person.username for person in there)
        raise NotAllowed(f"there is an administrator already: {names}", code="setup.taken")
    lost = tx.persons.administrators_lost()
    if kind == SETUP and lost:
        raise NotAllowed(
            "the rows of administrators were deleted by hand: see `doorward audit verify --state`, and use "
            "`doorward admin recover`",
            code="setup.taken",
        )
    able = [person for person in there if not person.locked]
    if kind == RECOVERY and not there and not lost:
        raise NotAllowed("there never was an administrator: use `doorward setup`", code="setup.taken")
    if kind == RECOVERY and len(able) > 1:
        names = ", ".join(person.username for person in able)
        raise NotAllowed(f"there is more than one administrator, who can appoint another: {names}", code="setup.taken")
    waits = recovery_waits(tx, scribe.time)
    if kind == RECOVERY and waits is not None:
        raise NotAllowed(
            f"somebody claimed this already, {waits.wanted.target}: it is done on {waits.due_at}, or stop it with "
            f"`doorward changes cancel {waits.id}`",
            code="setup.taken",
        )
    tx.audit.append(scribe.event(EventType.ADMINISTRATOR_OFFERED, code=kind))
    return tx.interactions.create(
        Interaction(
            kind=SETUP,
            payload={"kind": kind, "known": _keys(there)},
            audience="*",
            until=scribe.time + timedelta(seconds=LINK_SECONDS),
        )
    )


def _keys(people: tuple[Person, ...]) -> list[str]:
    return sorted(person.identity.key for person in people)


def look(tx: Transaction, handle: str, now: datetime) -> str:
    """What a link is for, without claiming it. Raises `HandleSpent`."""
    found = tx.interactions.find(handle, now=now)
    # Condition 1 of the list above.
    if found is None or found.kind != SETUP:
        raise HandleSpent(code="setup.spent")
    kind = str(found.payload["kind"])
    # Condition 2 of the list above.
    if found.payload["known"] != _keys(present(tx, now)) or (kind == SETUP and tx.persons.administrators_lost()):
        raise HandleSpent(code="setup.taken")
    if kind == RECOVERY and recovery_waits(tx, now) is not None:
        raise HandleSpent(code="setup.taken")
    return kind


def recovery_waits(tx: Transaction, now: datetime) -> Change | None:
    """The recovery of a lost last administrator that waits for its day."""
    return next((change for change in tx.changes.open(now) if change.wanted.capability == RECOVER), None)


def digest(handle: str, identity: LinkedIdentity) -> str:
    """What a passkey signs for this claim: this link, by this person."""
    return hashlib.sha256(f"claim|{handle}|{identity.key}".encode()).hexdigest()


def take_turn(tx: Transaction, now: datetime) -> None:
    """Wait for a claim under way elsewhere: the first thing a claim does, so that it reads how that one ended."""
    tx.jobs.set_mark(TURN, now.isoformat())


def claim(tx: Transaction, handle: str, identity: LinkedIdentity, scribe: Scribe) -> str:
    """Use the link up; what it was for. The caller took its turn and checked (3). Raises `HandleSpent`.

    The first administrator is made at once. For a lost last one the caller proposes it (`changes.propose_recovery`).
    """
    kind = look(tx, handle, scribe.time)
    if tx.interactions.take(handle, now=scribe.time) is None:
        raise HandleSpent(code="setup.spent")
    if kind == SETUP:
        _give(tx, identity, kind, scribe)
    return kind


def recover(tx: Transaction, identity: LinkedIdentity, scribe: Scribe) -> None:
    """Make an administrator again, once the day after the claim has passed."""
    _give(tx, identity, RECOVERY, scribe)
    about = f"Person::{identity.key}"
    tx.audit.append(scribe.event(EventType.ADMINISTRATOR_RECOVERED, resource=about, decision="alarm", code=RECOVERY))
