"""Step 6: policy's answer, with whatever unspent proof there is for exactly this."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.change import Wanted, needed
from bot.domain.proof import Proof
from bot.ports.database import Database
from bot.ports.trace import Step, StepOutcome
from bot.services import changes
from bot.services.authorization import Authorizer, Circumstances
from bot.services.step_up import reading_binding
from bot.services.turns import Turn
from policy.model import Consent, Decision, Deny, Permit, StepUpRequired

USE_BOT = "UseBot"
NOT_LET_IN = "use_bot"
"""Stands for the capability where somebody may not use the bot at all: the words are their own."""
TAKE_TWO = frozenset({"GrantRole", "RevokeRole", "GiveEnrolmentCode"})
"""Changes that two administrators make, for some roles or always: `bot.domain.change.needed` says which."""
DOORWARD = ResourceFacts(ref=ResourceRef(type="System", id="doorward"), version="1")


class Deciding:
    """The only place where policy is asked whether an act may happen."""

    def __init__(self, *, database: Database, authorizer: Authorizer) -> None:
        self._database = database
        self._authorizer = authorizer

    def admit(self, turn: Turn, circumstances: Circumstances) -> Decision:
        """Whether this person may use the bot at all; asked on every message, with nothing kept from the one before."""
        return self._authorizer.decide(turn.person, USE_BOT, DOORWARD, circumstances, proof=None, now=turn.now)

    def may(self, turn: Turn, action: str) -> bool:
        """Whether this person may do something to Doorward as such, as far as can be said without a proof."""
        assert turn.circumstances is not None
        decision = self._authorizer.decide(turn.person, action, DOORWARD, turn.circumstances, proof=None, now=turn.now)
        return isinstance(decision, Permit)

    async def decide(self, turn: Turn) -> Decision:
        """The decision; the turn keeps its rules and, where one counted, the proof."""
        assert turn.action is not None
        turn.proof = await self._unspent(turn, turn.action.digest) if turn.proposal else None
        self._in_own_right(turn)
        resistant = await self._alone(turn)
        decision = self._ask(turn, resistant=resistant)
        if isinstance(decision, StepUpRequired) and decision.obligations.consent is Consent.OWN_READING:
            assert turn.standing is not None
            assert turn.standing.session is not None
            binding = reading_binding(turn.standing.session.id, decision.obligations.reading_set)
            turn.proof = await self._unspent(turn, binding)
            decision = self._ask(turn, resistant=resistant) if turn.proof else decision
        turn.rules, turn.policy_hash = decision.rules, decision.policy_hash
        turn.approves = () if isinstance(decision, Deny) else decision.obligations.approves
        _trace(turn, decision)
        return decision

    def _in_own_right(self, turn: Turn) -> None:
        """Who may decide by themselves decides in nobody's place."""
        assert turn.circumstances is not None
        if turn.circumstances.on_behalf_of is None:
            return
        behalf, turn.circumstances = turn.circumstances, replace(turn.circumstances, on_behalf_of=None)
        if isinstance(self._ask(turn), Deny):
            turn.circumstances = behalf

    async def _alone(self, turn: Turn) -> bool:
        """Whether this takes two and there is one administrator alone: the highest step-up stands for the other."""
        assert turn.action is not None
        if turn.cedar_action not in TAKE_TWO:
            return False
        named = {name: str(value) for name, value in turn.action.arguments.items() if name == "role"}
        if needed(Wanted(capability=turn.action.capability, target="", arguments=named)) < 2:
            return False
        return await self._database.read(lambda tx: changes.is_single(tx, turn.now))

    def _ask(self, turn: Turn, *, resistant: bool = False) -> Decision:
        assert turn.facts is not None
        assert turn.circumstances is not None
        return self._authorizer.decide(
            turn.person,
            turn.cedar_action,
            turn.facts,
            turn.circumstances,
            proof=turn.proof,
            now=turn.now,
            resistant=resistant,
        )

    async def _unspent(self, turn: Turn, binding: str) -> Proof | None:
        """What it came with, where that is for exactly this; T1 spends it, or finds that it is spent."""
        if turn.offered is not None and turn.offered.binding == binding:
            return turn.offered
        identity, now = turn.person.identity, turn.now
        return await self._database.read(lambda tx: tx.proofs.unspent(identity, binding, now=now))


def _trace(turn: Turn, decision: Decision) -> None:
    outcome = StepOutcome.ASKED
    if isinstance(decision, Permit):
        outcome = StepOutcome.OK
    elif isinstance(decision, Deny):
        outcome = StepOutcome.FAILED if decision.error else StepOutcome.NO
    turn.trace(
        Step.DECIDE,
        outcome,
        decision=type(decision).__name__,
        rules=decision.rules,
        code=decision.reason if isinstance(decision, Deny) else "",
        policy_hash=decision.policy_hash[:12],
    )
