"""The second factor: binding an authenticator, checking a code, and the proof that comes of it.

A code counts when all of this holds:

(1) the path (chat or page) has tries left for this person; the try is counted before anything is compared. After five
    wrong codes from the chat only the page takes one, until one was right there;
(2) the person has a confirmed authenticator that is not disabled, and whose delay is over (`assurance.FactorRules`);
    one to be confirmed was made a quarter of an hour ago at the most; the attempt is counted as a failure first;
(3) the code is that of a time step inside the window, later than the last accepted one (RFC 6238 §5.2);
(4) storing that step succeeds, which it does once among all replicas; it also clears the failures.

The caller binds the proof to a digest or a named set and inserts it in the same transaction.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.assurance import counts
from bot.domain.identity import LinkedIdentity
from bot.domain.proof import OWN_READING_SECONDS, PROOF_SECONDS, Authenticator, ConsentKind, Proof, ProofMethod
from bot.domain.proposal import Proposal
from bot.domain.session import Session, SessionLimits
from bot.domain.totp import MAX_CHAT_FAILURES, accepted_step, new_seed
from bot.ports.database import Transaction
from bot.services import factors, throttling
from bot.services.factors import Factor, Told
from bot.services.sessions import SESSION_ID_BYTES

KEY_SHOWN = timedelta(minutes=15)
"""How long a key that was shown may be confirmed: who left the page, or photographed it, begins anew."""


class CodePath(StrEnum):
    """Where a code was typed; failures are counted apart."""

    CHAT = "chat"
    PAGE = "page"


class CodeRefusal(StrEnum):
    """Why a code did not count; the audit trail's code."""

    CHAT_CLOSED = "totp.chat_closed"
    THROTTLED = "totp.throttled"
    NO_AUTHENTICATOR = "totp.none"
    DISABLED = "totp.disabled"
    NOT_ENOUGH = "totp.not_enough"
    TOO_NEW = "totp.too_new"
    WRONG = "totp.wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A fresh authenticator, to be shown once. `seed` is a secret."""

    authenticator_id: str
    seed: str


def usable(tx: Transaction, identity: LinkedIdentity, now: datetime) -> tuple[Factor, ...]:
    """The factors that can give a proof now."""
    return counting(factors.of_person(tx, identity), now)


def counting(own: tuple[Factor, ...], now: datetime) -> tuple[Factor, ...]:
    """Those of a person's factors that can give a proof now."""
    return tuple(item for item in own if not item.disabled and counts(item.counts_from, now))


def begin_enrolment(tx: Transaction, identity: LinkedIdentity, now: datetime) -> Enrolment | None:
    """Bind an unconfirmed authenticator app; earlier unconfirmed ones go. None where a confirmed one exists.

    The caller has checked that a fresh company sign-in, and `factors.may_bind`, stand behind this. Raises
    `IntegrityAlarm` where one was bound and its row is gone: deleting it must not give the right to bind another.
    """
    tx.authenticators.hold(identity)
    for item in tx.authenticators.of_identity(identity):
        if item.confirmed_at is not None:
            return None
        tx.authenticators.remove(item.id)
    factors.check_complete(tx, identity)
    seed = new_seed()
    authenticator = Authenticator(
        id=secrets.token_hex(12),
        identity=identity,
        method=ProofMethod.TOTP,
        name="authenticator app",
        created_at=now,
        confirmed_at=None,
        last_step=0,
        failures=0,
        disabled=False,
    )
    tx.authenticators.insert(authenticator, seed)
    return Enrolment(authenticator_id=authenticator.id, seed=seed)


