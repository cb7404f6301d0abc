"""Where several have to approve, somebody stands in, or nobody is there to be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed
from tests.fakes.world import World

LONG = "leave 2026-11-30 2026-12-28 unpaid"
"""More than fifteen working days: policy wants two, one of them of HR."""


async def ask(here: World, *others: str, text: str = "leave 2026-12-21 2026-12-23") -> None:
    """John asks for leave; the others are signed in and have a factor."""
    await here.sign_in("john")
    for name in others:
        await here.sign_in(name)
        await here.enrol(name)
    await here.command("john", text)
    await here.press("john", here.last("john"), "Send request")


async def decide(here: World, name: str, label: str = "Approve") -> None:
    await here.press(name, here.last(name, "Leave for John"), label)
    assert await here.submit_code(name, here.code(name)) == DialogClosed()


async def finished(here: World) -> list[tuple[str, str]]:
    found = await here.audit(type_prefix="effect.finished")
    return [(item.event.action, item.event.code) for item in reversed(found) if item.event.action == "ApproveLeave"]


async def given(here: World) -> list[str]:
    return [item.event.code for item in reversed(await here.audit(type_prefix="approval.given"))]


async def test_a_long_leave_needs_the_manager_and_hr_before_the_system_hears_of_it(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    assert "1 of 2" in here.last("mia", "Approved: John").text
    assert "1 of 2" in here.last("john", "Leave asked for").text
    assert "waiting" in await here.say("john", "my leaves")
    shared = here.last("sarah", "Leave for John")
    assert "1 of 2" in shared.text
    assert [action.label for action in shared.card.actions] == ["Approve…", "Refuse…", "Ask for more…", "Details"]

    await decide(here, "sarah")
    assert "approved by Sarah" in here.last("john", "Your leave").text
    assert await finished(here) == [("ApproveLeave", "approval.kept"), ("ApproveLeave", "done")]
    assert await given(here) == ["approval.kept", "approval.settles"]
    assert here.last("sarah", "Leave for John").card.actions == ()


async def test_one_person_counts_once(here: World) -> None:
    await ask(here, "mia", text=LONG)
    await decide(here, "mia")
    here.clock.advance(timedelta(seconds=30))
    await decide(here, "mia")
    assert "You approved this already" in here.last("mia", "approved this already").text
    assert await finished(here) == [("ApproveLeave", "approval.kept")]


async def test_a_refusal_ends_it_at_any_stage(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    await decide(here, "sarah", "Refuse")
    assert "refused by Sarah" in here.last("john", "Your leave").text
    assert [item.event.action for item in await here.audit(type_prefix="approval.given")] == ["ApproveLeave"]


async def test_withdrawing_ends_what_was_approved(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    await here.say("john", "my leaves")
    await here.press("john", here.last("john", "request"), "Withdraw: Mon 30 Nov")
    await here.press("john", here.last("john", "Withdraw the leave"), "Withdraw it")
    shared = here.last("sarah", "Leave for John")
    assert "Withdrawn" in shared.text
    assert shared.card.actions == ()


async def test_a_counted_approver_who_was_locked_counts_no_longer(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    mia = here.identity("mia")

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(mia)
        assert person is not None
        tx.persons.save(replace(person, locked=True))

    await here.database.write(lock)
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2
    assert "waiting" in await here.say("john", "my leaves")


async def test_a_substitute_decides_in_the_managers_place_and_the_records_say_so(here: World) -> None:
    await here.sign_in("sue")
    await here.enrol("sue")
    await here.sign_in("mia")
    await here.enrol("mia")
    today = here.clock.now().date()
    await here.command("mia", f"substitute sue {today} {today + timedelta(days=3)}")
    await here.press("mia", here.last("mia", "Somebody decides"), "Enter a code")
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()
    assert "You stand in for Mia" in here.last("sue").text

    await ask(here)
    assert "Sue Park stands in" in here.last("john", "Leave asked for").text
    await decide(here, "sue")
    assert "approved by Sue Park on behalf of Mia Lindqvist" in here.last("john", "Your leave").text
    assert await given(here) == ["approval.settles.substitute.E1002"]


async def test_a_substitution_ends_by_itself(here: World) -> None:
    await here.sign_in("sue")
    await here.enrol("sue")
    await here.sign_in("mia")
    await here.enrol("mia")
    today = here.clock.now().date()
    await here.command("mia", f"substitute sue {today}")
    await here.press("mia", here.last("mia", "Somebody decides"), "Enter a code")
    await here.submit_code("mia", here.code("mia"))
    await ask(here)
    card = here.last("sue", "Leave for John")
    here.clock.advance(timedelta(days=1))
    await here.sign_in("sue")
    await here.press("sue", card, "Approve")
    assert "You don't decide this one" in here.chat.dialogs["view"].title


@pytest.mark.parametrize(
    ("approver", "substitute", "why"), [("mia", "mia", "themselves"), ("mia", "nobody", "know nobody")]
)
async def test_a_substitute_who_cannot_be_one_is_refused(here: World, approver: str, substitute: str, why: str) -> None:
    await here.sign_in(approver)
    await here.enrol(approver)
    await here.command(approver, f"substitute {substitute} 2026-12-21 2026-12-23")
    await here.press(approver, here.last(approver, "Somebody decides"), "Enter a code")
    await here.submit_code(approver, here.code(approver))
    assert why in here.last(approver, "No substitute").text


async def test_nobody_in_the_line_means_hr_and_the_requester_is_told(here: World) -> None:
    await ask(here)
    assert "HR has it" in here.last("john", "Leave asked for").text
    assert [item.event.code for item in await here.audit(type_prefix="approval.unreachable")] == ["approval.hr"]


async def test_who_is_away_is_passed_over_for_their_manager(here: World) -> None:
    await here.sign_in("mia")
    await here.sign_in("sarah")
    await here.enrol("sarah")
    today = here.clock.now().date()
    await here.command("mia", f"leave {today} {today + timedelta(days=1)}")
    await here.press("mia", here.last("mia"), "Send request")
    await here.press("sarah", here.last("sarah", "Leave for Mia"), "Approve")
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()
    assert "Who decides for you" in here.last("mia", "Who decides").text

    await ask(here)
    assert "Sarah Okafor has it" in here.last("john", "Leave asked for").text


async def test_a_channel_card_opens_its_detail_only_to_who_may_see_it(here: World) -> None:
    await here.sign_in("sarah")
    await here.sign_in("sue")
    await ask(here, text="leave 2026-12-21 2026-12-23 unpaid")
    shared = here.last("sarah", "Leave for John")
    assert "Unpaid" not in shared.text
    await here.press("sarah", shared, "Details")
    assert "Unpaid" in here.last("sarah", "Leave for John").text
    await here.press("sue", shared, "Details")
    assert "Unpaid" not in here.last("sue").text


async def test_a_refusal_pauses_further_cards_of_that_kind(here: World) -> None:
    await ask(here, "mia")
    await decide(here, "mia", "Refuse")
    before = len([posted for posted in here.chat.posts if posted.place.conversation != "hr-leave"])
    await here.command("john", "leave 2026-12-28 2026-12-29")
    await here.press("john", here.last("john", "Leave: Mon 28"), "Send request")
    assert "Mia Lindqvist gets no message" in here.last("john", "Leave asked for: Mon 28").text
    assert len([posted for posted in here.chat.posts if posted.place.conversation != "hr-leave"]) <= before + 2


async def name_substitute(here: World, who: str, text: str) -> None:
    await here.command(who, f"substitute {text}")
    await here.press(who, here.last(who, "Somebody decides"), "Enter a code")
    assert await here.submit_code(who, here.code(who)) == DialogClosed()
    here.clock.advance(timedelta(seconds=30))


async def test_hr_names_a_substitute_for_somebody_who_cannot(here: World) -> None:
    for name in ("mia", "sue", "sarah"):
        await here.sign_in(name)
        await here.enrol(name)
    today = here.clock.now().date()
    await name_substitute(here, "sarah", f"sue {today} {today + timedelta(days=3)} for mia")
    assert "Sue Park decides in place of Mia Lindqvist" in here.last("sarah", "Sue Park").text
    await ask(here)
    await decide(here, "sue")
    assert "on behalf of Mia Lindqvist" in here.last("john", "Your leave").text


async def test_two_do_not_stand_in_for_each_other(here: World) -> None:
    for name in ("mia", "sue"):
        await here.sign_in(name)
        await here.enrol(name)
    today = here.clock.now().date()
    await name_substitute(here, "mia", f"sue {today} {today + timedelta(days=3)}")
    await name_substitute(here, "sue", f"mia {today + timedelta(days=1)}")
    assert "lead back" in here.last("sue", "No substitute").text


async def test_three_do_not_stand_in_for_each_other_in_a_ring(here: World) -> None:
    for name in ("mia", "sue", "raj"):
        await here.sign_in(name)
        await here.enrol(name)
    today = here.clock.now().date()
    await name_substitute(here, "mia", f"sue {today} {today + timedelta(days=9)}")
    await name_substitute(here, "sue", f"raj {today} {today + timedelta(days=5)}")
    await name_substitute(here, "raj", f"mia {today + timedelta(days=5)}")
    assert "lead back" in here.last("raj", "No substitute").text
    await name_substitute(here, "raj", f"mia {today + timedelta(days=6)}")
    assert "Mia Lindqvist decides in place of" in here.last("raj", "Mia Lindqvist").text, "no day has all three"


async def test_a_superior_decides_only_while_the_manager_cannot(here: World) -> None:
    """Raj's manager is Sarah; John's is Mia, and above her Sarah, who here is no HR manager."""
    here.directory.roles["sarah"] = frozenset({"employee"})
    await here.sign_in("mia")
    await here.sign_in("sarah")
    await here.enrol("sarah")
    await ask(here)
    shared = here.last("sarah", "Leave for John")
    await here.press("sarah", shared, "Approve")
    assert "You don't decide this one" in here.chat.dialogs["view"].title

    def lock(tx: Transaction) -> None:
        mia = tx.persons.find(here.identity("mia"))
        assert mia is not None
        tx.persons.save(replace(mia, locked=True))

    await here.database.write(lock)
    await decide(here, "sarah")
    assert "approved by Sarah Okafor on behalf of Mia Lindqvist" in here.last("john", "Your leave").text
    assert await given(here) == ["approval.settles.superior.E1002"]
