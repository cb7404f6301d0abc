"""Something changes between a decision and T1: what was decided is not done, or is decided again on what holds then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.bootstrap.core import compose
from bot.domain.identity import Role, RoleGrant
from bot.domain.leave import LeaveState
from bot.domain.proposal import ProposalState
from bot.ports.database import Transaction
from bot.services.sessions import end_everything
from policy.engine import PolicyEngine
from tests.fakes.world import World
from tests.security.core.attack import between, code_dialog, effects_done, states, unmatched

Change = Callable[[World, Transaction], object]


def _lock(world: World, tx: Transaction) -> None:
    person = tx.persons.find(world.identity("mia"))
    assert person is not None
    tx.persons.save(replace(person, locked=True, lock_reason="left"))


def _sign_out(world: World, tx: Transaction) -> None:
    tx.sessions.end(world.channel("mia"))


def _revoke(world: World, tx: Transaction) -> None:
    end_everything(tx, world.identity("mia"))


def _unlink(world: World, tx: Transaction) -> None:
    tx.links.remove(world.channel("mia"))


def _void(world: World, tx: Transaction) -> None:
    tx.proposals.void_all(world.identity("mia"))


def _void_proofs(world: World, tx: Transaction) -> None:
    tx.proofs.void_all(world.identity("mia"))


def _no_employee(world: World, tx: Transaction) -> None:
    person = tx.persons.find(world.identity("mia"))
    assert person is not None
    tx.persons.save(replace(person, employee=None, idp_checked_at=world.clock.now()))


@pytest.mark.requirement("55", "45")
@pytest.mark.parametrize("change", [_lock, _sign_out, _revoke, _unlink, _void, _void_proofs, _no_employee])
async def test_what_changes_between_decision_and_t1_stops_the_effect(here: World, change: Change) -> None:
    await code_dialog(here)

    async def hook() -> None:
        await here.database.write(lambda tx: change(here, tx))

    attacked = between(here, hook)
    await attacked.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")
    assert not await unmatched(here)
    assert await here.core.ingress.take_over() == 0, "the message was dealt with"


@pytest.mark.requirement("55")
async def test_a_role_given_meanwhile_voids_the_consent_and_asked_again_the_act_is_done_once(here: World) -> None:
    card = await code_dialog(here)
    grant = RoleGrant(
        id="g1", identity=here.identity("mia"), role=Role.AUDITOR, scope="*", granted_by="raj",
        granted_at=here.clock.now(),
    )  # fmt: skip

    async def hook() -> None:
        await here.database.write(lambda tx: tx.roles.insert(grant))

    await between(here, hook).submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert "Your role changed" in here.last("mia").text
    here.clock.advance(timedelta(seconds=30))
    await here.press("mia", card, "Approve")
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED]
    assert len(await effects_done(here, "ApproveLeave")) == 1


@pytest.mark.requirement("55")
async def test_the_session_that_runs_out_between_decision_and_t1_ends_it(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "balance")

    async def hook() -> None:
        here.clock.advance(timedelta(hours=1))

    answer = await between(here, hook).say("john", "balance")
    assert "session has ended" in answer
    assert len(await effects_done(here, "ViewLeaveBalance")) == 1


@pytest.mark.requirement("55")
async def test_the_proof_that_runs_out_between_decision_and_t1_ends_it(here: World) -> None:
    await code_dialog(here)

    async def hook() -> None:
        here.clock.advance(timedelta(seconds=301))

    await between(here, hook).submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]


@dataclass
class _Reloaded:
    """An engine whose policies are loaded again: another hash, the same rules."""

    inner: PolicyEngine
    hash: str = ""

    @property
    def policy_hash(self) -> str:
        return self.hash or self.inner.policy_hash

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)


@pytest.mark.requirement("55", "58")
async def test_policies_reloaded_between_decision_and_t1_are_asked_again(here: World) -> None:
    await code_dialog(here)
    engine = _Reloaded(here.core.outside.engine)
    world = replace(here, core=compose(replace(here.core.outside, engine=engine)))  # type: ignore[arg-type]
    hashes = iter(["b" * 64, "c" * 64, "d" * 64, "e" * 64, "f" * 64])

    async def hook() -> None:
        engine.hash = next(hashes)

    # Only what `T1` compares has changed: the decision still carries the old hash, so it may never be used.
    await between(world, hook).submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")


@pytest.mark.requirement("55", "80")
async def test_facts_that_change_after_the_proposal_void_it(here: World) -> None:
    await here.sign_in("john")
    await code_dialog(here)
    await here.backend._database.write(
        lambda connection: connection.execute("UPDATE leave SET version = version + 1 WHERE start_on LIKE '2026-12%'")
    )
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert "was changed in its own system since you saw it" in here.last("mia", "nothing was done").text


@pytest.mark.requirement("55")
async def test_facts_that_change_between_decision_and_call_reach_the_system_as_a_conflict(here: World) -> None:
    await code_dialog(here)

    async def hook() -> None:
        await here.backend._database.write(
            lambda connection: connection.execute(
                "UPDATE leave SET version = version + 1 WHERE start_on LIKE '2026-12%'"
            )
        )

    await between(here, hook).submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    finished = [record.event for record in await here.audit(type_prefix="effect.finished")]
    assert [event.code for event in finished if event.action == "ApproveLeave"] == ["connector.conflict.stale"]


@pytest.mark.requirement("55")
async def test_a_spent_proposal_stays_spent(here: World) -> None:
    await code_dialog(here)
    await here.submit_code("mia", here.code("mia"))
    found = await here.database.read(
        lambda tx: tx.interactions.find(here.chat.dialogs["view"].handle, now=here.clock.now())
    )
    assert found is not None
    proposal = str(found.payload["proposal"])
    assert not await here.database.write(lambda tx: tx.proposals.finish(proposal, ProposalState.SPENT))
    assert not await here.database.write(lambda tx: tx.proposals.finish(proposal, ProposalState.VOID))
