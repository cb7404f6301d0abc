"""Step 7: what has to be pressed or proven before the act, for exactly what is shown."""

from __future__ import annotations

from dataclasses import dataclass

from bot.capabilities.model import Capability
from bot.capabilities.performing import Performing
from bot.domain.answer import Answer
from bot.domain.audit import EventType
from bot.ports.database import Transaction
from bot.ports.trace import Step, StepOutcome
from bot.services import consent
from bot.services.turns import Ending, Turn, event
from policy.model import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Consenting:
    """Asks for consent."""

    performing: Performing
    public_url: str

    async def ask(self, turn: Turn, capability: Capability, decision: Decision) -> Ending | None:
        """A press or a second factor for exactly this digest, unless it was given or none is wanted."""
        wanted = consent.wanted(decision, turn)
        if wanted is None:
            turn.trace(Step.CONSENT, StepOutcome.OK if turn.proof or turn.proposal else StepOutcome.SKIPPED)
            return None
        fresh = turn.proposal is None
        proposal = turn.proposal or consent.propose(turn, await self.performing.shown(turn, capability), wanted)
        turn.trace(Step.CONSENT, StepOutcome.ASKED, method=wanted.method or "", digest=proposal.digest[:8])

        def answer(tx: Transaction) -> Answer:
            if fresh:
                tx.proposals.insert(proposal)
            if turn.proof is not None:
                # It is weaker than what policy takes: were it kept, the page would ask for a press and nothing else.
                tx.proofs.spend(turn.proof.id, now=turn.now)
            if wanted.press_only:
                return consent.confirmation(proposal, turn.voice)
            return consent.code_request(tx, proposal, turn.voice, wanted, self.public_url)

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, wanted.decision), answer=answer)
