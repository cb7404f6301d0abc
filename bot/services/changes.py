"""Who has to say yes to a change of authority: one administrator, two where the role is sensitive, or one and a day.

A yes is the command itself, proven and decided like any other; this module only counts. A change is done when

(1) everybody who said yes is an administrator still, not locked, and each a person of their own;
(2) there are as many as `bot.domain.change.needed` says;
(3) or, while there is one administrator alone (single-administrator mode), they said yes with a phishing-resistant
    proof, a day has passed since the alarm and nobody cancelled it. A second administrator ends the mode at once: what
    waits then waits for them;
(4) or it is the recovery of a lost last administrator: claimed with a passkey, a day has passed since the alarm, nobody
    cancelled it, and still nobody else could help.

Somebody who is locked is an administrator all the same, or whoever locks the second would be alone; and so is somebody
whose role or row was deleted by hand (`administrators_lost`), or whoever has a friend at the database would be.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.domain.audit import EventType
from bot.domain.change import DELAY, KEPT, RECOVERY, Change, ChangeState, Wanted, needed
from bot.domain.identity import LinkedIdentity, Person, Role
from bot.errors import HandleSpent
from bot.ports.database import Transaction
from bot.services import first_administrator
from bot.services.audit_trail import Scribe
from bot.services.people import exact_name, identity_from_key

SHELL = "shell"
SINGLE = "single_administrator"
LOST = "administrators.lost"
log = structlog.get_logger("doorward.changes")


def administrators(tx: Transaction, now: datetime) -> tuple[Person, ...]:
    """Everybody who could say yes: administrators who are not locked."""
    return tuple(person for person in first_administrator.present(tx, now) if not person.locked)


def is_single(tx: Transaction, now: datetime) -> bool:
    """Whether there is one administrator alone, locked ones counted, two accounts of one employee as one.

    Nobody is alone while an administrator is missing whose role was not taken here: their row was taken out by hand.
    """
    return len(_persons(first_administrator.present(tx, now))) == 1 and not tx.persons.administrators_lost()


def _persons(people: Sequence[Person]) -> set[str]:
    return {person.employee or person.identity.key for person in people}


def agree(
    tx: Transaction, wanted: Wanted, by: LinkedIdentity, scribe: Scribe, *, resistant: bool = False
) -> Change | None:
    """Count one more yes; None where the change is to be done now, by the caller, in this transaction.

    `resistant` says that it came with a phishing-resistant proof.
    """
    now, waiting = scribe.time, tx.changes.waiting(wanted, scribe.time)
    said = (*(waiting.agreed if waiting else ()), by.key)
    # Conditions 1 and 2 of the list above.
    able = [person for person in administrators(tx, now) if person.identity.key in said]
    own = tx.persons.find(by)  # policy let them, whatever their role is called there
    if len(_persons((*able, own) if own else able)) >= needed(wanted):
        if waiting is not None:
            _close(tx, waiting, ChangeState.DONE, scribe)
        return None
    if waiting is None:
        return propose(tx, wanted, by.key, scribe, agreed=(by.key,), resistant=resistant)
    changed = replace(waiting, agreed=tuple(dict.fromkeys(said)))
    changed = _dated(tx, changed, now) if resistant else changed
    tx.changes.save(changed)
    return changed


def propose(
    tx: Transaction, wanted: Wanted, by: str, scribe: Scribe, *, agreed: tuple[str, ...] = (), resistant: bool = False
) -> Change:
    """Keep a change that waits, unless it waits already; a job tells the administrators of it."""
    waiting = tx.changes.waiting(wanted, scribe.time)
    if waiting is not None:
        return waiting
    now = scribe.time
    change = Change(
        id=secrets.token_hex(4), wanted=wanted, proposed_by=by, proposed_at=now, agreed=agreed, until=now + KEPT
    )
    change = _dated(tx, change, now) if resistant else change
    tx.changes.insert(change)
    _record(tx, change, EventType.CHANGE_PROPOSED, scribe)
    if lost := tx.persons.administrators_lost():
        log.critical("integrity_alarm", code=LOST, administrators=lost)
        tx.audit.append(scribe.event(EventType.INTEGRITY_ALARM, decision="error", code=LOST))
    return change


def _dated(tx: Transaction, change: Change, now: datetime) -> Change:
    """Condition 3: with the hour at which it is done by itself, where one administrator said yes who is alone."""
    if change.due_at is not None or not change.agreed or not is_single(tx, now):
        return change
    return replace(change, due_at=now + DELAY, until=now + 2 * DELAY, announced=False)


def cancel(tx: Transaction, change_id: str, scribe: Scribe) -> Change | None:
    """Take a change out of use; None where it does not wait any more."""
    change = tx.changes.hold(change_id)
    if change is None or not change.open(scribe.time):
        return None
    _close(tx, change, ChangeState.CANCELLED, scribe)
    return change


def ripe(tx: Transaction, change_id: str, scribe: Scribe, permitted: Callable[[Person, Change], bool]) -> Change | None:
    """Condition 3, checked again and the change closed: to be done by the caller, in this transaction.

    `permitted` asks policy, as it is now, whether whoever said yes may still do this.
    """
    change = tx.changes.hold(change_id)
    now = scribe.time
    if change is None or not change.open(now) or change.due_at is None or now < change.due_at:
        return None
    if change.wanted.capability == RECOVERY:
        return _recovered(tx, change, scribe)
    said = [person for person in administrators(tx, now) if person.identity.key in change.agreed]
    if not any(permitted(person, change) for person in said):
        _close(tx, change, ChangeState.CANCELLED, scribe)
        return None
    if not is_single(tx, now):
        tx.changes.save(replace(change, due_at=None, until=now + KEPT, announced=False))
        _record(tx, change, EventType.CHANGE_PROPOSED, scribe, code="second_administrator")
        return None
    _close(tx, change, ChangeState.DONE, scribe)
    return change


def propose_recovery(tx: Transaction, identity: LinkedIdentity, scribe: Scribe) -> Change:
    """Somebody claimed the link of `doorward admin recover`: an administrator in a day, with the alarm now.

    Raises `HandleSpent` while another's waits.
    """
    now = scribe.time
    if first_administrator.recovery_waits(tx, now) is not None:
        raise HandleSpent(code="setup.taken")
    change = Change(
        id=secrets.token_hex(4),
        wanted=Wanted(capability=RECOVERY, target=identity.key, arguments={"role": Role.ADMINISTRATOR.value}),
        proposed_by=SHELL,
        proposed_at=now,
        agreed=(identity.key,),
        due_at=now + DELAY,
        until=now + 2 * DELAY,
    )
    tx.changes.insert(change)
    _record(tx, change, EventType.CHANGE_PROPOSED, scribe)
    return change


def _recovered(tx: Transaction, change: Change, scribe: Scribe) -> Change | None:
    """A recovery whose day has passed: done only where nobody else can help still, and the claimant is not locked."""
    claimant = tx.persons.find(identity_from_key(change.wanted.target))
    others = [person for person in administrators(tx, scribe.time) if person.identity.key != change.wanted.target]
    if claimant is None or claimant.locked or len(others) > 1:
        _close(tx, change, ChangeState.CANCELLED, scribe)
        return None
    _close(tx, change, ChangeState.DONE, scribe)
    return change


def _close(tx: Transaction, change: Change, state: ChangeState, scribe: Scribe) -> None:
    tx.changes.save(replace(change, state=state))
    kind = EventType.CHANGE_DONE if state is ChangeState.DONE else EventType.CHANGE_CANCELLED
    _record(tx, change, kind, scribe)


def _record(tx: Transaction, change: Change, kind: EventType, scribe: Scribe, *, code: str = "") -> None:
    single = change.due_at is not None
    if single:
        log.critical(SINGLE, kind=kind.value, change=change.id, capability=change.wanted.capability)
    tx.audit.append(
        scribe.event(
            kind,
            action=change.wanted.capability,
            resource=_about(change),
            decision="alarm" if single else "",
            code=code or (SINGLE if single else change.id),
        )
    )


def _about(change: Change) -> str:
    return f"Person::{change.wanted.target}"


def target_name(tx: Transaction, change: Change) -> str:
    """Whom it is about, as administrators call them."""
    person = tx.persons.find(identity_from_key(change.wanted.target)) if "#" in change.wanted.target else None
    return exact_name(tx, person) if person else change.wanted.target
