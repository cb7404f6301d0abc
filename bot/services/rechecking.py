"""Step 8: the identity provider is asked again, right before what policy marks, and once a minute otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.audit import EventType
from bot.errors import AccountRevoked, ProviderUnavailable, Stale
from bot.ports.database import Transaction
from bot.ports.trace import Step, StepOutcome
from bot.services import refusals
from bot.services.authorization import Authorizer
from bot.services.revalidation import FRESH_SECONDS, Revalidator
from bot.services.turns import Arrived, Ending, Turn, end
from policy.model import Decision, Permit


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecking:
    """Puts the provider's answer between the decision and the act."""

    revalidator: Revalidator
    authorizer: Authorizer
    again: Callable[[Transaction, Turn], Arrived | None]
    """`Arrival.again`: what it is decided on next, read where the provider's answer is stored."""

    async def before_deciding(self, turn: Turn) -> Ending | None:
        """What was consented to with a proof of its own: the provider's answer comes first, and it is decided once.

        Policy has been asked before, when it demanded the proof: whoever may not do it has been told so then. Only
        where every policy that could permit it wants the provider asked, so that nobody waits for an answer that is
        not needed. Raises `Stale` once it has.
        """
        proposal = turn.proposal
        if turn.revalidated or turn.offered is None or proposal is None or proposal.members:
            return None
        if not self.authorizer.always_revalidates(proposal.action.action):
            return None
        turn.cedar_action, turn.action = proposal.action.action, proposal.action

        def also(tx: Transaction) -> None:
            turn.unread = self.again(tx, turn)

        return await self.ask(turn, also=also)

    async def before_acting(self, turn: Turn, decision: Decision) -> Ending | None:
        """What policy marks is asked of the provider now, anything else once a minute while it answers.

        It is decided again on what the provider answers.
        """
        marked = isinstance(decision, Permit) and decision.obligations.revalidate
        assert turn.standing is not None
        if turn.revalidated or not (marked or self.revalidator.is_due(turn.standing.person)):
            turn.trace(Step.REVALIDATE, StepOutcome.OK if turn.revalidated else StepOutcome.SKIPPED)
            return None
        return await self.ask(turn, or_else_go_on=not marked)

    async def before_reading(self, turn: Turn) -> Ending | None:
        """Once a minute, while the provider answers. Raises `Stale` once it has."""
        assert turn.standing is not None
        if turn.revalidated or not self.revalidator.is_due(turn.standing.person):
            return None
        return await self.ask(turn, or_else_go_on=True)

    async def ask(
        self, turn: Turn, *, or_else_go_on: bool = False, also: Callable[[Transaction], None] = lambda _tx: None
    ) -> Ending | None:
        """Raises `Stale` once the provider has answered; None where it did not, and what policy allowed goes on.

        What is to be done with the answer besides, in its transaction, is `also`.
        """
        assert turn.standing is not None
        assert turn.standing.person is not None
        turn.revalidated = True
        try:
            # What is not marked may be decided on what another message has just been answered, on any replica.
            age = timedelta(seconds=FRESH_SECONDS) if or_else_go_on else timedelta(0)
            await self.revalidator.check(turn.standing.person, turn.scribe, age=age, also=also)
        except (AccountRevoked, ProviderUnavailable) as error:
            outcome = StepOutcome.NO if isinstance(error, AccountRevoked) else StepOutcome.FAILED
            turn.trace(Step.REVALIDATE, outcome, code=error.code)
            if or_else_go_on and isinstance(error, ProviderUnavailable):
                return None
            answer = refusals.failed(turn.voice, error.code, turn.scribe.correlation)
            return end(turn, EventType.ACCESS_DECIDED, "deny", answer)
        raise Stale("decided before the provider was asked", code="revalidated")
