"""One message on its way: what is known of it so far, its trace, and the one transaction that ends it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Unpack

from bot.domain.action import SALT_BYTES, CanonicalAction, ResourceFacts, ResourceRef
from bot.domain.answer import Answer, Button, Draft, Posting
from bot.domain.audit import AuditEvent, AuditRecord, EventType
from bot.domain.cards import Action, Audience, Card, Status
from bot.domain.identity import Principal
from bot.domain.intent import ArgumentValue, Intent, Origin
from bot.domain.interaction import Interaction
from bot.domain.messages import IN_ANSWER, EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.outbound import OutboxItem
from bot.domain.proof import Proof, ProofMethod
from bot.domain.proposal import Proposal
from bot.domain.session import Standing
from bot.ports.clock import Clock
from bot.ports.connectors import OutcomeUnknown
from bot.ports.database import Transaction
from bot.ports.trace import NullTracer, Step, StepOutcome, TraceDetails, TraceEntry, Tracer
from bot.services import views
from bot.services.audit_trail import Scribe
from bot.services.authorization import Circumstances
from bot.services.buttons import with_handles
from bot.services.delivery import Delivery
from bot.services.effects import Ran
from bot.services.factors import Factor
from bot.texts.sentences import Voice, voice
from policy.model import Obligations

SLOT = "partial"
DID_NOT_HELP = "did_not_help"
"""The capability that sends a sentence to whoever answers for Doorward."""
GUESSED = frozenset({Origin.CLASSIFIER, Origin.MODEL})
MOST_BUTTONS = 5
"""More are drawn badly on Slack and Teams."""
ABSENT, RECONCILED = "reconciled.absent", "reconciled.done"
"""How an effect ended that was looked up: not done, or done."""
REPLACES_CARD = frozenset({"done", "dismissed", OutcomeUnknown.code, ABSENT, RECONCILED})
"""What stands on the card it was asked for with, whose buttons are no longer good; anything else stands beside it."""
OWN_BUTTONS = frozenset({"confirm", "dismiss"})
"""The buttons of a proposal's own card."""
IN_PLACE_SECONDS = 1.8
"""Later than this the platform has been answered "working on it" already."""
PENDING_SECONDS = 600
"""What waits in a conversation waits ten minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a decision asks for before the act: a press, a second factor, or an authenticator first."""

    obligations: Obligations
    method: ProofMethod | None
    """The second factor to offer first."""
    decision: str
    """The audit trail's word for it."""
    methods: tuple[ProofMethod, ...] = ()
    """Every kind of second factor that would do."""
    enrol: bool = False
    press_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What steps 1 to 3 read of a message."""

    within: bool
    """Whether the budget allows it; where not, nothing else was looked at."""
    standing: Standing | None = None
    slot: IncomingMessage | None = None
    pressed: Interaction | None = None
    proposal: Proposal | None = None
    proof: Proof | None = None
    """The unspent proof that it goes on with."""
    factors: tuple[Factor, ...] | None = None
    """The person's own, where it is decided with that proof next."""
    outside: bool = False
    """Not in the pilot: nothing else was looked at."""
    told: bool = False
    """They were told so before."""


