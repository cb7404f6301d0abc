"""What a list may be of: whatever policy lets one proof sign several of, and never what is signed singly."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.core import compose
from bot.domain.interaction import Interaction
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed, DialogUpdate
from bot.services.buttons import TICKED
from policy.cedar import CedarEngine, load
from policy.engine import PolicyEngine
from policy.rules import PolicyRefused
from policy.sources import POLICIES, read_sources
from tests.fakes.world import World
from tests.functional.test_batches import tick, ticking, wait
from tests.security.core.test_batches import state_at_hr

pytestmark = pytest.mark.requirement("61")

WITHDRAWN = """
@id("company.withdraw-several")
@consent("per_action")
@batch("{limit}")
permit (principal, action == Action::"WithdrawLeave", resource)
when {{
  resource has owner && principal has employee && resource.owner == principal.employee &&
  context has proof && context.proof.age >= 0 && context.proof.age <= 300
}};
"""
LOCKING = """
@id("company.administration-by-list")
@consent("per_action")
@batch("10")
permit (principal in Role::"administrator", action in [{actions}], resource)
when {{ context has proof && context.proof.age >= 0 && context.proof.age <= 300 }};
"""


def policies(folder: Path, text: str, without: str = "") -> Path:
    """Ours with one more file; `without` the policy of this id."""
    made = folder / "policies"
    shutil.copytree(POLICIES, made)
    if without:
        for file in made.glob("*.cedar"):
            parts = file.read_text().split("@id(")
            file.write_text("@id(".join(part for part in parts if not part.startswith(f'"{without}"')))
    (made / "90-company.cedar").write_text(text)
    return made


def under(here: World, engine: PolicyEngine) -> World:
    return replace(here, core=compose(replace(here.core.outside, engine=engine)))


async def list_of(here: World, name: str, *lines: tuple[str, str, str]) -> None:
    """A list to tick is open before somebody, of lines nobody else could have put there."""

    def work(tx: Transaction) -> str:
        return tx.interactions.create(
            Interaction(
                kind=TICKED,
                payload={"kind": "", "items": [[*line, " ".join(line)] for line in lines], "reason": ""},
                audience=here.channel(name).key,
                until=here.clock.now() + timedelta(minutes=15),
            )
        )

    handle = await here.database.write(work)
    here.chat.dialogs["view"] = replace(here.chat.dialogs["view"], handle=handle)


async def open_leaves(here: World, name: str) -> list[str]:
    """The ids of somebody's own requests that wait, the earliest first."""
    statement = (
        "SELECT l.id FROM leave l JOIN employee_called c ON c.employee = l.employee"
        " WHERE l.state = 'pending' AND c.called = ? ORDER BY l.start_on"
    )
    rows = await here.backend._database.read(lambda connection: connection.execute(statement, (name,)).fetchall())
    return [str(row[0]) for row in rows]


async def test_one_proof_signs_a_list_of_two_kinds_and_each_line_says_its_own(here: World, tmp_path: Path) -> None:
    several = under(here, load(policies(tmp_path, WITHDRAWN.format(limit=3), without="hr.leave.withdraw")))
    await wait(several, 3)
    await several.say("sarah", "I'd like to take 21 December off")
    await several.press("sarah", several.last("sarah"), "Send request")
    [own] = await open_leaves(several, "sarah")
    [sues], [mias] = await open_leaves(several, "sue"), await open_leaves(several, "mia")
    await ticking(several)
    lines = (("approve_leave", "leave", sues), ("withdraw_leave", "leave", own), ("refuse_leave", "leave", mias))
    await list_of(several, "sarah", *lines)
    await tick(several, "0,1,2")
    signing = several.chat.dialogs["view"]
    assert signing.title == "Do these 3?"
    said = [fact.label for fact in signing.signed]
    assert [word in label for word, label in zip(("Approve", "Withdraw", "Refuse"), said, strict=True)] == [True] * 3
    assert await several.submit_code("sarah", several.code("sarah")) == DialogClosed()
    told = several.last("sarah", "3 of 3 done.")
    assert [fact.value.rpartition(" · ")[2] for fact in told.card.facts] == ["approved", "done", "refused"]
    assert [await state_at_hr(several, leave) for leave in (sues, own, mias)] == ["approved", "cancelled", "refused"]
    assert len(await several.audit(type_prefix="proof.given")) == 1
    finished = [record.event.action for record in await several.audit(type_prefix="effect.finished")]
    assert {"ApproveLeave", "WithdrawLeave", "RefuseLeave"} <= set(finished)


async def test_of_two_kinds_the_smaller_number_holds(here: World, tmp_path: Path) -> None:
    several = under(here, load(policies(tmp_path, WITHDRAWN.format(limit=2), without="hr.leave.withdraw")))
    await wait(several, 3)
    await several.say("sarah", "I'd like to take 21 December off")
    await several.press("sarah", several.last("sarah"), "Send request")
    [own] = await open_leaves(several, "sarah")
    [sues], [mias] = await open_leaves(several, "sue"), await open_leaves(several, "mia")
    await ticking(several)
    lines = (("approve_leave", "leave", sues), ("withdraw_leave", "leave", own), ("refuse_leave", "leave", mias))
    await list_of(several, "sarah", *lines)
    answer = await tick(several, "0,1,2")
    assert isinstance(answer, DialogUpdate)
    assert "At most 2 at once" in answer.dialog.fields[0].error
    assert not await several.audit(type_prefix="proof.")


ADMINISTRATION = (
    ("lock_person", "person", "john"),
    ("unlock_person", "person", "john"),
    ("revoke_sessions", "person", "john"),
    ("break_glass", "leave", "L-1"),
)


async def test_nothing_of_administration_and_no_broken_glass_comes_into_a_list(here: World, tmp_path: Path) -> None:
    """Not even where it was put there, under policies that were not checked when they were loaded."""
    actions = 'Action::"LockPerson", Action::"UnlockPerson", Action::"RevokeSessions", Action::"BreakGlassApproveLeave"'
    made = policies(tmp_path, LOCKING.format(actions=actions), without="admin.write")
    here = under(here, CedarEngine(read_sources(made)))
    for name in ("raj", "john"):
        await here.sign_in(name)
    await here.enrol("raj")
    await wait(here)
    await ticking(here)
    await list_of(here, "raj", *ADMINISTRATION)
    await tick(here, "0,1,2,3", name="raj")
    told = here.last("raj", "Nothing of what was ticked")
    assert [fact.value for fact in told.card.facts] == ["Has to be decided by itself."] * len(ADMINISTRATION)
    assert not await here.audit(type_prefix="proof.")
    assert not await here.audit(type_prefix="batch.")


@pytest.mark.parametrize(
    "action",
    ["GrantRole", "RevokeRole", "LockPerson", "UnlockPerson", "GiveEnrolmentCode", "RevokeLink", "ReviewBreakGlass",
     "BreakGlassApproveLeave", "ExportAudit", "CancelChange", "RevokeTenant"],
)  # fmt: skip
def test_policies_that_put_it_into_a_list_are_not_put_in_force(action: str, tmp_path: Path) -> None:
    made = policies(tmp_path, LOCKING.format(actions=f'Action::"{action}"'))
    with pytest.raises(PolicyRefused, match=f"company.administration-by-list: @batch with {action}: "):
        load(made)


def test_policies_that_put_everything_into_a_list_are_not_put_in_force(tmp_path: Path) -> None:
    made = policies(tmp_path, LOCKING.format(actions="").replace("action in []", "action"))
    with pytest.raises(PolicyRefused, match="@batch with BreakGlassApproveLeave, CancelChange"):
        load(made)
