"""Attacks on approvals by several: counted twice, forged, given in one's own matter, late, or all at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.connectors.demo.database import DemoDatabase
from bot.domain.approval import Approval
from bot.domain.identity import Employee, Role
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.proof import ProofMethod
from bot.domain.secret import Secret
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed
from tests.fakes.world import World
from tests.functional.test_approvals import LONG, ask, decide, finished
from tests.security.core.attack import alarms, effects_done
from tests.security.core.conftest import Sql

Both = tuple[World, World]


async def state(here: World) -> LeaveState:
    """What the HR system says of the latest request."""
    database: DemoDatabase = here.backend._database
    rows = await database.read(
        lambda raw: raw.execute("SELECT state FROM leave ORDER BY number DESC LIMIT 1").fetchall()
    )
    return LeaveState(rows[0]["state"])


async def _stands_in(here: World, name: str) -> None:
    """Mia names a substitute for these days."""
    here.clock.advance(timedelta(seconds=30))
    today = here.clock.now().date()
    await here.command("mia", f"substitute {name} {today} {today + timedelta(days=9)}")
    await here.press("mia", here.last("mia", "Somebody decides"), "Enter a code")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    here.clock.advance(timedelta(seconds=30))


@pytest.mark.requirement("57")
async def test_a_substitute_decides_nothing_of_their_own(here: World) -> None:
    for name in ("john", "mia"):
        await here.sign_in(name)
        await here.enrol(name)
    await _stands_in(here, "john")
    await ask(here)
    await here.press("john", here.last("john", "Leave for John"), "Approve")
    assert "Nobody decides on their own request" in here.chat.dialogs["view"].title
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57")
async def test_a_second_account_with_a_role_of_hr_is_the_same_person(here: World) -> None:
    """Sue's account is bound to John's employee record: whatever role it has, it is John."""
    await here.sign_in("sue")
    await here.enrol("sue")

    def same_employee(tx: Transaction) -> None:
        sue = tx.persons.find(here.identity("sue"))
        assert sue is not None
        tx.persons.save(replace(sue, employee=Employee("E1001"), roles=frozenset({Role.EMPLOYEE, Role.HR_MANAGER})))

    await ask(here)
    await here.database.write(same_employee)
    await here.press("sue", here.last("sue", "Leave for John"), "Approve")
    assert "Nobody decides on their own request" in here.chat.dialogs["view"].title
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57")
async def test_a_manager_and_their_substitute_are_one_authority(here: World) -> None:
    await ask(here, "mia", "sue", text=LONG)
    await decide(here, "mia")
    await _stands_in(here, "sue")
    await here.sign_in("sue")
    await here.press("sue", here.last("sue", "Leave for John"), "Approve")
    await here.submit_code("sue", here.code("sue"))
    assert "You approved this already, or somebody did in the same place" in here.last("sue").text
    assert await finished(here) == [("ApproveLeave", "approval.kept")]
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57", "91")
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE approvals SET employee = 'E1009'",
        "UPDATE approvals SET facts_version = '2'",
        "UPDATE approvals SET at = at + 1",
        "UPDATE approvals SET mac = zeroblob(32)",
        (
            "INSERT INTO approvals SELECT 'x', about, facts_version, 'E9', state, at, payload, version, mac_key, mac"
            " FROM approvals"
        ),
    ],
)
async def test_an_approval_made_or_edited_by_hand_is_an_alarm(here: World, sql: Sql, edit: str) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    sql(edit)
    before = await alarms(here)
    await here.press("sarah", here.last("sarah", "Leave for John"), "Approve")
    await here.submit_code("sarah", here.code("sarah"))
    assert await state(here) == LeaveState.PENDING
    assert await alarms(here) == before + (0 if "SET facts_version" in edit else 1)


@pytest.mark.requirement("57")
async def test_an_approval_of_another_request_does_not_count(here: World) -> None:
    """Even one that our own store wrote: about and version are what was consented to."""
    await ask(here, "mia", "sarah", text=LONG)
    (waiting,) = await here.database.read(lambda tx: list(tx.approvals.open(limit=5)))
    other = Approval(
        id="other",
        about="Leave::L-1",
        facts_version=waiting.facts_version,
        identity=here.identity("mia"),
        employee="E1002",
        name="Mia",
        on_behalf_of=None,
        digest="d",
        method=ProofMethod.TOTP,
        phishing_resistant=False,
        at=here.clock.now(),
    )
    await here.database.write(lambda tx: tx.approvals.give(other))
    await here.database.write(
        lambda tx: tx.approvals.give(replace(other, id="old", about=waiting.about, facts_version="0"))
    )
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")]


@pytest.mark.requirement("57")
async def test_who_lost_the_line_after_approving_counts_no_longer(here: World) -> None:
    """Mia's approval stands; then her employee record is another's."""
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")

    def moved(tx: Transaction) -> None:
        mia = tx.persons.find(here.identity("mia"))
        assert mia is not None
        tx.persons.save(replace(mia, employee=Employee("E1099")))

    await here.database.write(moved)
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57")
async def test_an_ended_substitution_takes_its_approval_along(here: World) -> None:
    await ask(here, "mia", "sue", "sarah", text=LONG)
    await _stands_in(here, "sue")
    await decide(here, "sue")
    await here.command("mia", "substitutes end")
    await here.press("mia", here.last("mia", "End who stands in"), "Enter a code")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    here.clock.advance(timedelta(seconds=30))
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_substitute_who_was_locked_decides_and_counts_no_longer(here: World, when: str) -> None:
    """Locked before they press, or after they approved and before the request is settled."""
    await ask(here, "mia", "sue", "sarah", text=LONG)
    await _stands_in(here, "sue")

    def lock(tx: Transaction) -> None:
        sue = tx.persons.find(here.identity("sue"))
        assert sue is not None
        tx.persons.save(replace(sue, locked=True))

    if when == "after":
        await decide(here, "sue")
    await here.database.write(lock)
    if when == "before":
        shown = here.last("sue", "Leave for John")
        await here.press("sue", shown, "Approve")
        assert await here.audit(type_prefix="proof.given", principal=here.identity("sue").key) == []
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * (2 if when == "after" else 1)
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57", "61")
async def test_a_chat_session_alone_ends_no_substitution(here: World) -> None:
    """A wrong code, one used before, one for something else, and none: Sue decides in Mia's place after all of them."""
    await ask(here, "mia", "sue", "sarah", text=LONG)
    await _stands_in(here, "sue")
    await here.command("mia", "substitutes end")
    asked = here.last("mia", "End who stands in")
    assert [action.label for action in asked.card.actions] == ["Enter a code…", "Use the browser instead"]
    await here.press("mia", asked, "Enter a code")
    for code in (here.code("sue"), "000000", ""):
        assert await here.submit_code("mia", code) != DialogClosed()
    assert [event for event in await _audited(here) if event == ("EndSubstitute", "done")] == []
    today = f"{here.clock.now().date():%Y-%m-%d}"
    await here.command("mia", f"substitute sarah {today} {today}")
    other = here.last("mia", "Somebody decides")
    await here.press("mia", other, "Enter a code")
    code = here.code("mia")
    assert await here.submit_code("mia", code) == DialogClosed()
    await here.press("mia", asked, "Enter a code")
    assert await here.submit_code("mia", code) != DialogClosed(), "a code that was used for something else"
    await decide(here, "sue")
    assert await finished(here) == [("ApproveLeave", "approval.kept")]


