"""What the directory tells us of a person takes effect here: in one transaction, everywhere at the next message.

What holds for every signal, whoever sends it:

1. its id counts once, in the transaction of its effect;
2. it reaches only people of the issuer that its source is bound to, by subject;
3. it takes away, or has the provider asked again; it never gives a role, a session, or anything that waited back;
4. what it locks, the same source may unlock (all of them, where several did), and an administrator; what an
   administrator locked, no signal unlocks;
5. however many people one source disables, nothing of them is deleted, and from a number on somebody is alarmed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import LinkedIdentity, Person
from bot.domain.signal import (
    EFFECTS,
    NEVER_CHECKED_YEAR,
    Happening,
    Signal,
    SignalEffect,
    SignalKind,
    SignalSource,
    is_suspension,
    suspension,
)
from bot.errors import AccountRevoked, IntegrityAlarm
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.services.audit_trail import Scribe
from bot.services.sessions import PROVIDER_SESSION_SECONDS, end_everything

KEPT = timedelta(days=14)
"""How long an id is remembered: longer than the oldest signal that is taken."""
DISABLES_A_MINUTE = 20
"""More from one source than this is a mistake or an attack, until somebody has looked."""
RECORDS = 100
"""So many signals about one person within one sign-in are no time to sign in."""
ENDS = frozenset({SignalEffect.END, SignalEffect.SUSPEND})
ENDED_BY_OTHERS = frozenset({AccountRevoked.code, "session.own_all"})
"""Codes of `SESSION_ENDED` that mean everything of a person: their provider, or they themselves, ended it."""
ENDED_BY_ADMINISTRATORS = frozenset({"RevokeSessions", "LockPerson", "EndCompanySessions"})
"""Actions that mean the same."""
NEVER_CHECKED = datetime(NEVER_CHECKED_YEAR, 1, 1, tzinfo=UTC)

log = structlog.get_logger("doorward.signals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """Takes verified signals."""

    database: Database
    clock: Clock

    async def receive(self, signal: Signal) -> bool:
        """Store and carry out; durable when this returns. False when this id counted before.

        Raises `StorageUnavailable`: nothing was done, and the sender has to send again.
        """
        return await self.database.write(lambda tx: receive(tx, signal, self.clock.now()))

    async def whose_over(self, issuer: str, session: str) -> LinkedIdentity | None:
        """The person of a provider's session that is over; of nobody's yet it is kept that no sign-in may open on it.

        Raises `StorageUnavailable`.
        """
        now = self.clock.now()

        def work(tx: Transaction) -> LinkedIdentity | None:
            tx.signals.hold_session(issuer, session)
            tx.signals.remember(over_mark(issuer), session, until=now + timedelta(seconds=PROVIDER_SESSION_SECONDS))
            return tx.signals.whose_session(issuer, session, now=now)

        return await self.database.write(work)

    async def verified_at(self, source: SignalSource) -> str | None:
        """When this source's last verification event came. Raises `StorageUnavailable`."""
        return await self.database.read(lambda tx: tx.jobs.mark(verified_mark(source.channel)))


def over_mark(issuer: str) -> str:
    """Under which the ended sessions of a provider are remembered, apart from the ids of signals."""
    return f"session-over:{issuer}"


def session_over(tx: Transaction, claims: VerifiedClaims, now: datetime) -> bool:
    """Whether the provider's session behind this sign-in was ended, be it before anybody here knew of it.

    Whoever is told that it is over while this transaction is under way waits for it, and finds what it opened.
    """
    if claims.session is None:
        return False
    tx.signals.hold_session(claims.issuer, claims.session)
    return tx.signals.remembered(over_mark(claims.issuer), claims.session, now=now)


def receive(tx: Transaction, signal: Signal, now: datetime) -> bool:
    """Condition (1), and then each happening. Raises `StorageUnavailable`."""
    if not tx.signals.remember(signal.source.channel, signal.id, until=now + KEPT):
        return False
    tx.jobs.set_mark(heard_mark(signal.source.channel), now.isoformat())
    scribe = Scribe(time=now, channel=signal.source.channel, correlation=signal.id)
    for happening in signal.happenings:
        happened(tx, signal.source, happening, scribe)
    return True


def happened(tx: Transaction, source: SignalSource, happening: Happening, scribe: Scribe) -> None:
    """Carry out one happening, and write it down. Raises `StorageUnavailable`."""
    kind, subject = happening.kind, happening.subject
    effect, known = EFFECTS[kind], False
    if kind is SignalKind.VERIFICATION:
        tx.jobs.set_mark(verified_mark(source.channel), scribe.time.isoformat())
    elif subject is None or subject.issuer != source.issuer:
        # Condition 2 of the list above.
        effect, subject = SignalEffect.NONE, None
    else:
        known = _carry_out(tx, source, effect, subject, scribe)
    scribe = replace(scribe, principal=subject.key if subject is not None and known else "")
    tx.audit.append(
        scribe.event(
            EventType.SIGNAL_RECEIVED,
            action=kind,
            resource="" if subject is None else f"Person::{subject.key}",
            code=f"signal.{effect}" if known or kind is SignalKind.VERIFICATION else "signal.nobody",
        )
    )


