"""Break-glass: when it may be used, what is kept of a use, and who may review it.

A use is kept in the transaction that issues its grant, so before anything is done: a process that dies, or a system
that refuses, leaves a use to review all the same. It is kept only when

(1) whoever acts is somebody's employee, has given a reason and a proof that resists phishing (policy says so first);
(2) fewer than three uses of theirs, under any account, wait for a review;
(3) none of anybody's has waited for more than a week;
(4) none is missing that the log says of: deleting a row neither lifts a limit nor takes a use out of its review.

A review counts when whoever gives it is another employee than whoever acted, than whoever it was done for, and than
whoever reviewed before. What somebody said who was locked since, is gone (the provider and HR are asked, see
`bot.services.reviewers`), or has lost the role that reviews, counts no longer when the next one reviews: it stays in
the log, and one more person has to.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.audit import EventType
from bot.domain.break_glass import MOST_UNREVIEWED, Finding, Review, Use
from bot.domain.grant import Grant
from bot.domain.identity import Principal, Role, principal_of
from bot.domain.proof import Proof
from bot.errors import DoorwardError, IntegrityAlarm, NotAllowed
from bot.ports.connectors import NotFound
from bot.ports.database import Transaction
from bot.services.audit_trail import Scribe
from bot.services.people import identity_from_key

RECORDS = 10_000
REVIEW = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
"""Who reviews, as policy has it (`admin.break-glass.review`)."""
TURN = "break-glass"
"""The mark that uses write first, so that they wait for one another."""
log = structlog.get_logger("doorward.break_glass")


def check(tx: Transaction, principal: Principal, now: datetime) -> None:
    """Return if this person may break the glass now: conditions 2 to 4. Raises `DoorwardError`, `IntegrityAlarm`."""
    if missing(tx):
        raise IntegrityAlarm("a use of break-glass is missing")  # (4)
    waiting = tx.break_glass.unreviewed()
    own = [use for use in waiting if principal.key == use.identity or principal.employee == use.employee]
    if len(own) >= MOST_UNREVIEWED or any(use.overdue(now) for use in waiting):
        raise DoorwardError("uses wait for their review", code="break_glass.unreviewed")


def missing(tx: Transaction) -> frozenset[str]:
    """The ids of uses that the log says of and that have no row. Raises `IntegrityAlarm`."""
    records = tx.audit.search(type_prefix=EventType.BREAK_GLASS_USED.value, limit=RECORDS)
    return frozenset(record.event.code for record in records) - tx.break_glass.known()


def use(
    tx: Transaction, principal: Principal, proof: Proof | None, grant: Grant, scribe: Scribe, *, owner: str | None
) -> Use:
    """Part of T1: keep what is about to be done, for `owner`. Raises as `check`, and `NotAllowed`."""
    reason = str(grant.action.arguments.get("reason") or "").strip()
    if principal.employee is None or proof is None or not proof.phishing_resistant or not reason:
        raise NotAllowed("break-glass is somebody's, proven, and has a reason", code="deny.not_allowed")  # (1)
    tx.jobs.set_mark(TURN, scribe.time.isoformat())
    check(tx, principal, scribe.time)
    kept = Use(
        id=secrets.token_hex(4),
        identity=principal.key,
        employee=principal.employee,
        action=grant.action.action,
        resource=str(grant.action.resource),
        reason=reason,
        effect=grant.id,
        at=scribe.time,
        owner=owner,
    )
    tx.break_glass.insert(kept)
    _record(tx, kept, EventType.BREAK_GLASS_USED, scribe, alarm=True)
    return kept


def review(
    tx: Transaction,
    use_id: str,
    principal: Principal,
    finding: Finding,
    reason: str,
    scribe: Scribe,
    *,
    gone: frozenset[str] = frozenset(),
) -> tuple[Use, bool]:
    """Keep what one person says of a use; with whether it is reviewed now. `gone` are those who have left elsewhere.

    Raises `NotFound` where it waits for no review, `DoorwardError` where this person's does not count.
    """
    found = tx.break_glass.hold(use_id)
    if found is None or found.reviewed:
        raise NotFound("no such use")
    if principal.employee is None:
        raise DoorwardError("whoever reviews is somebody's employee", code="break_glass.own")
    if principal.employee == found.employee or principal.key == found.identity:
        raise DoorwardError("nobody reviews their own use", code="break_glass.own")
    if principal.employee == found.owner:
        raise DoorwardError("nobody reviews what was done for them", code="break_glass.for_you")
    standing = tuple(said for said in found.reviews if said.identity not in gone and _stands(tx, said, scribe.time))
    if any(principal.employee == said.employee or principal.key == said.identity for said in standing):
        raise DoorwardError("reviewed by this person before", code="break_glass.twice")
    said = Review(identity=principal.key, employee=principal.employee, finding=finding, reason=reason, at=scribe.time)
    reviewed = replace(found, reviews=(*standing, said))
    tx.break_glass.save(reviewed)
    _record(tx, reviewed, EventType.BREAK_GLASS_REVIEWED, scribe, alarm=finding is Finding.WRONG)
    return reviewed, reviewed.reviewed


def _stands(tx: Transaction, said: Review, now: datetime) -> bool:
    """Whether whoever said this could still say it."""
    person = tx.persons.find(identity_from_key(said.identity))
    if person is None or person.locked or person.employee != said.employee:
        return False
    held = principal_of(person, tuple(tx.roles.of_identity(person.identity)), now).roles
    return not held.isdisjoint(REVIEW)


def _record(tx: Transaction, kept: Use, kind: EventType, scribe: Scribe, *, alarm: bool) -> None:
    if alarm:
        log.critical("break_glass", kind=kind.value, use=kept.id, action=kept.action, resource=kept.resource)
    event = scribe.event(
        kind, action=kept.action, resource=kept.resource, decision="alarm" if alarm else "", code=kept.id
    )
    tx.audit.append(event)
