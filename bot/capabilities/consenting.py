"""Step 7: what has to be pressed or proven before the act, for exactly what is shown."""

from __future__ import annotations

from dataclasses import dataclass

from bot.capabilities.model import Capability
from bot.capabilities.performing import Performing
from bot.domain.answer import Answer
from bot.domain.audit import AuditRecord, EventType
from bot.domain.proposal import Proposal, Shown
from bot.ports.database import Transaction
from bot.ports.trace import Step, StepOutcome
from bot.services import consent
from bot.services.delivery import Delivery
from bot.services.turns import Ending, Turn, Wanted, close, event
from policy.model import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Consenting:
    """Asks for consent."""

    performing: Performing
    delivery: Delivery
    public_url: str

    async def ask(self, turn: Turn, capability: Capability, decision: Decision) -> Ending | Answer | None:
        """A press or a second factor for exactly this digest, unless it was given or none is wanted."""
        wanted = consent.wanted(decision, turn)
        if wanted is None:
            turn.trace(Step.CONSENT, StepOutcome.OK if turn.proof or turn.proposal else StepOutcome.SKIPPED)
            return None
        if turn.proposal is None and capability.preview is not None:
            return await self._read_and_ask(turn, capability, wanted)
        proposal = turn.proposal or consent.propose(turn, await self.performing.shown(turn, capability), wanted)
        _trace(turn, wanted)
        return self._ending(turn, proposal, wanted)

    async def _read_and_ask(self, turn: Turn, capability: Capability, wanted: Wanted) -> Answer:
        """What is shown is read in the system: the reading is recorded and the question stored in one transaction."""
        asked: list[tuple[Answer, AuditRecord]] = []

        def ask(tx: Transaction, shown: Shown) -> None:
            ending = self._ending(turn, consent.propose(turn, shown, wanted), wanted)
            asked.append(close(tx, turn, ending, self.delivery))

        await self.performing.shown(turn, capability, ask)
        _trace(turn, wanted)
        answer, record = asked[-1]
        turn.traced(record)
        return answer

    def _ending(self, turn: Turn, proposal: Proposal, wanted: Wanted) -> Ending:
        fresh = turn.proposal is None

        def answer(tx: Transaction) -> Answer:
            if fresh:
                tx.proposals.insert(proposal)
            if turn.proof is not None:
                # It is weaker than what policy takes: were it kept, the page would ask for a press and nothing else.
                tx.proofs.spend(turn.proof.id, now=turn.now)
            if wanted.press_only:
                return consent.confirmation(proposal, turn.voice)
            return consent.code_request(tx, proposal, turn.voice, wanted, self.public_url, dialog_open=turn.dialog_open)

        return Ending(event=event(turn, EventType.ACCESS_DECIDED, wanted.decision), answer=answer)


def _trace(turn: Turn, wanted: Wanted) -> None:
    assert turn.action is not None
    turn.trace(Step.CONSENT, StepOutcome.ASKED, method=wanted.method or "", digest=turn.action.digest[:8])