@dataclass(slots=True, kw_only=True)
class Turn:
    """Mutable, and lives for one message only."""

    message: IncomingMessage
    row: str | None
    in_browser: bool
    clock: Clock
    tracer: Tracer
    scribe: Scribe
    src_ip: str | None = None
    unread: Arrived | None = None
    """What was read when the message was made durable; used once, since deciding again reads again."""
    standing: Standing | None = None
    principal: Principal | None = None
    proposal: Proposal | None = None
    slot: IncomingMessage | None = None
    """What was asked back before, waiting for its answer."""
    pressed: Interaction | None = None
    offered: Proof | None = None
    """The proof it goes on with, as steps 1 to 3 read it; whether it still counts is T1's to find out."""
    factors: tuple[Factor, ...] | None = None
    """The person's own, read with that proof; None where they were not."""
    action: CanonicalAction | None = None
    facts: ResourceFacts | None = None
    origin: str = ""
    intent: Intent | None = None
    target: ResourceRef | None = None
    """What it is about, as the person named it."""
    arguments: Mapping[str, ArgumentValue] = field(default_factory=dict)
    """The intent's arguments that become part of the canonical action."""
    own_record: bool = False
    """Whether it is about the person's own."""
    cedar_action: str = ""
    salt: str = field(default_factory=lambda: secrets.token_hex(SALT_BYTES))
    circumstances: Circumstances | None = None
    rules: tuple[str, ...] = ()
    policy_hash: str = ""
    proof: Proof | None = None
    approves: tuple[str, ...] = ()
    """As what this would count, where several have to approve."""
    revalidated: bool = False
    effect: Ran | None = None
    learnt: dict[ResourceRef, ResourceFacts] | None = None
    """Facts shared by what is weighed together, only to be shown; None where something may come of a decision."""
    unhelped: str = ""
    """What they typed, or which action they pressed for: it may be sent to whoever answers for Doorward."""
    was_on: str | None = None
    """What is looked up was pressed on this card."""
    quiet: bool = False
    """One of a list: what becomes of it stands in the answer for the whole list."""
    outbox: list[OutboxItem] = field(default_factory=list)
    view: Card | None = None
    """The answer, where the platform shows it on the pressed card to this person alone."""
    beside: tuple[Action, ...] = ()
    """The shared card's own buttons that stand under such an answer."""
    back: str = ""
    """The address of the shared card it began on."""
    _since: float = field(default_factory=time.perf_counter)

    @property
    def now(self) -> datetime:
        """The clock's time; asked anew at each step."""
        return self.clock.now()

    @property
    def voice(self) -> Voice:
        """The reader's language: the person's, else the platform's."""
        return voice((self.principal.locale if self.principal else "") or self.message.locale)

    @property
    def person(self) -> Principal:
        """The principal, once step 2 has found one."""
        assert self.principal is not None
        return self.principal

    def trace(self, step: Step, outcome: StepOutcome, **details: Unpack[TraceDetails]) -> None:
        """Record how a step ended, and how long it took since the one before; nothing where nobody looks."""
        if isinstance(self.tracer, NullTracer):
            return
        here = time.perf_counter()
        entry = TraceEntry(step=step, outcome=outcome, seconds=here - self._since, **details)
        self.tracer.record(self.scribe.correlation, entry)
        self._since = here

    def traced(self, record: AuditRecord) -> None:
        """Record the audit record's place in the log."""
        self.trace(Step.OUT, StepOutcome.OK, audit_seq=record.seq, audit_hash=record.hash)

    @property
    def own_card(self) -> str | None:
        """The card of a proposal that is being consented to or dropped, by the press on it."""
        pressed = self.pressed is not None and self.pressed.kind in OWN_BUTTONS
        return self.message.source if pressed else self.was_on

    @property
    def dialog_open(self) -> bool:
        """Whether a loading dialog waits for this turn's answer."""
        return self.message.window is ReplyWindow.OPENS_DIALOG and self.message.trigger is not None

    @property
    def left_open(self) -> str | None:
        """The loading dialog of a process that is gone: whoever may still look at it is told where the answer is."""
        return self.message.trigger if self.message.window is ReplyWindow.NONE else None

    @property
    def dialog_wanted(self) -> bool:
        """Whether the answer may be a dialog: one is open already, or the platform opens what it is answered."""
        in_answer = self.message.window is ReplyWindow.IN_RESPONSE and self.message.trigger == IN_ANSWER
        return self.dialog_open or in_answer


def conclude(
    tx: Transaction,
    turn: Turn,
    answer: Answer,
    delivery: Delivery,
    follow: Callable[[], tuple[Posting, ...]],
    *,
    ended: bool = False,
) -> None:
    """Queue the answer and what follows from it, and end the inbox row: part of the transaction of what they tell.

    Where another process took the row over and has answered, nothing is queued. `ended`: it was ended with the intent.
    """
    if turn.row is not None and not ended and not tx.inbox.complete(turn.row, turn.now):
        return
    postings = [*_own(tx, turn, answer, delivery), *follow()]
    if turn.message.comes_back and not _asks_to_sign_in(answer):
        again = views.bring_back(tx, turn.message, turn.pressed, turn.now)
        postings += [] if again is None else [again]
    turn.outbox += delivery.put_all(tx, postings, turn.scribe.correlation)


def proposal_card(proposal_id: str) -> str:
    """Under what a proposal's own card is found, to be replaced by what became of it."""
    return f"Proposal::{proposal_id}"


def _outcome_of(turn: Turn) -> str:
    """Under what is found, to be replaced by the outcome, that it is not known yet."""
    return f"Outcome::{turn.scribe.correlation}"


def _its_own(tx: Transaction, turn: Turn, answer: Answer) -> Sequence[tuple[Place, str]]:
    """Where the answer takes the place of what it is the answer to: the card that was consented to, or "I'm checking".

    A process that died after the card was posted may not have written down where: then it is the card that was pressed.
    """
    if answer.code not in REPLACES_CARD:
        return ()
    copies = [] if turn.proposal is None else [*tx.posted.about(proposal_card(turn.proposal.id))]
    copies += tx.posted.about(_outcome_of(turn)) if answer.code != OutcomeUnknown.code else ()
    known = [(posted.place, posted.message) for posted in copies]
    if known or turn.proposal is None or turn.own_card is None:
        return known
    return [(turn.message.place, turn.own_card)]


def _own(tx: Transaction, turn: Turn, answer: Answer, delivery: Delivery) -> tuple[Posting, ...]:
    """The answer to the person; not in chat where an open dialog or the browser shows it."""
    turn.back = _way_back(tx, turn, answer, delivery)
    if answer.draft is None or turn.dialog_open or turn.quiet:
        return ()
    if answer.code == "done" and answer.dialog is not None and turn.dialog_wanted and _in_time(turn):
        return ()
    if _shown_in_place(turn, answer):
        card = with_handles(tx, answer.draft, turn.message.who, turn.now)
        turn.view = replace(card, actions=(*turn.beside, *card.actions))
        return ()
    if turn.message.automatic:
        return ()
    draft, place, who = _or_tell_the_owner(turn, answer, answer.draft), turn.message.place, turn.message.who
    if own := _its_own(tx, turn, answer):
        draft = draft if answer.refused else answer.draft
        return tuple(Posting(draft=draft, to=who, place=where, edits=message) for where, message in own)
    if answer.code == OutcomeUnknown.code:
        draft = replace(draft, about=_outcome_of(turn))
    if turn.in_browser and answer.continue_path is not None:
        return ()
    return (Posting(draft=_leading_back(turn, draft), to=who, place=place),)


