"""Performs a capability: what is shown before the act, the act itself, and the answer that comes of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from bot.capabilities.approving import Approving
from bot.capabilities.following import Followed, follow
from bot.capabilities.model import Acting, Capability, Effect, Local, Ours, Preview, Systems
from bot.capabilities.our_part import with_ours
from bot.capabilities.showing import plain_shown
from bot.capabilities.ticking import tick_dialog
from bot.capabilities.writing import page_path, write_dialog
from bot.domain.action import CanonicalAction
from bot.domain.answer import Answer, ApprovalRequest, Draft, Result, Sheet
from bot.domain.cards import Action, ActionStyle, Card, Status
from bot.domain.grant import Grant
from bot.domain.interaction import Interaction
from bot.domain.leave import LeaveState
from bot.domain.proposal import Shown
from bot.errors import NotAllowed
from bot.ports.connectors import Call
from bot.ports.database import Transaction
from bot.services import break_glass, refusals
from bot.services.asking import told_draft
from bot.services.authorization import Authorizer
from bot.services.delivery import Delivery
from bot.services.effects import Effects, Plan
from bot.services.facts_desk import own_record
from bot.services.reviewers import Reviewers
from bot.services.standing_in import StandingIn
from bot.services.tallying import Tally
from bot.services.turns import Turn, conclude
from policy.model import Permit

VIEW_SECONDS = 300
_WAITS = frozenset({LeaveState.PENDING, LeaveState.SECOND_APPROVAL})
_SHEET: TypeAdapter[Sheet] = TypeAdapter(Sheet)


class Performing:
    """Runs permitted capabilities through `Effects` and writes their answers."""

    def __init__(
        self,
        *,
        systems: Systems,
        effects: Effects,
        authorizer: Authorizer,
        delivery: Delivery,
        approving: Approving,
        standing_in: StandingIn,
        reviewers: Reviewers,
        ours: Ours,
    ) -> None:
        self._systems = systems
        self._effects = effects
        self._authorizer = authorizer
        self._delivery = delivery
        self._approving = approving
        self._standing_in = standing_in
        self._reviewers = reviewers
        self._ours = ours

    async def perform(self, turn: Turn, capability: Capability) -> Answer:
        """The act, in T1 and T2; the answer is written when this returns. Raises `Stale`, `StorageUnavailable`."""
        plan = self._plan(turn, capability)
        if capability.settles:
            tally = await self._approving.count(turn, capability)
            if not tally.settles:
                return await self._keep(turn, capability, tally)
            plan = replace(plan, also=lambda tx, grant: self._approving.settle(tx, turn, capability, tally, grant))
        elif capability.breaks_glass:
            plan = replace(plan, also=lambda tx, grant: _break_glass(tx, turn, grant))
        elif capability.stands_in:
            capability = await self._with_request(turn, capability)
            plan = replace(plan, also=lambda tx, _: self._approving.in_place_of(tx, turn))
        elif capability.reviews_break_glass:
            capability = await self._with_gone(turn, capability)
        return await self._run(turn, capability, plan)

    async def _keep(self, turn: Turn, capability: Capability, tally: Tally) -> Answer:
        """An approval that does not suffice: kept in T1, told in T2; the system hears nothing of it."""
        request = await self._asks(turn, capability)
        plan = replace(
            self._plan(turn, capability),
            writes=False,
            also=lambda tx, _: self._approving.keep(tx, turn, capability, tally, request),
        )
        local = replace(
            capability, local=lambda _local, _acting: self._approving.kept(turn, tally, request), perform=None
        )
        return await self._run(turn, local, plan)

    async def _with_request(self, turn: Turn, capability: Capability) -> Capability:
        """What works on a request of ours gets one that waits in the system alone, too."""
        local, facts = capability.local, turn.facts
        if local is None or capability.asks is None or facts is None or facts.state not in _WAITS:
            return capability
        about = str(facts.ref)
        if await self._approving.database.read(lambda tx: tx.approvals.asked(about)) is not None:
            return capability
        asked = self._approving.not_asked_here(turn, await self._asks(turn, capability))
        return replace(capability, local=lambda ours, acting: local(replace(ours, asked=asked), acting))

    async def _with_gone(self, turn: Turn, capability: Capability) -> Capability:
        """What counts earlier reviews gets those whose reviewer has left."""
        local = capability.local
        assert local is not None
        assert turn.action is not None
        use_id = str(turn.action.arguments.get("use") or "").casefold()
        gone = await self._reviewers.gone(use_id, turn.person.key, turn.scribe)
        return replace(capability, local=lambda ours, acting: local(replace(ours, gone=gone), acting))

    async def _asks(self, turn: Turn, capability: Capability) -> ApprovalRequest:
        """What others are asked, as the system has it now. Raises `NotAllowed`."""
        assert capability.asks is not None
        asks = capability.asks
        found: list[ApprovalRequest] = []

        async def read(grant: Grant, call: Call) -> Result:
            found.append(await asks(self._systems, _acting(turn, grant, call)))
            return PREVIEWED

        ran = await self._effects.run(self._preview_plan(turn, capability), read, lambda *_: None)
        if not found:
            raise NotAllowed(ran.code, code=ran.code)
        return found[0]

    async def _run(self, turn: Turn, capability: Capability, plan: Plan) -> Answer:
        answers: list[Answer] = []

        def write(tx: Transaction, result: Result | None, code: str) -> None:
            turn.outbox.clear()  # a transaction may run again: what its first run queued was never stored
            told = result and with_ours(tx, turn, capability, result, self._authorizer)
            answers.append(self.tell(tx, turn, told, code, ended=plan.writes))

        if capability.local is not None:
            local = capability.local

            def work(tx: Transaction, grant: Grant, call: Call) -> Result:
                return local(self._local(tx), _acting(turn, grant, call))

            ran = await self._effects.run_local(plan, work, write)
        else:
            assert capability.perform is not None
            perform = capability.perform

            async def call_system(grant: Grant, call: Call) -> Result:
                if plan.writes:
                    turn.row = None  # it ended with the intent, which is written
                return await self._with_line(turn, await perform(self._systems, _acting(turn, grant, call)))

            ran = await self._effects.run(plan, call_system, write)
        turn.effect = ran
        return answers[-1] if answers else Answer(code=ran.code)

    def _local(self, tx: Transaction) -> Local:
        return Local(tx=tx, engine=self._authorizer.engine, ours=self._ours)

    async def _with_line(self, turn: Turn, result: Result) -> Result:
        """Who stands above the approver is learnt while the system can still be asked: nobody is left waiting."""
        if result.asks is None or result.asks.by_hr or result.asks.approver == turn.person.employee:
            return result
        assert turn.circumstances is not None
        line = await self._standing_in.line(
            turn.person, result.asks.approver, turn.circumstances, turn.scribe.correlation, turn.now
        )
        return replace(result, asks=replace(result.asks, line=line))

    def tell(self, tx: Transaction, turn: Turn, result: Result | None, code: str, *, ended: bool = False) -> Answer:
        """Write the answer and what follows from it, in the transaction that records the outcome; see `conclude`."""
        answer = self._answer(tx, turn, result, code)
        followed = Followed() if result is None else follow(tx, turn, result, self._approving.routes)
        if followed.told and answer.draft is not None:
            answer = replace(answer, draft=told_draft(answer.draft, followed.told))
        conclude(tx, turn, answer, self._delivery, lambda: followed.postings, ended=ended)
        return answer

    async def again(self, turn: Turn, capability: Capability, grant: Grant, call: Call) -> Result:
        """Ask the system for the answer to a write it has already done. Raises `ConnectorError`."""
        assert capability.perform is not None
        return await capability.perform(self._systems, _acting(turn, grant, call))

    async def shown(
        self,
        turn: Turn,
        capability: Capability,
        also: Callable[[Transaction, Shown], None] = lambda _tx, _shown: None,
    ) -> Shown:
        """What the person will sign: the system's own reading of it where there is one, under its own decision.

        What it is read for is done with it by `also`, in the transaction that records the reading; not where none is.
        Raises `NotAllowed` when policy does not let this person read it, and what `Effects.run` raises.
        """
        if capability.preview is None:
            return plain_shown(turn, capability)
        if capability.breaks_glass:
            await self._approving.database.read(lambda tx: break_glass.check(tx, turn.person, turn.now))
        return await self.read(turn, capability, capability.preview, also)

    async def read(
        self, turn: Turn, capability: Capability, preview: Preview, also: Callable[[Transaction, Shown], None]
    ) -> Shown:
        """What a look at the system gives, under the capability's own right to look. Raises as `shown`."""
        plan = self._preview_plan(turn, capability)
        found: list[Shown] = []

        async def read(grant: Grant, call: Call) -> Result:
            found.append(await preview(self._systems, _acting(turn, grant, call)))
            return PREVIEWED

        def finish(tx: Transaction, result: Result | None, _code: str) -> None:
            if result is not None:
                also(tx, found[0])

        ran = await self._effects.run(plan, read, finish)
        if ran.result is None:
            raise NotAllowed(ran.code, code=ran.code)
        return found[0]

    async def glance(self, turn: Turn, capability: Capability) -> tuple[Result | None, str]:
        """What a read of one's own gives, to stand on another card, under its own decision; else None, and why not.

        Raises what `Effects.run` raises.
        """
        assert turn.circumstances is not None
        assert capability.perform is not None
        facts, perform = own_record(turn.person), capability.perform
        decision = self._authorizer.decide(
            turn.person, capability.action, facts, turn.circumstances, proof=None, now=turn.now
        )
        if not isinstance(decision, Permit):
            return None, "deny"
        action = CanonicalAction(
            principal=turn.person.key,
            capability=capability.name,
            action=capability.action,
            resource=facts.ref,
            salt=secrets.token_hex(16),
        )
        looking = replace(
            turn, action=action, facts=facts, rules=decision.rules, policy_hash=decision.policy_hash, proposal=None
        )
        plan = replace(self._plan(looking, capability), proof=None)
        ran = await self._effects.run(
            plan, lambda grant, call: perform(self._systems, _acting(looking, grant, call)), lambda *_: None
        )
        return ran.result, ran.code

    def _preview_plan(self, turn: Turn, capability: Capability) -> Plan:
        assert turn.facts is not None
        assert turn.action is not None
        assert turn.circumstances is not None
        # Looking is nobody's glass to break: it has a right of its own.
        here = replace(turn.circumstances, break_glass=None)
        decision = self._authorizer.decide(
            turn.person, capability.preview_action, turn.facts, here, proof=None, now=turn.now
        )
        if not isinstance(decision, Permit):
            raise NotAllowed(capability.preview_action, code="deny.not_allowed")
        action = replace(turn.action, action=capability.preview_action, salt=secrets.token_hex(16))
        return replace(
            self._plan(turn, capability),
            action=action,
            rules=decision.rules,
            policy_hash=decision.policy_hash,
            proof=None,
            proposal=None,
            writes=False,
        )

    def _plan(self, turn: Turn, capability: Capability) -> Plan:
        assert turn.facts is not None
        assert turn.action is not None
        assert turn.standing is not None
        return Plan(
            principal=turn.person,
            standing=turn.standing,
            action=turn.action,
            facts=turn.facts,
            policy_hash=turn.policy_hash,
            rules=turn.rules,
            proof=turn.proof,
            proposal=turn.proposal,
            channel=turn.message.who,
            place=turn.message.place,
            source=turn.own_card,
            scribe=turn.scribe,
            writes=capability.effect is Effect.WRITE,
            attended=not turn.message.automatic,
            row=turn.row,
        )

    def _answer(self, tx: Transaction, turn: Turn, result: Result | None, code: str) -> Answer:
        if result is None:
            return refusals.failed(turn.voice, code, turn.scribe.correlation)
        path = None if result.sheet is None else f"/view/{_keep_sheet(tx, turn, result.sheet)}"
        dialog = tick_dialog(tx, turn, result.ticks) if turn.dialog_wanted and result.ticks else None
        draft = result.draft
        if result.form is not None and result.form.on_page:
            path = page_path(tx, turn, result.form)
            label, url = turn.voice.say("consent.open_page"), self._ours.public_url + path
            link = Action(label=label, url=url, style=ActionStyle.PRIMARY)
            draft = replace(draft, card=replace(draft.card, actions=(*draft.card.actions, link)))
        elif turn.dialog_wanted and result.form is not None:
            dialog = write_dialog(tx, turn, result.form, result.draft.card)
        refused = result.code != "done" and draft.card.status is Status.DENIED
        return Answer(draft=draft, dialog=dialog, continue_path=path, code="done", refused=refused)


