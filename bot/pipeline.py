"""The way of a message, START HERE: ten steps from a verified event to an answer (DESIGN §3).

`Pipeline.handle` is called by the inbox's worker with a chat event, and by our pages when a browser leg is through.
A step lets the message go on by returning None, or ends it with an `Ending`. Whatever happens, the answer, its audit
event and the end of the inbox row are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.capabilities import batching
from bot.capabilities.batching import Batching
from bot.capabilities.leave import is_own
from bot.capabilities.model import Capability, Effect, Group
from bot.capabilities.performing import Performing
from bot.capabilities.starting import Starting
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.answer import Answer
from bot.domain.assurance import counts
from bot.domain.audit import AuditRecord, EventType
from bot.domain.intent import Question
from bot.domain.messages import IncomingMessage
from bot.errors import AccountRevoked, DoorwardError, IntegrityAlarm, NotAllowed, ProviderUnavailable, Stale
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome, Tracer
from bot.services import consent, factors, refusals, step_up
from bot.services.arrival import Arrival
from bot.services.audit_trail import Scribe
from bot.services.authorization import Authorizer, Circumstances
from bot.services.deciding import NOT_LET_IN, USE_BOT, Deciding
from bot.services.delivery import Delivery
from bot.services.facts_desk import NOT_KNOWN, FactsDesk
from bot.services.revalidation import Revalidator
from bot.services.standing_in import StandingIn
from bot.services.turns import PENDING_SECONDS, Arrived, Ending, Turn, conclude, end, event, slot_message
from bot.understanding.hearing import BUILT_IN, Hearing
from policy.model import Decision, Deny, Permit, Reason

log = structlog.get_logger("doorward.pipeline")
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
    facts: FactsDesk
    authorizer: Authorizer
    deciding: Deciding
    revalidator: Revalidator
    performing: Performing
    starting: Starting
    batching: Batching
    standing_in: StandingIn
    delivery: Delivery
    public_url: str

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
        return answer if turn.view is None else replace(answer, view=turn.view)

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
            if ending := self._admit(turn):  # who may use the bot at all
                return ending
            try:
                if batching.concerns(turn):  # a list: each of its lines takes steps 5 to 9
                    return await self.batching.take(turn, self)
                if ending := self._understand(turn):  # 4
                    return ending
                if turn.intent is not None and turn.intent.capability in BUILT_IN:
                    return await self._begin(turn)
                return await self._act(turn)
            except Stale as stale:
                log.info("decided_again", code=stale.code, detail=stale.detail)
                if stale.code == "proposal.spent":
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
                if stale.code == "proposal.spent":
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
            turn.origin, turn.cedar_action = turn.intent.origin, self._capability(turn).action
        await self._learn(turn)
        return await self.deciding.decide(turn)

    async def _act(self, turn: Turn) -> Ending | Answer:
        """Steps 5 to 9. Raises `Stale` when what was decided on no longer holds."""
        await self._learn(turn)  # 5 capability and facts
        decision = await self.deciding.decide(turn)  # 6 decide
        if ending := consent.too_new(turn, decision):
            return ending
        if isinstance(decision, Deny):
            return await self._denied(turn, decision)
        if ending := await self._ask(turn, decision):  # 7 consent and step-up
            return ending
        if ending := await self._revalidate(turn, decision):  # 8 revalidate
            return ending
        return await self._perform(turn)  # 9 T1, the call, T2

    def _admit(self, turn: Turn) -> Ending | None:
        """Whether this person may use the bot at all, asked of policy before anything is done for them."""
        decision = self.deciding.admit(turn, self._around(turn))
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
        turn.intent, turn.origin = heard, heard.origin
        turn.trace(Step.UNDERSTAND, StepOutcome.OK, capability=heard.capability, origin=heard.origin)
        turn.cedar_action = "Help" if heard.capability in BUILT_IN else self.catalogue[heard.capability].action
        known = self.catalogue.get(heard.capability)
        if turn.message.automatic and (known is None or known.effect is Effect.WRITE):
            return self._refuse(turn, "handle_spent")
        return None

    async def _begin(self, turn: Turn) -> Ending:
        """Help, or the start card, which reads what is theirs: for that the provider is asked as for any reading."""
        assert turn.intent is not None
        assert turn.standing is not None
        turn.circumstances = await self._circumstances(turn)
        helps = turn.intent.capability == "help"
        due = not helps and not turn.revalidated and self.revalidator.is_due(turn.standing.person)
        if due and (ending := await self.ask_provider(turn, or_else_go_on=True)):
            return ending
        draft = self.starting.help(turn) if helps else await self.starting.start(turn)
        return end(turn, EventType.ACCESS_DECIDED, "", Answer(draft=draft, code="help"))

    def _ask_back(self, turn: Turn, question: Question) -> Ending:
        """A question back; where one thing is missing, what is understood so far waits for it."""
        asked = refusals.ask_back(turn.voice, question)
        partial, until = question.partial, turn.now + timedelta(seconds=PENDING_SECONDS)

        def answer(tx: Transaction) -> Answer:
            if partial is not None:
                tx.pending.put(turn.message.who, slot_message(turn.message, partial, question.missing), until=until)
            return asked

        return Ending(event=event(turn, EventType.MESSAGE_NOT_UNDERSTOOD, "", code=asked.code), answer=answer)

    async def _learn(self, turn: Turn) -> None:
        """Step 5: facts of the resource, and the canonical action on the id its own system uses."""
        turn.circumstances = await self._circumstances(turn)
        ref = turn.proposal.action.resource if turn.proposal else self._target(turn)
        facts = await self.facts.learn(turn.person, ref, turn.circumstances, turn.scribe.correlation, turn.now)
        if turn.proposal is not None and turn.proposal.facts_version != facts.version:
            raise DoorwardError("facts changed since the proposal", code="changed_meanwhile")
        turn.facts = facts
        if turn.intent is not None and self._capability(turn).stands_in:
            behalf = await self.standing_in.behalf(
                turn.person, facts, turn.circumstances, turn.scribe.correlation, turn.now
            )
            turn.circumstances = replace(turn.circumstances, on_behalf_of=behalf)
        turn.action = turn.proposal.action if turn.proposal else self._canonical(turn, facts.ref)
        turn.trace(
            Step.FACTS,
            StepOutcome.OK,
            resource=str(facts.ref),
            owner=facts.owner or "",
            facts_version=facts.version,
            digest=turn.action.digest[:8],
        )

    async def _circumstances(self, turn: Turn) -> Circumstances:
        """What else the decision is made on; authenticators are read only where a proof could matter."""
        identity = turn.person.identity
        matters = any(rule.looks_at_proof for rule in self.authorizer.engine.rules_for(turn.cedar_action))
        now = turn.now
        own = await self.database.read(lambda tx: factors.of_person(tx, identity)) if matters else ()
        waiting = tuple(one for one in own if not counts(one.counts_from, now))
        return replace(self._around(turn), authenticators=step_up.counting(own, now), waiting=waiting)

    def _around(self, turn: Turn) -> Circumstances:
        """What is known of the circumstances without reading anything."""
        assert turn.standing is not None
        assert turn.standing.person is not None
        return Circumstances(
            session=turn.standing.session,
            idp_checked_at=turn.standing.person.idp_checked_at,
            platform=turn.message.place.platform,
            workspace=turn.message.who.tenant,
            place=None if turn.in_browser else turn.message.place.kind,
            authenticators=(),
            src_ip=turn.src_ip,
            provider=turn.standing.person.provider,
        )

    def _target(self, turn: Turn) -> ResourceRef:
        assert turn.intent is not None
        return self._capability(turn).target(self.hearing.arguments(turn.intent), turn.person)

    def _canonical(self, turn: Turn, resource: ResourceRef) -> CanonicalAction:
        assert turn.intent is not None
        return CanonicalAction(
            principal=turn.person.key,
            capability=turn.intent.capability,
            action=turn.cedar_action,
            resource=resource,
            arguments=self.hearing.canonical(turn.intent).arguments,
            salt=turn.salt,
        )

    def _capability(self, turn: Turn) -> Capability:
        assert turn.intent is not None
        return self.catalogue[turn.intent.capability]

    async def _denied(self, turn: Turn, decision: Deny) -> Ending:
        if decision.error:
            log.critical("policy_error", detail=decision.detail, correlation=turn.scribe.correlation)
        stale = decision.reason is Reason.IDENTITY_CHECK_STALE and not turn.revalidated
        if stale and (ending := await self.ask_provider(turn)):
            return ending
        if decision.reason in {Reason.SIGN_IN_AGAIN, Reason.SESSION_EXPIRED}:
            return self.arrival.ask_again(turn)
        return end(turn, EventType.ACCESS_DECIDED, "deny", self._told_why(turn, decision))

    def _told_why(self, turn: Turn, decision: Deny) -> Answer:
        """Why not; where one's own is not there, that it is not there: whoever asks knows whose it would be."""
        assert turn.intent is not None
        assert turn.facts is not None
        capability = self._capability(turn)
        own = capability.group is Group.HR and decision.reason is Reason.NOT_OWNER
        if own and is_own(self.hearing.arguments(turn.intent), turn.person):
            if turn.person.employee is None:
                return refusals.denied(turn.voice, "no_record", "", code=decision.reason)
            if turn.facts.ref.id == NOT_KNOWN and capability.resource_type == "Payslip":
                return refusals.denied(turn.voice, "no_payslip", "", code=decision.reason)
        return refusals.denied(turn.voice, decision.reason, capability.name)

    async def _ask(self, turn: Turn, decision: Decision) -> Ending | None:
        """Step 7: a press or a second factor for exactly this digest, unless it was given or none is wanted."""
        wanted = consent.wanted(decision, turn)
        if wanted is None:
            turn.trace(Step.CONSENT, StepOutcome.OK if turn.proof or turn.proposal else StepOutcome.SKIPPED)
            return None
        fresh = turn.proposal is None
        proposal = turn.proposal or consent.propose(
            turn, await self.performing.shown(turn, self._capability(turn)), wanted
        )
        turn.trace(Step.CONSENT, StepOutcome.ASKED, method=wanted.method or "", digest=proposal.digest[:8])

        def answer(tx: Transaction) -> Answer:
            if fresh:
                tx.proposals.insert(proposal)
            if wanted.press_only:
                return consent.confirmation(proposal, turn.voice)
            return consent.code_request(tx, proposal, turn.voice, wanted, self.public_url)

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, wanted.decision), answer=answer)

    async def _revalidate(self, turn: Turn, decision: Decision) -> Ending | None:
        """Step 8: the provider is asked now where policy says so, else once a minute; then it is decided again."""
        marked = isinstance(decision, Permit) and decision.obligations.revalidate
        assert turn.standing is not None
        if turn.revalidated or not (marked or self.revalidator.is_due(turn.standing.person)):
            turn.trace(Step.REVALIDATE, StepOutcome.OK if turn.revalidated else StepOutcome.SKIPPED)
            return None
        return await self.ask_provider(turn, or_else_go_on=not marked)

    async def ask_provider(self, turn: Turn, *, or_else_go_on: bool = False) -> Ending | None:
        """Raises `Stale` once the provider has answered; None where it did not, and what policy allowed goes on."""
        assert turn.standing is not None
        assert turn.standing.person is not None
        turn.revalidated = True
        try:
            await self.revalidator.check(turn.standing.person, turn.scribe)
        except (AccountRevoked, ProviderUnavailable) as error:
            outcome = StepOutcome.NO if isinstance(error, AccountRevoked) else StepOutcome.FAILED
            turn.trace(Step.REVALIDATE, outcome, code=error.code)
            if or_else_go_on and isinstance(error, ProviderUnavailable):
                return None
            answer = refusals.failed(turn.voice, error.code, turn.scribe.correlation)
            return end(turn, EventType.ACCESS_DECIDED, "deny", answer)
        raise Stale("decided before the provider was asked", code="revalidated")

    async def _perform(self, turn: Turn) -> Answer:
        """Step 9: the answer is written in T2, with the outcome it tells."""
        answer = await self.performing.perform(turn, self._capability(turn))
        assert turn.effect is not None
        outcome = StepOutcome.OK if turn.effect.result is not None else StepOutcome.FAILED
        turn.trace(Step.EFFECT, outcome, grant=turn.effect.grant.id[:8], effect=turn.effect.code)
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

        def work(tx: Transaction) -> tuple[Answer, AuditRecord]:
            turn.outbox.clear()
            answer = ending.answer(tx)
            record = tx.audit.append(ending.event)
            conclude(tx, turn, answer, self.delivery, tuple)
            return answer, record

        answer, record = await self.database.write(work)
        turn.traced(record)
        return answer

    async def _out(self, turn: Turn, answer: Answer) -> None:
        """Step 10: post what was queued, and put the answer into the dialog that is open."""
        await self.delivery.take_code_away(turn.message)
        if turn.dialog_open and turn.message.trigger is not None:
            dialog = answer.dialog or refusals.as_dialog(answer, turn.message.handle)
            await self.delivery.show_dialog(turn.message.place.platform, turn.message.trigger, dialog)
        await self.delivery.send(turn.outbox)
