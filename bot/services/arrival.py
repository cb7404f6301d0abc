"""Steps 1 to 3: the budget, the link and the session of whoever sent a message; or the sign-in offer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.identity import principal_of
from bot.domain.messages import EventKind, ReplyWindow
from bot.domain.proposal import ProposalState
from bot.domain.session import SessionLimits, SessionState, Standing
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome, TraceEntry
from bot.services import linking, refusals
from bot.services.throttling import allows_message
from bot.services.turns import PENDING_SECONDS, SLOT, Ending, Turn, end

TYPED = (EventKind.MESSAGE, EventKind.COMMAND)


class Arrival:
    """Finds out who is there."""

    def __init__(self, *, database: Database, clock: Clock, limits: SessionLimits, public_url: str) -> None:
        self._database = database
        self._clock = clock
        self._limits = limits
        self._public_url = public_url

    async def receive(self, turn: Turn) -> Ending | None:
        """Fill in the turn's standing and principal; an ending where the message may not go on.

        Raises `IntegrityAlarm`, `StorageUnavailable`.
        """
        within = await self._database.write(lambda tx: self._read(tx, turn))
        if not within:
            turn.trace(Step.THROTTLE, StepOutcome.NO)
            return end(turn, EventType.MESSAGE_THROTTLED, "deny", refusals.failed(turn.voice, "throttled", ""))
        turn.trace(Step.THROTTLE, StepOutcome.OK)
        standing = turn.standing
        assert standing is not None
        if standing.state is not SessionState.ALIVE or standing.person is None:
            step = Step.WHO if standing.state is SessionState.NOT_LINKED else Step.SESSION
            entry = TraceEntry(step=step, outcome=StepOutcome.ASKED, code=standing.state)
            turn.trace(step, StepOutcome.ASKED, entry)
            return self._offer(turn, standing.state)
        self._recognise(turn, standing)
        return _check_handle(turn)

    def _read(self, tx: Transaction, turn: Turn) -> bool:
        """One transaction for everything these steps need; the count is made before anything is looked at."""
        now, message = turn.now, turn.message
        if turn.standing is None and not allows_message(tx, message, now):
            return False
        turn.standing = tx.sessions.use(message.who, now=now, limits=self._limits)
        if message.kind in TYPED and turn.slot is None and turn.standing.state is SessionState.ALIVE:
            waiting = tx.pending.take(message.who, now=now)
            turn.slot = waiting if waiting is not None and SLOT in waiting.fields else None
        if message.handle and turn.pressed is None:
            turn.pressed = tx.interactions.find(message.handle, now=now)
        pressed = turn.pressed.payload.get("proposal") if turn.pressed else None
        proposal = message.fields.get("proposal") if message.kind is EventKind.RESUME else pressed
        turn.proposal = tx.proposals.find(str(proposal)) if proposal else None
        return True

    def _recognise(self, turn: Turn, standing: Standing) -> None:
        assert standing.person is not None
        assert standing.session is not None
        turn.principal = principal_of(standing.person, standing.grants, turn.now)
        turn.scribe = replace(turn.scribe, principal=turn.principal.key)
        who = TraceEntry(step=Step.WHO, outcome=StepOutcome.OK, principal=turn.principal.username)
        turn.trace(Step.WHO, StepOutcome.OK, who)
        age = int((turn.now - standing.session.opened_at).total_seconds())
        session = TraceEntry(step=Step.SESSION, outcome=StepOutcome.OK, session_age_seconds=age)
        turn.trace(Step.SESSION, StepOutcome.OK, session)

    def _offer(self, turn: Turn, state: SessionState) -> Ending:
        """An offer only this person sees; the message waits, and is decided anew afterwards."""
        waiting = replace(turn.message, window=ReplyWindow.NONE, trigger=None)

        def answer(tx: Transaction) -> Answer:
            tx.pending.put(waiting.who, waiting, until=turn.now + timedelta(seconds=PENDING_SECONDS))
            path = linking.offer(tx, waiting.who, waiting.place, at=self._clock)
            return refusals.sign_in_first(turn.voice, path, self._public_url, state, waiting.who)

        event = turn.scribe.event(EventType.SIGN_IN_OFFERED, decision="sign_in", code=state, time=turn.now)
        return Ending(event=event, answer=answer)


def _check_handle(turn: Turn) -> Ending | None:
    """A handle or proposal that is late, foreign or spent is one outcome."""
    message, person, proposal = turn.message, turn.person, turn.proposal
    known = turn.pressed is not None and turn.pressed.audience in {"*", message.who.key, person.key}
    if message.handle and not known:
        return _spent(turn)
    if proposal is None:
        return None if message.kind is not EventKind.RESUME or "proposal" not in message.fields else _spent(turn)
    ours = proposal.identity == person.identity and proposal.channel == message.who
    if not ours or proposal.state is not ProposalState.WAITING or proposal.until <= turn.now:
        turn.proposal = None
        return _spent(turn)
    if turn.pressed is not None and turn.pressed.kind == "confirm":
        turn.proposal = replace(proposal, confirmed=True)
    if turn.pressed is not None and turn.pressed.kind == "dismiss":
        return _dismiss(turn, proposal.id)
    return None


def _spent(turn: Turn) -> Ending:
    answer = refusals.denied(turn.voice, "handle_spent", "")
    return end(turn, EventType.ACCESS_DECIDED, "deny", answer, code="handle.spent")


def _dismiss(turn: Turn, proposal_id: str) -> Ending:
    def answer(tx: Transaction) -> Answer:
        tx.proposals.finish(proposal_id, ProposalState.VOID)
        return refusals.dismissed(turn.voice)

    event = turn.scribe.event(EventType.ACCESS_DECIDED, decision="dismissed", code="proposal.dismissed", time=turn.now)
    return Ending(event=event, answer=answer)
