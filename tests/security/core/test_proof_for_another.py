"""A proof for one request is none for another: policy asks for one of its own, and the first is left unspent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

import pytest

from bot.bootstrap.core import compose
from bot.domain.messages import EventKind
from bot.domain.proof import ConsentKind, Proof, ProofMethod
from bot.domain.proposal import Proposal
from bot.ports.trace import Step, TraceEntry
from tests.fakes.world import World
from tests.security.core.attack import effects_done, leave_for_mia


@dataclass
class Decisions:
    """A tracer that keeps what was decided."""

    seen: list[str] = field(default_factory=list)

    def record(self, correlation: str, entry: TraceEntry) -> None:
        if entry.step is Step.DECIDE:
            self.seen.append(entry.decision)


async def proposal(world: World, text: str) -> Proposal:
    """What waits once Mia has pressed Approve on John's request."""
    card = await leave_for_mia(world, text)
    await world.press("mia", card, "Approve")
    handle, now = world.chat.dialogs["view"].handle, world.clock.now()
    found = await world.database.read(lambda tx: tx.interactions.find(handle, now=now))
    assert found is not None
    waiting = await world.database.read(lambda tx: tx.proposals.find(str(found.payload["proposal"])))
    assert waiting is not None
    return waiting


def proof_of(one: Proposal, now: datetime) -> Proof:
    return Proof(
        id="proof-of-a",
        identity=one.identity,
        method=ProofMethod.PASSKEY,
        phishing_resistant=True,
        kind=ConsentKind.PER_ACTION,
        binding=one.digest,
        at=now,
        until=one.until,
    )


async def go_on(world: World, with_what: Proposal) -> str:
    """Resume what waits; what policy said last."""
    decisions = Decisions()
    watched = replace(world, core=compose(replace(world.core.outside, tracer=decisions)))
    fields = {"proposal": with_what.id}
    await watched.core.ingress.resume(world.message("mia", EventKind.RESUME, place=with_what.place, fields=fields))
    return decisions.seen[-1]


@pytest.mark.requirement("32", "33")
async def test_a_proof_for_one_request_gives_step_up_required_for_another(here: World) -> None:
    a = await proposal(here, "I'd like to take 21 to 23 December off")
    b = await proposal(here, "I'd like to take 28 to 30 December off")
    assert a.digest != b.digest
    proof = proof_of(a, here.clock.now())
    await here.database.write(lambda tx: tx.proofs.insert(proof))
    assert await go_on(here, b) == "StepUpRequired"
    assert await effects_done(here, "ApproveLeave") == []
    assert await here.database.read(lambda tx: tx.proofs.unspent(a.identity, a.digest, now=here.clock.now())), (
        "the attempt spent nothing"
    )
    assert await go_on(here, a) == "Permit"
    assert len(await effects_done(here, "ApproveLeave")) == 1
    assert await go_on(here, b) == "StepUpRequired"
