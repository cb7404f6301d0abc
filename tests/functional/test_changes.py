"""Changes of authority that take two: another administrator's yes, or a day where there is one alone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.core import compose
from bot.domain.audit import EventType
from bot.domain.change import DELAY, ENROLMENT, Wanted
from bot.domain.identity import Role
from bot.domain.messages import EventKind
from bot.domain.proof import ProofMethod
from bot.domain.proposal import Proposal
from bot.ports.database import Transaction
from bot.services import changes, step_up
from bot.services.audit_trail import Scribe
from policy.cedar import load
from policy.sources import POLICIES
from tests.contract.stores import a_passkey
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world


@pytest.fixture
async def office(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Where policy takes any factor of administrators: what counts here is people, and what code asks for besides."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    file = policies / "40-admin.cedar"
    file.write_text(file.read_text().replace("context.proof.phishing_resistant && ", ""))
    async with world(tmp_path, clock, policies=policies) as made:
        for name in ("raj", "john"):
            await made.sign_in(name)
        await keyed(made, "raj")
        yield made


async def keyed(here: World, name: str) -> None:
    """Somebody with an app and a passkey."""
    await here.enrol(name)
    key = a_passkey(here.clock.now(), f"key-of-{name}", identity=here.identity(name))
    assert await here.database.write(lambda tx: tx.passkeys.insert(key))


async def asks(here: World, name: str, command: str) -> str:
    """The command with a passkey on the page that it leads to; what is said in the end."""
    await here.sign_in(name)
    await here.command(name, command)
    here.clock.advance(timedelta(seconds=30))
    link = next(action.url for action in here.last(name).card.actions if action.url)
    handle, now = link.rpartition("/")[2], here.clock.now()

    def signed(tx: Transaction) -> Proposal:
        found = tx.interactions.find(handle, now=now)
        assert found is not None
        proposal = tx.proposals.find(str(found.payload["proposal"]))
        assert proposal is not None
        assert ProofMethod.PASSKEY in proposal.methods
        step_up.prove(
            tx, proposal.identity, method=ProofMethod.PASSKEY, kind=proposal.consent, binding=proposal.digest, now=now
        )
        return proposal

    proposal = await here.database.write(signed)
    resumed = here.message(name, EventKind.RESUME, place=proposal.place, fields={"proposal": proposal.id})
    answer = await here.core.ingress.resume(resumed)
    assert answer.draft is not None
    card = answer.draft.card
    return f"{card.headline}\n{card.body}"


async def by_code(here: World, name: str, command: str) -> str:
    """The same with a code; what is said in the end."""
    await here.sign_in(name)
    await here.command(name, command)
    here.clock.advance(timedelta(seconds=30))
    await here.press(name, here.last(name), "Enter a code")
    await here.submit_code(name, here.code(name))
    return here.last(name).text


async def roles(here: World, name: str) -> set[str]:
    return {
        grant.role.value for grant in await here.database.read(lambda tx: tx.roles.of_identity(here.identity(name)))
    }


async def second(here: World, name: str = "mia") -> None:
    """Another administrator, from the provider."""
    from bot.services import roles as given  # noqa: PLC0415 - only here

    await here.sign_in(name)
    now = here.clock.now()
    await here.database.write(
        lambda tx: given.give(tx, here.identity(name), Role.ADMINISTRATOR, "*", by=here.identity("raj").key, now=now)
    )
    await keyed(here, name)


async def test_alone_a_sensitive_role_takes_a_day_and_an_alarm(office: World) -> None:
    role = "administrator"
    said = await asks(office, "raj", f"roles grant john {role}")
    assert "only one administrator" in said
    await office.core.carrying_out.run()
    assert "Cancel" in str(office.last("raj").card.actions)
    office.clock.advance(DELAY - timedelta(minutes=1))
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()
    office.clock.advance(timedelta(minutes=2))
    await office.core.carrying_out.run()
    await office.core.carrying_out.run()
    assert await roles(office, "john") == {role}
    granted = await office.audit(type_prefix=EventType.ROLE_GRANTED.value)
    assert [(one.event.decision, one.event.code) for one in granted] == [("alarm", "single_administrator")]
    proposed = await office.audit(type_prefix=EventType.CHANGE_PROPOSED.value)
    assert [one.event.decision for one in proposed] == ["alarm"]


async def test_alone_a_code_does_not_stand_for_the_second_yes(office: World) -> None:
    """Policy here would take a code; in single-administrator mode code asks for more than policy."""
    await office.sign_in("raj")
    await office.command("raj", "roles grant john auditor")
    asked = office.last("raj").card
    assert "Enter a code" not in [action.label for action in asked.actions]
    assert await office.database.read(lambda tx: tx.changes.open(office.clock.now())) == []
    assert "john is now support representative" in await by_code(office, "raj", "roles grant john support_rep")
    await second(office)
    assert "waits for an administrator's yes" in await by_code(office, "raj", "roles grant john auditor")


async def test_whoever_has_a_code_alone_is_led_to_a_passkey(office: World) -> None:
    await office.database.write(lambda tx: tx.passkeys.remove("key-of-raj"))
    await office.sign_in("raj")
    said = await office.command("raj", "roles grant john auditor")
    assert "Enter a code" not in [action.label for action in office.last("raj").card.actions], said
    assert await office.database.read(lambda tx: tx.changes.open(office.clock.now())) == []


async def test_a_yes_without_that_proof_never_comes_due(office: World) -> None:
    """Even where a decision let it through: what counts the yes looks at the proof itself."""
    wanted = Wanted(capability="grant_role", target=office.identity("john").key, arguments={"role": "auditor"})
    scribe = Scribe(time=office.clock.now(), channel="test", correlation="")
    for _ in range(2):
        waits = await office.database.write(lambda tx: changes.agree(tx, wanted, office.identity("raj"), scribe))
        assert waits is not None
        assert waits.due_at is None
    office.clock.advance(DELAY * 2)
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()


async def test_saying_it_twice_is_one_yes(office: World) -> None:
    for _ in range(2):
        assert "only one administrator" in await asks(office, "raj", "roles grant john auditor")
    assert len(await office.database.read(lambda tx: tx.changes.open(office.clock.now()))) == 1
    assert await roles(office, "john") == set()


async def test_it_can_be_cancelled_by_a_press(office: World) -> None:
    await asks(office, "raj", "roles grant john auditor")
    await office.core.carrying_out.run()
    await office.press("raj", office.last("raj"), office.last("raj").card.actions[0].label)
    await office.press("raj", office.last("raj", "Cancel a change"), "Cancel it")
    assert "is cancelled" in office.last("raj").text
    office.clock.advance(DELAY + timedelta(minutes=1))
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()


async def test_somebody_else_cannot_cancel(office: World) -> None:
    await asks(office, "raj", "roles grant john auditor")
    (waits,) = await office.database.read(lambda tx: tx.changes.open(office.clock.now()))
    assert "role doesn't include" in await office.command("john", f"changes cancel {waits.id}")


async def test_a_second_administrator_says_the_same_and_it_is_done(office: World) -> None:
    await second(office)
    assert "waits for an administrator's yes" in await asks(office, "raj", "roles grant john auditor")
    assert await roles(office, "john") == set()
    await asks(office, "mia", "roles grant john hr_manager")
    assert await roles(office, "john") == set()
    assert "john is now auditor" in await asks(office, "mia", "roles grant john auditor")
    assert await roles(office, "john") == {"auditor"}


async def test_the_mode_ends_by_itself(office: World) -> None:
    """What waits for its day waits for the second administrator from the moment there is one."""
    await asks(office, "raj", "roles grant john auditor")
    await second(office)
    office.clock.advance(DELAY)
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()
    await office.sign_in("mia")
    await office.core.carrying_out.run()
    assert "Agree" in [action.label for action in office.last("mia").card.actions]
    assert "john is now auditor" in await asks(office, "mia", "roles grant john auditor")


async def test_locking_the_second_makes_nobody_alone(office: World) -> None:
    await second(office)
    await asks(office, "raj", "lock mia")
    assert "waits for an administrator's yes" in await asks(office, "raj", "roles grant john auditor")
    office.clock.advance(DELAY * 2)
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()


async def test_whoever_said_yes_and_is_none_any_more_does_not_count(office: World) -> None:
    await second(office)
    await second(office, "sue")
    await asks(office, "mia", "roles grant john auditor")
    await asks(office, "raj", "lock mia")
    assert "waits" in await asks(office, "sue", "roles grant john auditor")
    assert await roles(office, "john") == set()


async def test_an_ordinary_role_takes_one(office: World) -> None:
    assert "john is now support representative" in await asks(office, "raj", "roles grant john support_rep")


async def test_alone_both_halves_of_an_enrolment_code_take_a_day(office: World) -> None:
    wanted = Wanted(capability=ENROLMENT, target=office.identity("john").key, arguments={})
    scribe = Scribe(time=office.clock.now(), channel="test", correlation="")
    waits = await office.database.write(
        lambda tx: changes.agree(tx, wanted, office.identity("raj"), scribe, resistant=True)
    )
    assert waits is not None
    assert waits.due_at == office.clock.now() + DELAY


async def test_policy_is_asked_again_when_the_day_has_passed(office: World, tmp_path: Path) -> None:
    await asks(office, "raj", "roles grant john administrator")
    file = tmp_path / "policies" / "40-admin.cedar"
    file.write_text(file.read_text().replace('Action::"GrantRole",', ""))
    narrower = compose(replace(office.core.outside, engine=load(tmp_path / "policies")))
    office.clock.advance(DELAY + timedelta(minutes=1))
    await narrower.carrying_out.run()
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set(), "who said yes may no longer, so nothing is done, then or later"
    assert len(await office.audit(type_prefix=EventType.CHANGE_CANCELLED.value)) == 1
