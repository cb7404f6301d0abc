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
from bot.domain.change import DELAY
from bot.domain.identity import Role
from policy.cedar import load
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world


@pytest.fixture
async def office(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Where a code is good enough for administrators: what is counted here is people, not factors."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    file = policies / "40-admin.cedar"
    file.write_text(file.read_text().replace("context.proof.phishing_resistant && ", ""))
    async with world(tmp_path, clock, policies=policies) as made:
        for name in ("raj", "john"):
            await made.sign_in(name)
        await made.enrol("raj")
        yield made


async def asks(here: World, name: str, command: str) -> str:
    """The command with its proof; what is said in the end."""
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
    await here.enrol(name)


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
    from bot.domain.change import ENROLMENT, Wanted  # noqa: PLC0415
    from bot.services import changes  # noqa: PLC0415
    from bot.services.audit_trail import Scribe  # noqa: PLC0415

    wanted = Wanted(capability=ENROLMENT, target=office.identity("john").key, arguments={})
    scribe = Scribe(time=office.clock.now(), channel="test", correlation="")
    waits = await office.database.write(lambda tx: changes.agree(tx, wanted, office.identity("raj"), scribe))
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