def check_code(
    tx: Transaction,
    identity: LinkedIdentity,
    code: str,
    *,
    path: CodePath,
    now: datetime,
    enrolling: bool = False,
    too_new_as_well: bool = False,
    counts_from: datetime | None = None,
) -> Authenticator | CodeRefusal:
    """Check conditions (1) to (4) of this module; the authenticator that the code is of, or why not.

    With `enrolling` the code confirms a new one, which counts from `counts_from`. `too_new_as_well` is for what is not
    an action: a change among factors of which none counts yet, and the claim of a link from the host.
    """
    # Condition 1 of the list above.
    if not throttling.allows_code(tx, identity, path.value, now):
        return CodeRefusal.THROTTLED
    # Condition 2 of the list above.
    candidates = [
        item
        for item in tx.authenticators.of_identity(identity)
        if item.method is ProofMethod.TOTP
        and (item.confirmed_at is None) is enrolling
        and not (enrolling and now - item.created_at > KEY_SHOWN)
    ]
    if not candidates:
        return CodeRefusal.NO_AUTHENTICATOR
    authenticator = candidates[0]
    if authenticator.disabled:
        return CodeRefusal.DISABLED
    if not too_new_as_well and not counts(authenticator.counts_from, now):
        return CodeRefusal.TOO_NEW
    if path is CodePath.CHAT and authenticator.chat_failures >= MAX_CHAT_FAILURES:
        return CodeRefusal.CHAT_CLOSED
    authenticator = tx.authenticators.count_attempt(authenticator.id, from_chat=path is CodePath.CHAT)
    if authenticator.disabled:
        _warn(tx, authenticator, path, now)
        return CodeRefusal.DISABLED
    # Condition 3 of the list above.
    step = accepted_step(tx.authenticators.seed(authenticator.id), code, now, last_step=authenticator.last_step)
    if step is None:
        _warn(tx, authenticator, path, now)
        return CodeRefusal.WRONG
    # Condition 4 of the list above.
    if not tx.authenticators.accept(authenticator.id, step=step, now=now, counts_from=counts_from):
        return CodeRefusal.WRONG
    throttling.code_counted(tx, identity, path.value, now)
    return authenticator


def _warn(tx: Transaction, authenticator: Authenticator, path: CodePath, now: datetime) -> None:
    """Tell the owner where wrong codes have closed a path, or switched the authenticator off: once each."""
    owner = tx.persons.find(authenticator.identity)
    closed = throttling.codes_left(tx, authenticator.identity, path.value, now) == 0
    if owner is not None and (closed or authenticator.disabled):
        factors.tell(tx, owner, Told.OFF if authenticator.disabled else Told.FAILED, authenticator.method, now)


def prove(
    tx: Transaction,
    identity: LinkedIdentity,
    *,
    method: ProofMethod,
    kind: ConsentKind,
    binding: str,
    now: datetime,
    session: Session | None = None,
    src_ip: str | None = None,
    phishing_resistant: bool = False,
    just_made: bool = False,
) -> Proof:
    """Write the proof that a checked second factor gives, bound to one digest or one named set.

    A passkey's signature resists phishing, its making (`just_made`) does not; of a provider's sign-in the caller knows.
    The chat `session` it was asked in, where there is one, gets a new id (ASVS 7.2.4), and what a proof has opened for
    it stays open under that one.
    """
    seconds = PROOF_SECONDS if kind is ConsentKind.PER_ACTION else OWN_READING_SECONDS
    proof = Proof(
        id=secrets.token_hex(16),
        identity=identity,
        method=method,
        phishing_resistant=(method is ProofMethod.PASSKEY and not just_made) or phishing_resistant,
        kind=kind,
        binding=binding,
        at=now,
        until=now + timedelta(seconds=seconds),
        src_ip=src_ip,
    )
    tx.proofs.insert(proof)
    if session is not None:
        renewed = tx.sessions.renew(session, secrets.token_urlsafe(SESSION_ID_BYTES))
        tx.proofs.rebind(identity, reading_binding(session.id, ""), reading_binding(renewed.id, ""))
    return proof


def session_of(tx: Transaction, proposal: Proposal, limits: SessionLimits, now: datetime) -> Session | None:
    """The chat session something was proposed in, where that is alive."""
    for session in tx.sessions.of_identity(proposal.identity):
        if session.channel == proposal.channel and session.alive(now, limits):
            return session
    return None


def reading_binding(session_id: str, reading_set: str) -> str:
    """What a proof for one's own reading is bound to: this session and that named set."""
    return f"reading|{session_id}|{reading_set}"
