"""A person's own factors: what they have, binding a further one, removing one, and who is told of it.

A first factor is bound on a fresh company sign-in alone; everything after that takes a proof by one that is there, or a
recovery code. What changes here ends the person's other sessions (OWASP ASVS 7.4.3) and is told in their chats.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.answer import Draft, Posting
from bot.domain.assurance import counts
from bot.domain.audit import EventType
from bot.domain.cards import Card, Status
from bot.domain.identity import LinkedIdentity, Person
from bot.domain.interaction import Interaction
from bot.domain.notice import Notice
from bot.domain.passkey import Passkey
from bot.domain.proof import Authenticator, ProofMethod
from bot.domain.proposal import Proposal
from bot.domain.session import BrowserSession
from bot.domain.totp import STEP_SECONDS
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.ports.mail import Letter
from bot.services import throttling
from bot.services.audit_trail import Scribe
from bot.services.delivery import direct_place, put_at_once
from bot.texts.formats import moment
from bot.texts.sentences import voice

Factor = Authenticator | Passkey
PERMIT = "factor-permit"
PERMIT_SECONDS = 600
RECORDS = 1000


class Told(StrEnum):
    """What the owner is told of."""

    BOUND = "bound"
    ENROLMENT_FAILED = "enrolment_failed"
    FAILED = "failed"
    OFF = "off"
    RECOVERED = "recovered"
    RECOVERY_FAILED = "recovery_failed"
    REMOVED = "removed"
    RESET = "reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody asks to change about their factors: `remove` (one), `add`, or `recovery` codes made anew."""

    verb: str
    target: str = ""

    def digest(self, identity: LinkedIdentity) -> str:
        """What a proof for this change is bound to."""
        return hashlib.sha256(f"factor|{self.verb}|{self.target}|{identity.key}".encode()).hexdigest()


def of_person(tx: Transaction, identity: LinkedIdentity) -> tuple[Factor, ...]:
    """The confirmed factors, disabled ones too, passkeys first. Raises `IntegrityAlarm`."""
    apps = [item for item in tx.authenticators.of_identity(identity) if item.confirmed_at is not None]
    return (*tx.passkeys.of_identity(identity), *apps)


def check_complete(tx: Transaction, identity: LinkedIdentity) -> None:
    """Raises `IntegrityAlarm` where a factor that was bound is gone without having been removed by us.

    Deleting a row must not give the right to bind another on a company sign-in alone.
    """
    records = tx.audit.search(principal=identity.key, type_prefix="authenticator.", limit=RECORDS)
    bound = sum(record.event.type is EventType.AUTHENTICATOR_BOUND for record in records)
    removed = sum(record.event.type is EventType.AUTHENTICATOR_REMOVED for record in records)
    if bound - removed > len(of_person(tx, identity)):
        raise IntegrityAlarm("a factor that was bound is missing")


def last_used(factor: Factor) -> datetime | None:
    """When it last gave a proof."""
    if isinstance(factor, Passkey):
        return factor.last_used_at
    return (
        datetime.fromtimestamp(factor.last_step * STEP_SECONDS, factor.created_at.tzinfo) if factor.last_step else None
    )


def last_chosen(factor: Factor) -> datetime:
    """When its owner last chose it: to give a proof, or by setting it up."""
    return last_used(factor) or factor.created_at


def permit(tx: Transaction, identity: LinkedIdentity, now: datetime) -> str:
    """The right to bind one further factor, after a proof by one that is there."""
    until = now + timedelta(seconds=PERMIT_SECONDS)
    return tx.interactions.create(Interaction(kind=PERMIT, payload={}, audience=identity.key, until=until))


def that_change(own: tuple[Factor, ...], now: datetime) -> tuple[Factor, ...]:
    """Those of a person's factors that a change among them may be signed with.

    A factor that does not count yet changes nothing where another one does: whoever slipped one in cannot throw out the
    owner's. Where none counts, each may, since all of them stand on the same sign-ins.
    """
    usable = tuple(factor for factor in own if not factor.disabled)
    return tuple(factor for factor in usable if counts(factor.counts_from, now)) or usable


def next_to_count(own: tuple[Factor, ...], now: datetime) -> datetime | None:
    """When the next factor begins to count; None where all do."""
    return min((one.counts_from for one in own if one.counts_from and not counts(one.counts_from, now)), default=None)


def vouch(tx: Transaction, session: BrowserSession, *, yes: bool = True) -> None:
    """Note that something else stands in for a second factor at sign-in; or that this was used up."""
    tx.browsers.end(session.id)
    tx.browsers.open(replace(session, vouched=yes))