def ended_since(tx: Transaction, identity: LinkedIdentity, since: datetime) -> bool:
    """Whether everything of this person was ended from then on: a sign-in begun before that must not open a session.

    By a signal, by an administrator, by the provider when it was asked, or by themselves. Read from the audit log,
    which has a record of everybody a source spoke of, known here or not, and from which none can be taken out unseen.
    """
    told = _told(tx, identity, since)
    if len(told) == RECORDS or any(EFFECTS[SignalKind(event.action)] in ENDS for event in told):
        return True
    search = partial(tx.audit.search, since=since, limit=RECORDS)
    ended = search(principal=identity.key, type_prefix=EventType.SESSION_ENDED)
    done = search(resource=f"Person::{identity.key}", type_prefix=EventType.EFFECT_FINISHED)
    by_others = any(record.event.code in ENDED_BY_OTHERS for record in ended)
    return by_others or any(record.event.action in ENDED_BY_ADMINISTRATORS for record in done)


def good_as_of(tx: Transaction, identity: LinkedIdentity, said_at: datetime | None) -> datetime:
    """As of when a provider's word may be taken: of no time, where a source spoke of this person since."""
    return NEVER_CHECKED if said_at is None or _told(tx, identity, said_at) else said_at


def _told(tx: Transaction, identity: LinkedIdentity, since: datetime) -> list[AuditEvent]:
    found = tx.audit.search(
        resource=f"Person::{identity.key}", type_prefix=EventType.SIGNAL_RECEIVED, since=since, limit=RECORDS
    )
    return [record.event for record in found]


def _carry_out(
    tx: Transaction, source: SignalSource, effect: SignalEffect, subject: LinkedIdentity, scribe: Scribe
) -> bool:
    """Whether this is somebody who was here: of nobody else is there a record that names them as principal."""
    person, forged = _find(tx, subject, scribe)
    scribe = replace(scribe, principal=subject.key if person is not None or forged else "")
    if effect is SignalEffect.RECHECK:
        _recheck(tx, subject, person)
    elif effect is SignalEffect.RESTORE:
        _restore(tx, source, person, scribe)
    else:
        _end(tx, source, subject, person, scribe, suspends=effect is SignalEffect.SUSPEND)
    return person is not None or forged


def _end(
    tx: Transaction,
    source: SignalSource,
    subject: LinkedIdentity,
    person: Person | None,
    scribe: Scribe,
    *,
    suspends: bool,
) -> None:
    if person is not None:
        # The row is written first: a sign-in that is under way comes before all of this, or waits for it.
        locks = suspends and not person.locked
        reason = suspension(source) if locks else person.lock_reason
        if suspends and person.locked and is_suspension(reason):
            reason = " ".join(sorted({*reason.split(), suspension(source)}))
        tx.persons.save(
            replace(person, idp_checked_at=NEVER_CHECKED, locked=person.locked or locks, lock_reason=reason)
        )
        if locks:
            tx.audit.append(_lock_event(EventType.PERSON_LOCKED, subject, scribe))
            _count(tx, source, scribe)
    ended = end_everything(tx, subject)
    if ended.sessions or ended.browsers:
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, code="session.signal"))


def _recheck(tx: Transaction, subject: LinkedIdentity, person: Person | None) -> None:
    """What waits was shown and decided under attributes that may have changed; it is to be asked for again."""
    if person is not None:
        tx.persons.save(replace(person, idp_checked_at=NEVER_CHECKED))
    tx.proposals.void_all(subject)
    tx.proofs.void_all(subject)


def _restore(tx: Transaction, source: SignalSource, person: Person | None, scribe: Scribe) -> None:
    """(4): only what this very source locked."""
    if person is None:
        return
    sources = set(person.lock_reason.split()) if person.locked and is_suspension(person.lock_reason) else set()
    others = " ".join(sorted(sources - {suspension(source)}))
    ours = bool(sources) and not others
    locked, reason = (False, "") if ours else (person.locked, others or person.lock_reason)
    tx.persons.save(replace(person, idp_checked_at=NEVER_CHECKED, locked=locked, lock_reason=reason))
    if ours:
        tx.audit.append(_lock_event(EventType.PERSON_UNLOCKED, person.identity, scribe))


def _find(tx: Transaction, subject: LinkedIdentity, scribe: Scribe) -> tuple[Person | None, bool]:
    """The person, or that the row is forged: that is denied at every use, and must not keep a session by it."""
    try:
        return tx.persons.find(subject), False
    except IntegrityAlarm as alarm:
        log.critical("integrity_alarm", code=alarm.code, correlation=scribe.correlation)
        event = scribe.event(EventType.INTEGRITY_ALARM, principal=subject.key, decision="error", code=alarm.code)
        tx.audit.append(event)
        return None, True


def _lock_event(kind: EventType, subject: LinkedIdentity, scribe: Scribe) -> AuditEvent:
    return scribe.event(kind, resource=f"Person::{subject.key}", code="lock.signal")


def _count(tx: Transaction, source: SignalSource, scribe: Scribe) -> None:
    """(5): the alarm is given once a minute."""
    key, now = f"signals.disabled:{source.channel}", scribe.time
    if tx.throttle.hit(key, limit=DISABLES_A_MINUTE, window_seconds=60, now=now):
        return
    if tx.throttle.used(key, window_seconds=60, now=now) == DISABLES_A_MINUTE + 1:
        log.critical("mass_disable", source=source.channel, limit=DISABLES_A_MINUTE)
        tx.audit.append(scribe.event(EventType.SIGNAL_ALARM, principal="", code="signal.mass_disable"))


def verified_mark(channel: str) -> str:
    """The mark of when a source's last verification event came."""
    return f"signals.verified:{channel}"


def heard_mark(channel: str) -> str:
    """The mark of when anything new came of a source."""
    return f"signals.heard:{channel}"
