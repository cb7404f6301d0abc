"""Attacks on whose matter it is: a judge of one's own choosing, and cards without end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.domain.messages import PlaceKind
from bot.services.asking import PROMPTS_AN_HOUR
from tests.fakes.chat import Posted
from tests.fakes.world import World
from tests.functional.test_approvals import LONG, ask, decide, finished, given, name_substitute
from tests.security.core.attack import states
from tests.security.core.conftest import Sql
from tests.security.core.test_approvals import state


async def _names_sue(here: World, who: str) -> None:
    """Somebody of HR says that Sue decides in the place of Mia, who is John's manager."""
    here.directory.roles["john"] = frozenset({"employee", "hr_manager"})
    for name in ("john", "mia", "sue", "sarah"):
        await here.sign_in(name)
        await here.enrol(name)
    today = here.clock.now().date()
    await name_substitute(here, who, f"sue {today} {today + timedelta(days=9)} for mia")


def _cards(here: World, name: str) -> list[Posted]:
    """The questions in somebody's own conversation."""
    seen = here.chat.seen_by(here.channel(name))
    return [card for card in seen if card.place.kind is PlaceKind.DIRECT and "Leave for John" in card.card.headline]


@pytest.mark.requirement("57")
async def test_nobody_names_who_decides_on_their_own_request(here: World) -> None:
    await _names_sue(here, "john")
    await ask(here)
    assert not _cards(here, "sue")
    assert _cards(here, "mia")
    await here.press("sue", here.last("sue", "Leave for John"), "Approve")
    assert "You don't decide this one" in here.chat.dialogs["view"].title
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("57")
async def test_who_was_named_by_another_of_hr_decides_on_it(here: World) -> None:
    await _names_sue(here, "sarah")
    await ask(here)
    assert _cards(here, "sue")
    await decide(here, "sue")
    assert await states(here) == [LeaveState.APPROVED]


@pytest.mark.requirement("57", "91")
async def test_deleting_who_named_them_does_not_make_them_a_judge(here: World, sql: Sql) -> None:
    await _names_sue(here, "john")
    await ask(here)
    await here.press("sue", here.last("sue", "Leave for John"), "Approve")
    sql("UPDATE substitutions SET named_by = ?", here.identity("sarah").key)
    await here.press("sue", here.last("sue", "Leave for John"), "Approve")
    assert "Approve leave" not in here.chat.dialogs["view"].title
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("57")
async def test_an_approval_by_a_judge_of_ones_own_choosing_is_not_counted(here: World) -> None:
    """Sue approves, named by HR; once only John's own word makes her a substitute, it counts no longer."""
    await _names_sue(here, "sarah")
    await ask(here, text=LONG)
    await decide(here, "sue")
    [named] = await here.database.read(
        lambda tx: list(tx.substitutions.of_approver("E1002", since=here.clock.now().date()))
    )
    await here.database.write(lambda tx: tx.substitutions.end(named.id, here.clock.now()))
    here.clock.advance(timedelta(seconds=30))
    today = here.clock.now().date()
    await name_substitute(here, "john", f"sue {today} {today + timedelta(days=9)} for mia")
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2
    assert await state(here) == LeaveState.PENDING


@pytest.mark.requirement("57")
@pytest.mark.parametrize(("days", "counts"), [(13, True), (15, False)])
async def test_an_approval_is_over_with_its_request_although_no_job_ran(here: World, days: int, counts: bool) -> None:
    await ask(here, "mia", "sarah", text="leave 2027-03-01 2027-03-29 unpaid")
    await decide(here, "mia")
    here.clock.advance(timedelta(days=days))
    await here.sign_in("sarah")
    await decide(here, "sarah")
    assert (await given(here))[-1] == ("approval.settles" if counts else "approval.kept")


@pytest.mark.requirement("57", "91")
async def test_deleting_the_request_makes_its_approvals_count_for_nothing(here: World, sql: Sql) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    sql("DELETE FROM asked_requests")
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2


@pytest.mark.requirement("57")
async def test_cards_in_the_channel_of_hr_are_limited_too(here: World) -> None:
    for name in ("john", "mia"):
        await here.sign_in(name)
    await ask(here)
    [asked] = await here.database.read(lambda tx: list(tx.approvals.open(limit=5)))
    leave = asked.about.removeprefix("Leave::")
    for turn in range(PROMPTS_AN_HOUR + 3):
        day = 21 + turn % 2
        await here.command("john", f"leaves change {leave} 2026-12-{day} 2026-12-{day}")
        await here.press("john", here.last("john", "Change the leave"), "Change it")
        here.clock.advance(timedelta(seconds=20))
    assert len([card for card in here.chat.posts if card.place.conversation == "hr-leave"]) == PROMPTS_AN_HOUR
    assert len(_cards(here, "mia")) <= PROMPTS_AN_HOUR


async def test_a_requester_whose_cards_reach_nobody_is_told(here: World) -> None:
    """Mia is not here, and HR's channel has had enough of John."""
    await ask(here)
    [asked] = await here.database.read(lambda tx: list(tx.approvals.open(limit=5)))
    leave = asked.about.removeprefix("Leave::")
    for turn in range(PROMPTS_AN_HOUR):
        day = 21 + turn % 2
        await here.command("john", f"leaves change {leave} 2026-12-{day} 2026-12-{day}")
        await here.press("john", here.last("john", "Change the leave"), "Change it")
        here.clock.advance(timedelta(seconds=20))
    assert "HR's channel gets no more messages from you" in here.last("john").text