def may_bind(
    tx: Transaction,
    identity: LinkedIdentity,
    permit_handle: str,
    now: datetime,
    *,
    spend: bool,
    first: bool = True,
) -> bool:
    """Whether this person may bind a factor now: they have none, or hold a permit, which is then used up.

    `first` says whether their sign-in is good for a first one (`FactorRules.may_bind_first`). Raises `IntegrityAlarm`.
    Of two at once the second finds what the first has bound.
    """
    tx.authenticators.hold(identity)
    if not of_person(tx, identity):
        check_complete(tx, identity)
        return first
    found = tx.interactions.find(permit_handle, now=now) if permit_handle else None
    if found is None or found.kind != PERMIT or found.audience != identity.key:
        return False
    return not spend or tx.interactions.take(permit_handle, now=now) is not None


def remove(tx: Transaction, factor: Factor, scribe: Scribe) -> None:
    """Unbind one factor; with the last one the recovery codes go too."""
    if isinstance(factor, Passkey):
        tx.passkeys.remove(factor.id)
    else:
        tx.authenticators.remove(factor.id)
    tx.audit.append(scribe.event(EventType.AUTHENTICATOR_REMOVED, decision="allow", code=factor.method.value))
    if not of_person(tx, factor.identity):
        tx.recovery_codes.forget(factor.identity)


def remove_all(tx: Transaction, identity: LinkedIdentity, scribe: Scribe) -> None:
    """After a recovery code: what may be in other hands no longer counts, and nothing unconfirmed stays behind."""
    for factor in of_person(tx, identity):
        remove(tx, factor, scribe)
    forget_unconfirmed(tx, identity)
    tx.recovery_codes.forget(identity)


def forget_unconfirmed(tx: Transaction, identity: LinkedIdentity) -> None:
    """A key that was shown before there was any factor must not become one beside it."""
    for item in tx.authenticators.of_identity(identity):
        if item.confirmed_at is None:
            tx.authenticators.remove(item.id)


def end_others(
    tx: Transaction,
    identity: LinkedIdentity,
    kept: BrowserSession | None,
    scribe: Scribe,
    *,
    waiting: Proposal | None = None,
    first: bool = False,
) -> None:
    """End this person's sessions everywhere but in the browser they are changing this in, and what is pending.

    Where this is done for a request that waits, that request and the chat session it was made in stay, and no other.
    With the `first` factor the chat session stays that the very sign-in of this browser opened: it is the present one.
    """
    begun = kept.opened_at if kept is not None and first else None
    stays = None if waiting is None else waiting.channel
    others = [one for one in tx.sessions.of_identity(identity) if one.channel != stays and one.opened_at != begun]
    ended = sum(tx.sessions.end(one.channel) for one in others)
    browsers = tx.browsers.end_all(identity)
    if kept is not None and kept.identity == identity:
        tx.browsers.open(kept)
    # A list lives in its lines: without them there would be nothing left to do.
    tx.proposals.void_all(identity, but=() if waiting is None else (waiting.id, *waiting.members))
    tx.proofs.void_all(identity)
    if ended or browsers > 1:
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, code="factor.changed"))


def letter(owner: Person, method: ProofMethod, counts_from: datetime | None = None) -> Letter | None:
    """The notice to the company mailbox that a factor was bound (ASVS 6.3.7); None where there is no mailbox."""
    if not owner.email:
        return None
    reader = voice(owner.locale)
    name = reader.say(f"factors.methods.{method.value}")
    subject = reader.say("factors.told.bound", factor=name)
    told = [subject, reader.say("factors.told.next")]
    if counts_from is not None:
        told.insert(1, reader.say("factors.told.from", at=moment(counts_from, owner.timezone, reader.language)))
    return Letter(to=owner.email, subject=subject, text="\n\n".join(told) + "\n")


def tell_if_closed(tx: Transaction, identity: LinkedIdentity, path: str, what: Told, now: datetime) -> None:
    """Tell the owner once wrong codes have closed a path for them."""
    owner = tx.persons.find(identity)
    if owner is not None and throttling.codes_left(tx, identity, path, now) == 0:
        tell(tx, owner, what, None, now)


def tell(tx: Transaction, owner: Person, what: Told, method: ProofMethod | None, now: datetime) -> None:
    """Post to every chat account of the owner, out of band of the page this is done on (OWASP ASVS 6.3.7)."""
    reader = voice(owner.locale)
    name = "" if method is None else reader.say(f"factors.methods.{method.value}")
    card = Card(
        headline=reader.say(f"factors.told.{what.value}", factor=name),
        body=reader.say("factors.told.next"),
        status=Status.PLAIN,
    )
    for link in tx.links.of_identity(owner.identity):
        to = link.channel
        told = Posting(draft=Draft(card=card), to=to, place=direct_place(to), notice=Notice.FACTOR_CHANGED)
        put_at_once(tx, told, now)
