"""Steps 1 to 3: the budget, the link and the session of whoever sent a message; or the sign-in offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.identity import principal_of
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.proof import ConsentKind, Proof
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.rollout import Rollout
from bot.domain.session import SessionLimits, SessionState, Standing
from bot.errors import IntegrityAlarm
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome
from bot.services import factors, refusals, start_card, tickets, views
from bot.services.bindings import proposal_under
from bot.services.buttons import PRESSED, TYPED_ON_PAGE, WRITTEN
from bot.services.delivery import direct_place
from bot.services.factors import Factor
from bot.services.link_codes import comes_to_type, typing
from bot.services.sessions import end_seen_over
from bot.services.step_up import reading_binding
from bot.services.throttling import allows_message, says_so
from bot.services.turns import PENDING_SECONDS, Arrived, Ending, Turn, end, is_slot
from bot.services.unlinking import disowning, is_disowning
from bot.texts.formats import clock_time, is_zone

_PLACE: TypeAdapter[Place] = TypeAdapter(Place)
TYPED = (EventKind.MESSAGE, EventKind.COMMAND)
OUTSIDE = "rollout.outside"
TOLD_SECONDS = 30 * 86_400
"""Whoever is not in the pilot is told so once in this time."""
SIGN_IN = frozenset({"sign-in", "signin", "sign in"})


class Arrival:
    """Finds out who is there."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        limits: SessionLimits,
        public_url: str,
        rollout: Rollout | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._public_url = public_url
        self._rollout = rollout or Rollout()

    def at_the_door(
        self,
        tx: Transaction,
        message: IncomingMessage,
        *,
        proposal: Proposal | None = None,
        proof: Proof | None = None,
    ) -> Arrived | None:
        """What these steps need, read in the transaction that makes the message durable.

        With the `proposal` that it goes on with, and the `proof` just made for it, where this transaction knows both.
        None where a row is not ours: the message stays, and `receive` comes to the same and says so.
        """
        known = Arrived(within=True, proposal=proposal, proof=proof)
        try:
            return self._read(tx, message, known, counted=False)
        except IntegrityAlarm:
            return None

    async def receive(self, turn: Turn) -> Ending | None:
        """Fill in the turn's standing and principal; an ending where the message may not go on.

        Raises `IntegrityAlarm`, `StorageUnavailable`.
        """
        arrived, turn.unread = turn.unread, None
        if arrived is None:
            arrived = await self._database.write(lambda tx: self._again(tx, turn))
        if not arrived.within or arrived.standing is None:
            return _too_much(turn, told=arrived.told)
        turn.trace(Step.THROTTLE, StepOutcome.OK)
        if turn.message.by_app:
            return _ask_whether_meant(turn)
        if arrived.outside:
            return self._outside(turn, told=arrived.told)
        standing = turn.standing = arrived.standing
        turn.slot, turn.pressed, turn.proposal = arrived.slot, arrived.pressed, arrived.proposal
        turn.offered, turn.factors = arrived.proof, arrived.factors
        if ending := disowning(turn) or typing(turn):
            return ending
        if standing.state is not SessionState.ALIVE or standing.person is None:
            step = Step.WHO if standing.state is SessionState.NOT_LINKED else Step.SESSION
            turn.trace(step, StepOutcome.ASKED, code=standing.state)
            return self._offer(turn, standing.state)
        self._recognise(turn, standing)
        if ending := _check_handle(turn):
            return ending
        _back_to_the_thread(turn)
        return None

    def again(self, tx: Transaction, turn: Turn) -> Arrived | None:
        """What `receive` would read after a transaction of somebody else's, read in it; None as `at_the_door`."""
        try:
            return self._again(tx, turn)
        except IntegrityAlarm:
            return None

    def _again(self, tx: Transaction, turn: Turn) -> Arrived:
        """Read now; a turn that was counted already, and decides again, keeps what was taken for it."""
        known = Arrived(within=True, slot=turn.slot, pressed=turn.pressed)
        return self._read(tx, turn.message, known, counted=turn.standing is not None)

    def _read(self, tx: Transaction, message: IncomingMessage, known: Arrived, *, counted: bool) -> Arrived:
        """One transaction for everything these steps need; the count is made before anything is looked at."""
        now = self._clock.now()
        if not counted and not allows_message(tx, message, now):
            return replace(known, within=False, told=not message.by_app and not says_so(tx, message.who, now))
        if message.by_app:  # it takes nothing that waits, and touches no session
            return replace(known, standing=Standing(state=SessionState.NOT_LINKED))
        standing = tx.sessions.use(message.who, now=now, limits=self._limits, touch=not message.automatic)
        end_seen_over(tx, message.who, standing, now)
        standing = _in_the_chats_zone(tx, message, standing)
        slot, pressed = known.slot, known.pressed
        if message.handle and pressed is None:
            pressed = tx.interactions.find(message.handle, now=now)
        if not is_disowning(pressed, message.who) and not self._admits(tx, message, standing, now):
            first = tx.throttle.hit(f"rollout|{message.who.key}", limit=1, window_seconds=TOLD_SECONDS, now=now)
            return replace(known, standing=standing, outside=True, told=not first)
        if message.kind in TYPED and slot is None and standing.state is SessionState.ALIVE:
            waiting = tx.pending.take(message.who, now=now)
            slot = waiting if waiting is not None and is_slot(waiting) else None
        if message.kind is EventKind.RESUME:
            found, proof = known.proposal, known.proof
            if found is None:
                named = message.fields.get("proposal")
                found = tx.proposals.find(named) if named else None
                proof = None if found is None else _proof_for(tx, found, standing, now)
        else:
            found, proof = proposal_under(tx, pressed) if pressed else None, None
        return Arrived(
            within=True,
            standing=standing,
            slot=slot,
            pressed=pressed,
            proposal=found,
            proof=proof,
            factors=_factors_of(tx, proof) if counted and proof is not None else None,
        )

    def _admits(self, tx: Transaction, message: IncomingMessage, standing: Standing, now: datetime) -> bool:
        """Whether the rollout lets this account in. A session that is over was read without roles: they come now."""
        who, place = message.who, message.place
        if self._rollout.admits(who, place, standing, now):
            return True
        if standing.person is None:
            return _comes_to_sign_in(message) or comes_to_type(tx, message, now)
        grants = tuple(tx.roles.of_identity(standing.person.identity))
        return self._rollout.admits(who, place, replace(standing, grants=grants), now)

    def _outside(self, turn: Turn, *, told: bool) -> Ending:
        """One polite sentence, once; afterwards only where a platform waits for an answer."""
        turn.trace(Step.WHO, StepOutcome.NO, code=OUTSIDE)
        asked = turn.message.kind is not EventKind.MESSAGE
        draft = start_card.not_in_pilot(turn.voice) if asked or not told else None
        return end(turn, EventType.ACCESS_DECIDED, "deny", Answer(draft=draft, code=OUTSIDE))

    def _recognise(self, turn: Turn, standing: Standing) -> None:
        assert standing.person is not None
        assert standing.session is not None
        turn.principal = principal_of(standing.person, standing.grants, turn.now)
        turn.scribe = replace(turn.scribe, principal=turn.principal.key)
        turn.trace(Step.WHO, StepOutcome.OK, principal=turn.principal.username)
        age = int((turn.now - standing.session.opened_at).total_seconds())
        turn.trace(Step.SESSION, StepOutcome.OK, session_age_seconds=age)

    def ask_again(self, turn: Turn) -> Ending:
        """The session is there, and was opened without anybody being asked: this takes a sign-in that asks."""
        return self._offer(turn, SessionState.SILENT)

    def _offer(self, turn: Turn, state: SessionState) -> Ending:
        """An offer only this person sees; the message waits, and is decided anew afterwards."""
        if turn.message.automatic:
            return end(turn, EventType.SIGN_IN_OFFERED, "deny", Answer(code="view.not_signed_in"))
        waiting = replace(
            turn.message,
            window=ReplyWindow.NONE,
            trigger=None,
            in_place=False,
            comes_back=views.began_on_a_card(turn.message),
        )

        def answer(tx: Transaction) -> Answer:
            tx.pending.put(waiting.who, waiting, until=turn.now + timedelta(seconds=PENDING_SECONDS))
            afresh = state is SessionState.SILENT
            path = tickets.offer(tx, waiting.who, waiting.place, now=turn.now, afresh=afresh)
            begins = waiting.kind is EventKind.COMMAND and not waiting.text.strip()
            return refusals.sign_in_first(turn.voice, path, self._public_url, state, waiting.who, welcome=begins)

        event = turn.scribe.event(
            EventType.SIGN_IN_OFFERED,
            decision="sign_in",
            code=state,
            action=turn.cedar_action,
            rules=turn.rules,
            policy_hash=turn.policy_hash,
            time=turn.now,
        )
        return Ending(event=event, answer=answer)


