"""Handles of buttons: somebody else's, changed, late, used, or from another place."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from tests.fakes.world import World
from tests.security.core.attack import leave_for_mia, press_of, sent, states


@pytest.mark.requirement("17")
async def test_an_edited_or_invented_handle_is_as_good_as_none(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    handle = here.last("john").button("Send request").handle
    answers = set()
    changed = handle[:-1] + ("A" if handle[-1] != "A" else "B")
    for other in (changed, handle.swapcase(), handle + "A", "", "'; --", "A" * 5000):
        answers.add(await sent(here, press_of(here, "john", other)))
    assert await states(here) == []
    assert not [answer for answer in answers if "21" in answer]


@pytest.mark.requirement("17")
async def test_a_personal_button_is_nobody_elses(here: World) -> None:
    await here.sign_in("mia")
    await here.sign_in("sarah")
    await leave_for_mia(here)
    await here.say("mia", "waiting")
    card = here.last("mia")
    personal = next(action.handle for action in card.card.actions if action.opens_dialog)
    answer = await sent(here, press_of(here, "sarah", personal))
    assert answer == await sent(here, press_of(here, "sarah", "A" * 32))
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("17")
async def test_a_personal_button_dies_after_an_hour(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "my sessions")
    button = here.last("john").card.actions[0]
    for _ in range(3):
        here.clock.advance(timedelta(minutes=21))
        await here.say("john", "balance")
    answer = await sent(here, press_of(here, "john", button.handle))
    assert answer == await sent(here, press_of(here, "john", "A" * 32))
    assert await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john")))


@pytest.mark.requirement("17", "57")
async def test_a_refused_press_of_a_shared_card_changes_nothing_on_it(here: World) -> None:
    card = await leave_for_mia(here)
    shared = next(p for p in here.chat.posts if p.place.conversation == "hr-leave")
    await here.sign_in("sue")
    await here.press("sue", shared, "Approve")
    await here.press("john", shared, "Approve")
    assert shared.edited == card.edited == 0
    assert len(shared.card.actions) == 4
    assert await states(here) == [LeaveState.PENDING]
    denied = [record.event for record in await here.audit(decision="deny")]
    assert [event.action for event in denied] == ["ApproveLeave", "ApproveLeave"]


@pytest.mark.requirement("17")
async def test_a_press_by_somebody_without_a_link_only_offers_sign_in(here: World) -> None:
    await leave_for_mia(here)
    shared = next(p for p in here.chat.posts if p.place.conversation == "hr-leave")
    answer = await sent(here, press_of(here, "sarah", shared.button("Approve").handle, place=shared.place))
    assert "John" not in answer
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("17", "61")
async def test_arguments_sent_with_a_press_change_nothing_of_it(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    handle = here.last("john").button("Send request").handle
    fields = {"capability": "approve_leave", "start": "2026-12-01", "leave": "L-1", "confirmed": "true"}
    await sent(here, here.message("john", EventKind.PRESS, handle=handle, fields=fields, text="1 to 31 December"))
    assert await states(here) == [LeaveState.PENDING]
    rows = await here.backend._database.read(
        lambda connection: [tuple(row) for row in connection.execute(
            "SELECT start_on, end_on FROM leave WHERE start_on LIKE '2026-12%' AND state = 'pending'").fetchall()]
    )  # fmt: skip
    assert ("2026-12-21", "2026-12-23") in rows
