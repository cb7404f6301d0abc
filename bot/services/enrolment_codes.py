"""Enrolment codes: two administrators stand in for the second factor that a company sign-in did not show.

Each of the two gets one half, on our page, and tells it to the person outside the chat; neither half is good for
anything alone. A code counts when all of this holds:

(1) the path has tries left for this person; the try is counted before anything is compared;
(2) both halves were given for this person, less than a day ago, and by two different administrators;
(3) both givers are administrators still, not locked, and neither each other nor this person under another account;
    or there is one administrator alone, who gave both a day after the alarm (`bot.services.changes`);
(4) using them up succeeds, once among all replicas.
"""

from __future__ import annotations

import base64
import os
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.audit import EventType
from bot.domain.identity import Issuer, LinkedIdentity, Person, Role, Subject, principal_of
from bot.ports.database import Transaction
from bot.services import changes, factors, throttling
from bot.services.audit_trail import Scribe
from bot.services.factors import Told
from bot.services.people import identity_from_key

HALF_BYTES = 10
HALF_CHARACTERS = 16
CODE_SECONDS = 86_400
PATH = "enrolment"
ALONE = LinkedIdentity(issuer=Issuer("doorward:single"), subject=Subject("administrator"))
"""Gives the second half in single-administrator mode; nobody signs in as this."""


class EnrolmentRefusal(StrEnum):
    """Why an enrolment code did not count; the audit trail's code."""

    THROTTLED = "enrolment.throttled"
    WRONG = "enrolment.wrong"


def give(tx: Transaction, identity: LinkedIdentity, *, by: LinkedIdentity, now: datetime) -> str:
    """One half for this person, to be shown once to the administrator who gives it. It is a secret."""
    half = base64.b32encode(os.urandom(HALF_BYTES)).decode()
    tx.enrolment_codes.give(identity, half, by=by, until=now + timedelta(seconds=CODE_SECONDS))
    return "-".join(half[at : at + 4] for at in range(0, HALF_CHARACTERS, 4))


def give_alone(tx: Transaction, identity: LinkedIdentity, *, now: datetime) -> str:
    """The other half, where there is one administrator alone and the day has passed. It is a secret."""
    return give(tx, identity, by=ALONE, now=now)


def spend(tx: Transaction, identity: LinkedIdentity, said: tuple[str, str], scribe: Scribe) -> EnrolmentRefusal | None:
    """Check conditions (1) to (4) of this module; why not, where the code does not count.

    The person is told when wrong ones have closed the path.
    """
    refusal = _check(tx, identity, said, scribe)
    if refusal is EnrolmentRefusal.WRONG:
        factors.tell_if_closed(tx, identity, PATH, Told.ENROLMENT_FAILED, scribe.time)
    kind = EventType.ENROLMENT_CODE_USED if refusal is None else EventType.PROOF_REFUSED
    tx.audit.append(
        scribe.event(
            kind, decision="allow" if refusal is None else "deny", code="" if refusal is None else refusal.value
        )
    )
    return refusal


def _check(tx: Transaction, identity: LinkedIdentity, said: tuple[str, str], scribe: Scribe) -> EnrolmentRefusal | None:
    # Condition 1 of the list above.
    if not throttling.allows_code(tx, identity, PATH, scribe.time):
        return EnrolmentRefusal.THROTTLED
    one, other = (_typed(half) for half in said)
    if len(one) != HALF_CHARACTERS or len(other) != HALF_CHARACTERS:
        return EnrolmentRefusal.WRONG
    # Conditions 2 and 4 of the list above.
    givers = tx.enrolment_codes.spend(identity, (one, other), now=scribe.time)
    # Condition 3 of the list above.
    if givers is None or not _both_may(tx, identity, givers, scribe):
        return EnrolmentRefusal.WRONG
    throttling.code_counted(tx, identity, PATH, scribe.time)
    return None


def _typed(half: str) -> str:
    return "".join(character for character in half.upper() if character.isascii() and character.isalnum())


def _both_may(tx: Transaction, identity: LinkedIdentity, givers: tuple[str, str], scribe: Scribe) -> bool:
    if ALONE.key in givers and not changes.is_single(tx, scribe.time):
        return False
    people = [tx.persons.find(identity_from_key(giver)) for giver in givers if giver != ALONE.key]
    owner = tx.persons.find(identity)
    named = [person for person in (*people, owner) if person is not None]
    if len(named) != len(people) + 1 or len({person.identity for person in named}) != len(named):
        return False
    employees = [person.employee for person in named if person.employee is not None]
    if len(set(employees)) != len(employees):
        return False
    return all(person is not None and _is_administrator(tx, person, scribe) for person in people)


def _is_administrator(tx: Transaction, person: Person, scribe: Scribe) -> bool:
    grants = tuple(tx.roles.of_identity(person.identity))
    return not person.locked and Role.ADMINISTRATOR in principal_of(person, grants, scribe.time).roles