async def _audited(here: World) -> list[tuple[str, str]]:
    return [(record.event.action, record.event.decision) for record in await here.audit()]


@pytest.mark.requirement("57", "79")
async def test_two_last_approvals_at_once_have_one_effect(replicas: Both) -> None:
    """Mia approved; Sarah and another of HR give the last one at the same moment on two replicas."""
    one, two = replicas
    await ask(one, "mia", "sarah", "sue", text=LONG)

    def of_hr(tx: Transaction) -> None:
        sue = tx.persons.find(one.identity("sue"))
        assert sue is not None
        tx.persons.save(replace(sue, roles=frozenset({Role.EMPLOYEE, Role.HR_MANAGER})))

    one.directory.roles["sue"] = frozenset({"employee", "hr_manager"})
    await one.database.write(of_hr)
    await decide(one, "mia")
    dialogs = {}
    for name in ("sarah", "sue"):
        await one.press(name, one.last(name, "Leave for John"), "Approve")
        dialogs[name] = one.chat.dialogs["view"].handle
    await asyncio.gather(
        *(
            world.core.ingress.submit_code(
                world.message(name, EventKind.SUBMISSION, handle=dialogs[name]), Secret(one.code(name))
            )
            for world, name in ((one, "sarah"), (two, "sue"))
        ),
        return_exceptions=True,
    )
    for world in replicas:
        await world.core.ingress.drain(10)
    done = [item for item in await effects_done(one, "ApproveLeave") if item.event.code == "done"]
    assert len(done) == 1
    # The HR system counts again for itself where the last one is not of its own officers.
    assert await state(one) in (LeaveState.APPROVED, LeaveState.SECOND_APPROVAL)
