"""The days of a request that waits are changed: old and new shown, copies edited, asked anew."""

from __future__ import annotations

from datetime import date, timedelta

from bot.domain.cards import FieldKind
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind, PlaceKind, ReplyWindow
from bot.ports.ingress import DialogClosed
from tests.fakes.chat import Posted
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, effects_done, states


def cards(here: World) -> list[Posted]:
    """Mia's own copies of the question."""
    direct = [posted for posted in here.chat.seen_by(here.channel("mia")) if posted.place.kind is PlaceKind.DIRECT]
    return [posted for posted in direct if "Leave for John" in posted.card.headline]


async def number(here: World) -> str:
    """Of John's request, on whose dialog Mia is."""
    await code_dialog(here)
    [leave] = {record.event.resource for record in await here.audit() if record.event.resource.startswith("Leave::")}
    return leave.removeprefix("Leave::")


async def change(here: World, leave: str) -> None:
    await here.command("john", f"leaves change {leave} 2026-12-28 2026-12-29")
    shown = here.last("john", "Change the leave")
    assert "21 Dec" in shown.text
    assert "28 Dec" in shown.text
    await here.press("john", shown, "Change it")


async def test_old_and_new_are_shown_and_it_is_asked_anew(here: World) -> None:
    leave = await number(here)
    [first] = cards(here)
    await change(here, leave)
    assert await states(here) == [LeaveState.PENDING]
    [again] = cards(here)
    assert again is first, "the card that is there is edited"
    assert "28 Dec" in again.text
    assert "21 Dec" in again.text, "with the days as they were"
    lines = [posted for posted in here.chat.posts if "changed the days" in posted.card.headline]
    [called] = [posted for posted in lines if posted.place.kind is PlaceKind.DIRECT]  # an edit alone calls nobody
    assert called.to == here.channel("mia")
    assert len(lines) == 2, "and one in the thread of HR's card"
    assert [action.label for action in called.card.actions] == ["Show what waits"]
    assert "Mon 21 Dec – Wed 23 Dec → Mon 28 Dec – Tue 29 Dec" in called.card.headline
    await here.press("mia", again, "Approve")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert await states(here) == [LeaveState.APPROVED]
    assert "28 Dec" in here.last("john", "approved by Mia").text
    assert date(2026, 12, 28).weekday() == 0


async def test_a_consent_to_the_old_days_does_nothing(here: World) -> None:
    leave = await number(here)
    await change(here, leave)
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")


async def test_only_the_owner_changes_and_only_what_waits(here: World) -> None:
    leave = await number(here)
    await here.sign_in("sue")
    for name in ("sue", "mia"):
        assert "No leave of yours" in await here.command(name, f"leaves change {leave} 2026-12-28 2026-12-29")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    here.clock.advance(timedelta(seconds=30))
    assert "No leave of yours" in await here.command("john", f"leaves change {leave} 2026-12-28 2026-12-29")
    assert not await effects_done(here, "ChangeLeave")


async def test_days_in_the_wrong_order_change_nothing_and_are_named(here: World) -> None:
    await number(here)
    await here.press("john", here.last("john", "Leave asked for"), "Change the days")
    dialog = here.chat.dialogs["view"]
    assert [field.kind for field in dialog.fields] == [FieldKind.DATE, FieldKind.DATE]
    for start, end in (("2026-12-29", "2026-12-28"), ("2026-13-01", "2026-13-02"), ("tomorrow", "2026-12-28")):
        message = here.message(
            "john", EventKind.SUBMISSION, handle=dialog.handle, fields={"start": start, "end": end},
            window=ReplyWindow.IN_RESPONSE, trigger="view",
        )  # fmt: skip
        await here.core.ingress.accept(message)
        await here.core.ingress.drain(10)
        assert "does not fit" in here.last("john").text
    assert not await effects_done(here, "ChangeLeave")
