"""The last look before a grant: whatever went wrong before, it is for the action that was consented to, and proven."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.action import ResourceFacts
from bot.domain.answer import Result
from bot.domain.grant import Grant
from bot.domain.identity import principal_of
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.errors import Stale
from bot.ports.connectors import Call
from bot.ports.database import Transaction
from bot.services import step_up
from bot.services.audit_trail import Scribe
from bot.services.effects import Effects, Plan
from tests.fakes.world import LIMITS, World
from tests.security.core.attack import code_dialog


async def _plan(here: World) -> Plan:
    """Of Mia's approval, which waits for her code, with a proof for exactly it."""
    await code_dialog(here)
    handle, now, mia = here.chat.dialogs["view"].handle, here.clock.now(), here.channel("mia")

    def work(tx: Transaction) -> Plan:
        found = tx.interactions.find(handle, now=now)
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert isinstance(proposal, Proposal)
        proof = step_up.prove(
            tx,
            proposal.identity,
            method=ProofMethod.TOTP,
            kind=ConsentKind.PER_ACTION,
            binding=proposal.digest,
            now=now,
        )
        standing = tx.sessions.use(mia, now=now, limits=LIMITS)
        assert standing.person is not None
        return Plan(
            principal=principal_of(standing.person, standing.grants, now),
            standing=standing,
            action=proposal.action,
            facts=ResourceFacts(ref=proposal.action.resource, version=proposal.facts_version),
            policy_hash="p",
            rules=(),
            proof=proof,
            proposal=proposal,
            channel=mia,
            place=proposal.place,
            source=None,
            scribe=Scribe(time=now, channel=mia.key, correlation="c", principal=proposal.identity.key),
            writes=True,
        )

    return await here.database.write(work)


async def _called(here: World, plan: Plan) -> list[Grant]:
    """The grants that the system was called with."""
    effects = Effects(
        database=here.database,
        mint=here.core.outside.mint,
        clock=here.clock,
        limits=LIMITS,
        policy_hash=lambda: "p",
    )
    called: list[Grant] = []

    async def perform(grant: Grant, call: Call) -> Result:
        called.append(grant)
        raise Stale("the system is not asked in this test")

    await effects.run(plan, perform, lambda *_: None)
    return called


@pytest.mark.requirement("47", "61")
async def test_what_was_consented_to_and_proven_is_called_once(here: World) -> None:
    plan = await _plan(here)
    assert [grant.action for grant in await _called(here, plan)] == [plan.action]
    with pytest.raises(Stale):
        await _called(here, plan)


@pytest.mark.requirement("61")
async def test_another_action_than_was_consented_to_gets_no_grant(here: World) -> None:
    plan = await _plan(here)
    other = replace(plan.action, arguments={**plan.action.arguments, "note": "and more"})
    with pytest.raises(Stale, match="proposal"):
        await _called(here, replace(plan, action=other))


@pytest.mark.requirement("47")
async def test_a_proof_of_another_action_gets_no_grant(here: World) -> None:
    plan = await _plan(here)
    assert plan.proof is not None
    with pytest.raises(Stale, match="proof"):
        await _called(here, replace(plan, proof=replace(plan.proof, binding="another")))


@pytest.mark.requirement("61")
async def test_another_policy_than_decided_gets_no_grant(here: World) -> None:
    with pytest.raises(Stale, match="policy"):
        await _called(here, replace(await _plan(here), policy_hash="another"))


@pytest.mark.requirement("47", "61")
@pytest.mark.parametrize("what", ["proposal", "proof"])
async def test_what_is_over_in_the_moment_of_the_grant_gets_none(here: World, what: str) -> None:
    """Both are over at their very end, though the rows themselves are good for longer."""
    plan, now = await _plan(here), here.clock.now()
    assert plan.proof is not None
    assert plan.proposal is not None
    late = (
        replace(plan, proof=replace(plan.proof, until=now))
        if what == "proof"
        else replace(plan, proposal=replace(plan.proposal, until=now))
    )
    with pytest.raises(Stale, match=what):
        await _called(here, late)
    assert len(await _called(here, plan)) == 1, "and nothing else is wrong with it"


@pytest.mark.requirement("47", "61")
@pytest.mark.parametrize("what", ["proposal", "proof"])
async def test_what_is_spent_already_gets_no_grant(here: World, what: str) -> None:
    """Each of the two alone: the other one is still good."""
    plan = await _plan(here)

    def spend(tx: Transaction) -> bool:
        assert plan.proof is not None
        assert plan.proposal is not None
        if what == "proof":
            return tx.proofs.spend(plan.proof.id, now=here.clock.now())
        return tx.proposals.finish(plan.proposal.id, ProposalState.SPENT)

    assert await here.database.write(spend)
    with pytest.raises(Stale, match=what):
        await _called(here, plan)
