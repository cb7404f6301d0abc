"""After a decision: its owner cancels, or whoever decided takes it back; every copy says so, on both sides."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.domain.messages import PlaceKind
from bot.ports.ingress import DialogClosed
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, effects_done, states, unmatched


async def approved(here: World) -> str:
    """Mia has approved John's leave of 21 to 23 December; its number."""
    await code_dialog(here)
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    here.clock.advance(timedelta(seconds=30))
    (record,) = await effects_done(here, "ApproveLeave")
    return record.event.resource.removeprefix("Leave::")


@pytest.mark.requirement("57")
async def test_approved_leave_is_cancelled_by_its_owner_and_every_copy_says_so(here: World) -> None:
    await approved(here)
    await here.say("john", "my leaves")
    await here.press("john", here.last("john", "request"), "Cancel leave")
    shown = here.last("john", "Cancel the approved leave")
    assert "21 December" in shown.text
    assert await states(here) == [LeaveState.APPROVED], "nothing is done before it is confirmed"
    await here.press("john", shown, "Cancel the leave")
    assert await states(here) == [LeaveState.CANCELLED]
    assert "Cancelled: " in here.last("john", "Cancelled").text
    assert "Cancelled by John Carver" in here.last("mia", "Leave for John").text
    assert "14 days" in await here.say("john", "balance")
    assert not await unmatched(here)


async def test_what_waits_or_is_over_is_not_cancelled(here: World) -> None:
    leave = await approved(here)
    await here.command("john", f"leaves cancel {leave} we stay at home")
    await here.press("john", here.last("john", "Cancel the approved leave"), "Cancel the leave")
    assert "No approved leave of yours" in await here.command("john", f"leaves cancel {leave}")
    await here.sign_in("sue")
    assert "No approved leave of yours" in await here.command("sue", f"leaves cancel {leave}")
    assert await states(here) == [LeaveState.CANCELLED]


async def test_leave_that_has_begun_stays(here: World) -> None:
    leave = await approved(here)
    here.clock.advance(timedelta(days=60))
    for name in ("john", "mia"):
        await here.sign_in(name)
    await here.command("john", f"leaves cancel {leave}")
    await here.press("john", here.last("john", "Cancel the approved leave"), "Cancel the leave")
    assert await states(here) == [LeaveState.APPROVED]


@pytest.mark.requirement("57")
async def test_a_decision_is_taken_back_with_a_reason_and_a_code_and_waits_again(here: World) -> None:
    leave = await approved(here)
    await here.command("mia", f"leaves reopen {leave} two others are away that week")
    asked = here.last("mia", "Take back the decision")
    for words in ("approved", "21 December", "two others are away that week"):
        assert words in asked.text
    await here.press("mia", asked, "Enter")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.PENDING]
    told = here.last("john", "took back the decision")
    assert "two others are away that week" in told.text
    direct = [posted for posted in here.chat.seen_by(here.channel("mia")) if posted.place.kind is PlaceKind.DIRECT]
    again = [posted for posted in direct if "Leave for John" in posted.card.headline][-1]
    assert sum("Leave for John" in posted.card.headline for posted in direct) == 1, "on the card that was decided on"
    assert "took the decision back" in here.last("mia", "took the decision back").card.headline
    assert "HR has it" not in here.last("mia", "Taken back").text
    assert any("Approve" in action.label for action in again.card.actions), "it is asked anew"
    here.clock.advance(timedelta(seconds=30))
    await here.press("mia", again, "Refuse")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.REFUSED]
    assert not await unmatched(here)


async def test_only_whoever_decided_takes_it_back_and_never_the_owner(here: World) -> None:
    leave = await approved(here)
    await here.sign_in("sarah")
    await here.enrol("sarah")
    assert "Nobody decides on their own request" in await here.command("john", f"leaves reopen {leave} because I can")
    await here.command("sarah", f"leaves reopen {leave} it is not hers to take back")
    await here.press("sarah", here.last("sarah", "Take back the decision"), "Enter")
    await here.submit_code("sarah", here.code("sarah"))
    assert await states(here) == [LeaveState.APPROVED]
    assert not await effects_done(here, "RevokeDecision")


async def test_without_a_reason_nothing_is_taken_back(here: World) -> None:
    leave = await approved(here)
    await here.command("mia", f"leaves reopen {leave}")
    assert not await here.audit(type_prefix="proposal")
    assert await states(here) == [LeaveState.APPROVED]
    assert not [posted for posted in here.chat.posts if "Take back the decision" in posted.card.headline]