PREVIEWED = Result(draft=Draft(card=Card(headline="")), code="previewed")
"""A preview writes no answer of its own."""


def _keep_sheet(tx: Transaction, turn: Turn, sheet: Sheet) -> str:
    return tx.interactions.create(
        Interaction(
            kind="view",
            payload=_SHEET.dump_python(sheet, mode="json"),
            audience=turn.person.key,
            until=turn.now + timedelta(seconds=VIEW_SECONDS),
        )
    )


def read_sheet(interaction: Interaction) -> Sheet:
    """The sheet a view handle holds."""
    return _SHEET.validate_python(interaction.payload)


def _break_glass(tx: Transaction, turn: Turn, grant: Grant) -> None:
    assert turn.facts is not None
    scribe = replace(turn.scribe, time=turn.now)
    break_glass.use(tx, turn.person, turn.proof, grant, scribe, owner=turn.facts.owner)


def _acting(turn: Turn, grant: Grant, call: Call) -> Acting:
    assert turn.facts is not None
    return Acting(
        principal=turn.person,
        grant=grant,
        call=call,
        facts=turn.facts,
        channel=turn.message.who,
        voice=turn.voice,
        now=turn.now,
        on_behalf_of=None if turn.circumstances is None else turn.circumstances.on_behalf_of,
        resistant=turn.proof is not None and turn.proof.phishing_resistant,
    )