def _way_back(tx: Transaction, turn: Turn, answer: Answer, delivery: Delivery) -> str:
    """The address of the shared card that a press was made on, whose answer stands in the person's own chat."""
    source = turn.message.source or (turn.proposal.source if turn.proposal is not None else None)
    place = turn.message.place
    if source is None or place.kind is PlaceKind.DIRECT or _asks_to_sign_in(answer):
        return ""
    return delivery.link_to(tx, place, source)


def _leading_back(turn: Turn, draft: Draft) -> Draft:
    if not turn.back or draft.audience is not Audience.PERSON:
        return draft
    link = Action(label=turn.voice.say("views.back"), url=turn.back)
    return replace(draft, card=replace(draft.card, actions=(*draft.card.actions, link)))


def _asks_to_sign_in(answer: Answer) -> bool:
    return answer.code.startswith("sign_in.")


def _or_tell_the_owner(turn: Turn, answer: Answer, draft: Draft) -> Draft:
    """With "This didn't help" under what was refused, failed, or guessed from what was typed."""
    if answer.code == "done" and not answer.refused and (turn.pressed or turn.proposal):
        return draft  # it did what was pressed, whatever colour its answer has
    guessed = turn.origin in GUESSED and turn.pressed is None and turn.proposal is None
    helped = draft.card.status not in {Status.DENIED, Status.BROKEN} and not guessed
    full = len(draft.buttons) + len(draft.card.actions) >= MOST_BUTTONS
    if not turn.unhelped or helped or full:
        return draft
    sending = Intent(capability=DID_NOT_HELP, arguments={"sentence": turn.unhelped}, origin=Origin.PRESS)
    button = Button(label=turn.voice.say("account.did_not_help.button"), intent=sending)
    return replace(draft, buttons=(*draft.buttons, button))


def _shown_in_place(turn: Turn, answer: Answer) -> bool:
    """Only what was read for them: whatever asks for something else, or comes late, goes to the person's own chat."""
    return turn.message.in_place and _in_time(turn) and turn.proposal is None and answer.code == "done"


def _in_time(turn: Turn) -> bool:
    return turn.now - turn.message.received_at < timedelta(seconds=IN_PLACE_SECONDS)


def slot_message(message: IncomingMessage, partial: Intent, missing: str) -> IncomingMessage:
    """What waits for an answer, in the form in which a conversation's pending row is kept."""
    kept = {"capability": partial.capability, "arguments": partial.arguments, "origin": partial.origin}
    fields = {SLOT: json.dumps(kept), "missing": missing}
    return replace(message, kind=EventKind.RESUME, text="", handle="", fields=fields, window=ReplyWindow.NONE)


def is_slot(message: IncomingMessage) -> bool:
    """Whether a message that waited is one of `slot_message`: a platform's own is no RESUME, whatever its fields."""
    return message.kind is EventKind.RESUME and SLOT in message.fields


def read_slot(slot: IncomingMessage) -> tuple[Intent, str]:
    """The partial intent, and the argument that was asked for."""
    kept = json.loads(slot.fields[SLOT])
    partial = Intent(capability=kept["capability"], arguments=kept["arguments"], origin=Origin(kept["origin"]))
    return partial, slot.fields["missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a message ends short of an effect: the event that records it, and the answer, made in that transaction."""

    event: AuditEvent
    answer: Callable[[Transaction], Answer]


def close(tx: Transaction, turn: Turn, ending: Ending, delivery: Delivery) -> tuple[Answer, AuditRecord]:
    """Event, answer and the end of the inbox row: what ends a message is written as one."""
    turn.outbox.clear()  # a transaction may run again: what its first run queued was never stored
    answer = ending.answer(tx)
    record = tx.audit.append(ending.event)
    conclude(tx, turn, answer, delivery, tuple)
    return answer, record


def end(turn: Turn, kind: EventType, decision: str, answer: Answer, *, code: str = "") -> Ending:
    """An ending whose answer needs nothing of the transaction."""
    return Ending(event=event(turn, kind, decision, code=code or answer.code), answer=lambda _: answer)


def event(turn: Turn, kind: EventType, decision: str, *, code: str = "") -> AuditEvent:
    """An audit event with everything this turn knows."""
    return turn.scribe.event(
        kind,
        action=turn.cedar_action,
        resource=str(turn.action.resource) if turn.action else "",
        decision=decision,
        rules=turn.rules,
        policy_hash=turn.policy_hash,
        code=code,
        digest=turn.action.digest if turn.action else "",
        time=turn.now,
    )