def _in_the_chats_zone(tx: Transaction, message: IncomingMessage, standing: Standing) -> Standing:
    """Where the provider names no time zone, whose whole day that would move, the chat profile's is kept."""
    person, named = standing.person, message.timezone or ""
    if standing.state is not SessionState.ALIVE or person is None or person.timezone or not is_zone(named):
        return standing
    return replace(standing, person=tx.persons.save(replace(person, timezone=named)))


def _too_much(turn: Turn, *, told: bool) -> Ending:
    """Said once a minute; afterwards only where a platform waits for an answer."""
    turn.trace(Step.THROTTLE, StepOutcome.NO)
    if turn.message.by_app:
        return end(turn, EventType.MESSAGE_THROTTLED, "deny", Answer(code="ingress.not_a_person"))
    answer = refusals.failed(turn.voice, "throttled", "")
    if told and turn.message.window is ReplyWindow.NONE:
        answer = Answer(code=answer.code)
    return end(turn, EventType.MESSAGE_THROTTLED, "deny", answer)


def _ask_whether_meant(turn: Turn) -> Ending:
    """An app posted it under the person's account: only their own press, in their own conversation, counts."""
    turn.message = replace(turn.message, place=direct_place(turn.message.who))
    answer = refusals.by_app(turn.voice, turn.message.text)
    return end(turn, EventType.INGRESS_REJECTED, "asked", answer)


