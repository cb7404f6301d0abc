"""The way of a message, START HERE: ten steps from a verified event to an answer (DESIGN §3).

`Pipeline.handle` is called by the inbox's worker with a chat event, and by our pages when a browser leg is through.
Read `_walk`, then `_act`: they call the steps by name. What the steps learn of one message is gathered in a `Turn`
(`services/turns`). A step lets the message go on by returning None, or ends it with an `Ending`. Whatever happens, the
answer, its audit event and the end of the inbox row are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.capabilities import batching
from bot.capabilities.batching import Batching
from bot.capabilities.consenting import Consenting
from bot.capabilities.denying import told_why
from bot.capabilities.late_press import with_how_it_ended
from bot.capabilities.learning import Learning, around
from bot.capabilities.leave import is_own
from bot.capabilities.model import Capability, Effect
from bot.capabilities.namesakes import Namesakes
from bot.capabilities.performing import Performing
from bot.capabilities.since_shown import SinceShown
from bot.capabilities.starting import Starting
from bot.capabilities.viewing import Viewing
from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.domain.cards import Card
from bot.domain.intent import Intent, Question
from bot.domain.messages import IncomingMessage
from bot.errors import DoorwardError, FactsChanged, IntegrityAlarm, NotAllowed, Stale
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome, Tracer
from bot.services import consent, refusals
from bot.services.arrival import Arrival
from bot.services.audit_trail import Scribe
from bot.services.deciding import NOT_LET_IN, USE_BOT, Deciding
from bot.services.delivery import Delivery
from bot.services.rechecking import Rechecking
from bot.services.turns import PENDING_SECONDS, Arrived, Ending, Turn, close, end, event, slot_message
from bot.understanding.hearing import BUILT_IN, Hearing
from policy.model import Decision, Deny, Permit, Reason

log = structlog.get_logger("doorward.pipeline")
TAKEN = frozenset({"proposal.spent", "inbox.answered"})
"""Somebody else has done it: to decide again would only say so again."""
MAX_ROUNDS = 4
"""A decision is made again once the provider was asked, or when T1 finds a change; then the person is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """Composed once in `bot.bootstrap`; keeps no state between messages."""

    database: Database
    clock: Clock
    tracer: Tracer
    catalogue: Mapping[str, Capability]
    arrival: Arrival
    hearing: Hearing
    learning: Learning
    deciding: Deciding
    namesakes: Namesakes
    consenting: Consenting
    since_shown: SinceShown
    rechecking: Rechecking
    performing: Performing
    starting: Starting
    batching: Batching
    viewing: Viewing
    delivery: Delivery

    async def handle(
        self,
        message: IncomingMessage,
        *,
        row: str | None = None,
        arrived: Arrived | None = None,
        in_browser: bool = False,
        src_ip: str | None = None,
    ) -> Answer:
        """Take one verified message all the way; its answer is stored, and posted where it can be, when this returns.

        Raises `StorageUnavailable` when nothing could be written: the inbox row stays, and is taken up again.
        """
        turn = Turn(
            message=message,
            row=row,
            unread=arrived,
            in_browser=in_browser,
            src_ip=src_ip,
            clock=self.clock,
            tracer=self.tracer,
            scribe=Scribe(time=self.clock.now(), channel=message.who.key, correlation=message.event_id),
        )
        turn.trace(Step.AUTHENTIC, StepOutcome.OK)
        answer = await self._to_the_end(turn, self._walk)
        return replace(answer, view=turn.view, back=turn.back) if turn.view or turn.back else answer

    async def look(self, message: IncomingMessage) -> Card | None:
        """What this person's client shows them of a shared card; None where there is none of it any more.

        Nothing is done, told or stored for it. Raises `StorageUnavailable`.
        """
        return await self.viewing.look(message, self)

    async def _to_the_end(self, turn: Turn, walk: Callable[[Turn], Awaitable[Ending | Answer]]) -> Answer:
        """Whatever happens on the way is answered, recorded and sent."""
        try:
            ended = await walk(turn)
        except NotAllowed as error:
            ended = self._refuse(turn, "not_allowed", code=error.code)
        except DoorwardError as error:
            ended = self._failed(turn, error)
        answer = await self._close(turn, ended) if isinstance(ended, Ending) else ended
        await self._out(turn, answer)
        return answer

    async def _walk(self, turn: Turn) -> Ending | Answer:
        """The ten steps; 5 to 9 again on what holds then, when something changed under way."""
        for _ in range(MAX_ROUNDS):
            if ending := await self.arrival.receive(turn):  # 1 throttle, 2 who, 3 session
                return ending
            try:
                if ending := await self.rechecking.before_deciding(turn):  # 8, where a proof was just given
                    return ending
                if ending := self._admit(turn):  # who may use the bot at all
                    return ending
                if batching.concerns(turn):  # a list: each of its lines takes steps 5 to 9
                    return await self.batching.take(turn, self)
                if ending := self._understand(turn):  # 4
                    return ending
                if turn.intent is not None and turn.intent.capability in BUILT_IN:
                    return await self._begin(turn)
                return await self._act(turn)
            except Stale as stale:
                log.info("decided_again", code=stale.code, detail=stale.detail)
                if stale.code in TAKEN:
                    break
        return self._refuse(turn, "changed_meanwhile")

    async def line(self, turn: Turn) -> Answer:
        """See `batching.Steps`: steps 5 to 9 for one line of a list that was consented to."""
        return await self._to_the_end(turn, self._walk_line)

    async def _walk_line(self, turn: Turn) -> Ending | Answer:
        member = turn.proposal
        for _ in range(MAX_ROUNDS):
            try:
                return self._understand(turn) or await self._act(turn)
            except Stale as stale:
                if stale.code in TAKEN:
                    break
            if ending := await self.arrival.receive(turn):
                return ending
            turn.proposal = member
        return self._refuse(turn, "changed_meanwhile")

    async def weigh(self, turn: Turn) -> Decision:
        """See `batching.Steps`: whether one line may be done, and what it asks for."""
        if turn.intent is None:
            self._understand(turn)
        else:
            self._settle(turn, turn.intent)
        await self.learning.learn(turn, self._capability(turn))
        return await self.deciding.decide(turn)

    async def _act(self, turn: Turn) -> Ending | Answer:
        """Steps 5 to 9. Raises `Stale` when what was decided on no longer holds."""
        capability = self._capability(turn)
        try:
            await self.learning.learn(turn, capability)  # 5 facts, and the canonical action
        except FactsChanged:
            return await self.since_shown.facts(turn, capability)
        if ending := self.since_shown.standing(turn):
            return ending
        decision = await self.deciding.decide(turn)  # 6 decide
        if ending := consent.too_new(turn, decision):
            return ending
        if isinstance(decision, Deny):
            return await self._denied(turn, capability, decision)
        if ending := await self.namesakes.which(turn, capability):
            return ending
        if asked := await self.consenting.ask(turn, capability, decision):  # 7 consent and step-up
            return asked
        if ending := await self.rechecking.before_acting(turn, decision):  # 8 revalidate
            return ending
        return await self._perform(turn, capability)  # 9 T1, the call, T2

    def _admit(self, turn: Turn) -> Ending | None:
        """Whether this person may use the bot at all, asked of policy before anything is done for them."""
        decision = self.deciding.admit(turn, around(turn))
        if isinstance(decision, Permit):
            return None
        turn.cedar_action, turn.rules, turn.policy_hash = USE_BOT, decision.rules, decision.policy_hash
        if not isinstance(decision, Deny):
            return self._refuse(turn, Reason.NOT_ALLOWED, capability=NOT_LET_IN)
        return self._kept_out(turn, decision)

    def _kept_out(self, turn: Turn, decision: Deny) -> Ending:
        if decision.error:
            log.critical("policy_error", detail=decision.detail, correlation=turn.scribe.correlation)
        if decision.reason is Reason.SESSION_EXPIRED:
            return self.arrival.ask_again(turn)
        return self._refuse(turn, decision.reason, capability=NOT_LET_IN)

    def _understand(self, turn: Turn) -> Ending | None:
        """Step 4: a typed intent, or a question back."""
        heard = self.hearing.hear(turn, turn.now)
        if isinstance(heard, Question):
            turn.trace(Step.UNDERSTAND, StepOutcome.ASKED, code=heard.text_key)
            return self._ask_back(turn, heard)
        turn.trace(Step.UNDERSTAND, StepOutcome.OK, capability=heard.capability, origin=heard.origin)
        known = self._settle(turn, heard)
        if turn.message.automatic and (known is None or known.effect is Effect.WRITE):
            return self._refuse(turn, "handle_spent")
        return None

    def _settle(self, turn: Turn, intent: Intent) -> Capability | None:
        """The intent with its Cedar action, and what it is about; the capability, None for help and the start card."""
        turn.intent, turn.origin = intent, intent.origin
        capability = self.catalogue.get(intent.capability)
        turn.cedar_action = "Help" if capability is None else capability.action
        if capability is not None and turn.proposal is None:
            arguments = self.hearing.arguments(intent)
            turn.target, turn.own_record = capability.target(arguments, turn.person), is_own(arguments, turn.person)
            turn.arguments = self.hearing.canonical(intent).arguments
        return capability

    async def _begin(self, turn: Turn) -> Ending:
        """Help, or the start card, which reads what is theirs: for that the provider is asked as for any reading."""
        assert turn.intent is not None
        turn.circumstances = await self.learning.circumstances(turn)
        helps = turn.intent.capability == "help"
        if not helps and (ending := await self.rechecking.before_reading(turn)):
            return ending
        draft = self.starting.help(turn) if helps else await self.starting.start(turn)
        return end(turn, EventType.ACCESS_DECIDED, "", Answer(draft=draft, code="help"))

    def _ask_back(self, turn: Turn, question: Question) -> Ending:
        """A question back; where one thing is missing, what is understood so far waits for it."""
        asked = refusals.ask_back(turn.voice, self.starting.only_permitted(turn, question))
        partial, until = question.partial, turn.now + timedelta(seconds=PENDING_SECONDS)

        def answer(tx: Transaction) -> Answer:
            if partial is not None:
                tx.pending.put(turn.message.who, slot_message(turn.message, partial, question.missing), until=until)
            return asked

        return Ending(event=event(turn, EventType.MESSAGE_NOT_UNDERSTOOD, "", code=asked.code), answer=answer)

    def _capability(self, turn: Turn) -> Capability:
        assert turn.intent is not None
        return self.catalogue[turn.intent.capability]

    async def _denied(self, turn: Turn, capability: Capability, decision: Deny) -> Ending | Answer:
        if decision.error:
            log.critical("policy_error", detail=decision.detail, correlation=turn.scribe.correlation)
        stale = decision.reason is Reason.IDENTITY_CHECK_STALE and not turn.revalidated
        if stale and (ending := await self.rechecking.ask(turn)):
            return ending
        if decision.reason in {Reason.SIGN_IN_AGAIN, Reason.SESSION_EXPIRED}:
            return self.arrival.ask_again(turn)
        assert turn.intent is not None
        other = self.catalogue.get(capability.instead)
        if other is not None and not decision.error and self.deciding.may(turn, other.action):
            self._settle(turn, Intent(capability=other.name, arguments={}, origin=turn.intent.origin))
            return await self._act(turn)
        told = told_why(turn, capability, decision)
        told = await with_how_it_ended(self.performing, turn, capability, decision, told)
        return end(turn, EventType.ACCESS_DECIDED, "deny", told)

    async def _perform(self, turn: Turn, capability: Capability) -> Answer:
        """Step 9: the answer is written in T2, with the outcome it tells."""
        if turn.message.in_place:
            turn.beside = await self.viewing.beside(turn, self)
        answer = await self.performing.perform(turn, capability)
        assert turn.effect is not None
        outcome = StepOutcome.OK if turn.effect.result is not None else StepOutcome.FAILED
        turn.trace(Step.EFFECT, outcome, grant=turn.effect.grant.id[:8], effect=turn.effect.code)
        if turn.effect.record is not None:
            turn.traced(turn.effect.record)
        return answer

    def _refuse(self, turn: Turn, reason: str, *, code: str = "", capability: str = "") -> Ending:
        return end(turn, EventType.ACCESS_DECIDED, "deny", refusals.denied(turn.voice, reason, capability), code=code)

    def _failed(self, turn: Turn, error: DoorwardError) -> Ending:
        """Fails closed: an alarm, an outage or a refused preview ends in a sentence and a record."""
        alarm = isinstance(error, IntegrityAlarm)
        (log.critical if alarm else log.warning)("ended", code=error.code, correlation=turn.scribe.correlation)
        kind = EventType.INTEGRITY_ALARM if alarm else EventType.ACCESS_DECIDED
        return end(turn, kind, "error", refusals.failed(turn.voice, error.code, turn.scribe.correlation))

    async def _close(self, turn: Turn, ending: Ending) -> Answer:
        """Event, answer and the end of the inbox row in one transaction."""
        answer, record = await self.database.write(lambda tx: close(tx, turn, ending, self.delivery))
        turn.traced(record)
        return answer

    async def _out(self, turn: Turn, answer: Answer) -> None:
        """Step 10: post what was queued, and put the answer into the dialog that is open."""
        await self.delivery.take_code_away(turn.message)
        if turn.dialog_open and turn.message.trigger is not None:
            dialog = answer.dialog or refusals.as_dialog(answer, turn.message.handle)
            await self.delivery.show_dialog(turn.message.place.platform, turn.message.trigger, dialog)
        await self.delivery.send(turn.outbox)
        if turn.left_open is not None:
            await self.delivery.show_dialog(turn.message.place.platform, turn.left_open, refusals.elsewhere(turn.voice))