def _comes_to_sign_in(message: IncomingMessage) -> bool:
    """An account nobody knows asks for sign-in in so many words: it may be an administrator's, who is always in."""
    words = message.text.casefold().strip().removeprefix("/doorward").lstrip("/ ")
    return message.kind in TYPED and words in SIGN_IN


def _back_to_the_thread(turn: Turn) -> None:
    """What is written in a dialog belongs in the thread where that was opened, if it is one's own conversation's.

    Slack says of a submitted dialog who it was, and not where (view_submission payload).
    """
    kept = turn.pressed.payload.get("place") if turn.pressed is not None and turn.pressed.kind == WRITTEN else None
    if kept is None:
        return
    opened, now = _PLACE.validate_python(kept), turn.message.place
    direct = opened.kind is now.kind is PlaceKind.DIRECT and opened.platform is now.platform
    if direct and opened.thread is not None and now.thread is None:
        turn.message = replace(turn.message, place=opened)


def _check_handle(turn: Turn) -> Ending | None:
    """A handle or proposal that is late, foreign or spent is one outcome."""
    message, person, proposal = turn.message, turn.person, turn.proposal
    pressed = turn.pressed
    known = pressed is not None and pressed.kind in PRESSED and pressed.audience in {"*", message.who.key, person.key}
    if message.handle and not known:
        return _spent(turn)
    if pressed is not None and pressed.kind == TYPED_ON_PAGE and not turn.in_browser:
        return _spent(turn)  # what is confidential is not taken from a chat platform, whoever sends it
    if message.automatic and (pressed is None or pressed.kind != "intent"):
        return _spent(turn)  # nobody pressed, so nobody agreed to anything
    if proposal is None:
        return _spent(turn) if _names_proposal(turn) else None
    ours = proposal.identity == person.identity and proposal.channel == message.who
    if not ours or proposal.state is not ProposalState.WAITING or proposal.until <= turn.now:
        turn.proposal = None
        late = ours and proposal.state is ProposalState.WAITING
        return _expired(turn, proposal) if late else _spent(turn)
    if turn.pressed is not None and turn.pressed.kind == "confirm":
        turn.proposal = replace(proposal, confirmed=True)
    if turn.pressed is not None and turn.pressed.kind == "dismiss":
        return _dismiss(turn, proposal)
    return None


def _proof_for(tx: Transaction, proposal: Proposal, standing: Standing, now: datetime) -> Proof | None:
    """The unspent proof of a proposal that goes on, for exactly it or for the reading it is one of.

    A row that is not ours is none here; deciding comes to it again, and says so.
    """
    if standing.person is None or standing.session is None:
        return None
    bindings = [proposal.digest]
    if proposal.consent is ConsentKind.OWN_READING:
        bindings.append(reading_binding(standing.session.id, proposal.reading_set))
    try:
        found = (tx.proofs.unspent(standing.person.identity, binding, now=now) for binding in bindings)
        return next((proof for proof in found if proof is not None), None)
    except IntegrityAlarm:
        return None


def _factors_of(tx: Transaction, proof: Proof) -> tuple[Factor, ...] | None:
    """What its person could prove themselves with besides; read again, and said so, where a row is not ours."""
    try:
        return factors.of_person(tx, proof.identity)
    except IntegrityAlarm:
        return None


def _names_proposal(turn: Turn) -> bool:
    named = turn.message.fields if turn.message.kind is EventKind.RESUME else turn.pressed and turn.pressed.payload
    return "proposal" in (named or {})


def _spent(turn: Turn) -> Ending:
    answer = refusals.denied(turn.voice, "handle_spent", "")
    return end(turn, EventType.ACCESS_DECIDED, "deny", answer, code="handle.spent")


def _expired(turn: Turn, proposal: Proposal) -> Ending:
    """One's own, which waited for too long: when that was."""
    at = clock_time(proposal.until, turn.person.timezone, turn.voice.language)
    answer = refusals.expired(turn.voice, at)
    return end(turn, EventType.ACCESS_DECIDED, "deny", answer, code="handle.spent")


def _dismiss(turn: Turn, proposal: Proposal) -> Ending:
    def answer(tx: Transaction) -> Answer:
        tx.proposals.finish(proposal.id, ProposalState.VOID)
        return refusals.dismissed(turn.voice)

    event = turn.scribe.event(
        EventType.ACCESS_DECIDED,
        action=proposal.action.action,
        resource=str(proposal.action.resource),
        decision="dismissed",
        code="proposal.dismissed",
        digest=proposal.digest,
        time=turn.now,
    )
    return Ending(event=event, answer=answer)
