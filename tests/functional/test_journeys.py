"""The story of the product through the core: messages in, posted cards out, on both engines."""

from datetime import timedelta

from bot.ports.ingress import DialogClosed, FieldError
from tests.fakes.world import World, url_in


async def test_a_question_before_sign_in_is_offered_a_link_and_nothing_else(here: World) -> None:
    answer = await here.say("john", "how many days of leave do I have?")
    assert "I need to know it's you first" in answer
    assert "14" not in answer
    assert "/signin/start?ticket=" in url_in(here.last("john"))
    assert [record.event.decision for record in await here.audit(type_prefix="sign_in")] == ["sign_in"]


async def test_john_reads_his_balance(here: World) -> None:
    await here.sign_in("john")
    answer = await here.say("john", "how many days of leave do I have?")
    assert "14 days" in answer
    finished = await here.audit(type_prefix="effect.finished")
    assert [(item.event.action, item.event.code) for item in finished] == [("ViewLeaveBalance", "done")]


async def test_leave_from_question_to_decision(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.enrol("mia")

    shown = await here.say("john", "I'd like to take 21 to 23 December off")
    assert "Monday, 21 December 2026" in shown
    assert "3 days" in shown
    assert "11 days" in shown
    await here.press("john", here.last("john"), "Send request")
    assert "waits for Mia" in here.last("john", "Leave asked").text

    asked = here.last("mia", "Leave for John")
    await here.press("mia", asked, "Approve")
    dialog = here.chat.dialogs["view"]
    assert dialog.fields, dialog
    assert any("21 December" in fact.value for fact in dialog.signed)
    assert await here.submit_code("mia", here.code("mia")) == DialogClosed()

    assert "Approved by Mia" in here.last("mia", "Leave for John").text
    assert not here.last("mia", "Leave for John").card.actions
    told = here.last("john", "Your leave")
    assert "approved by Mia" in told.text
    mine = await here.say("john", "my leaves")
    assert "approved" in mine


async def test_a_wrong_code_approves_nothing_and_a_code_counts_once(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.enrol("mia")
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    answer = await here.submit_code("mia", "000000")
    assert isinstance(answer, FieldError)
    assert "does not fit" in answer.text
    right = here.code("mia")
    assert await here.submit_code("mia", right) == DialogClosed()
    again = await here.submit_code("mia", right)
    assert isinstance(again, FieldError)


async def test_john_may_not_approve_his_own_request_and_the_card_stays(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")
    card = here.last("john", "Leave for John")
    await here.press("john", card, "Approve")
    assert "Nobody decides on their own request" in here.chat.dialogs["view"].title
    assert card.edited == 0
    assert [action.label for action in card.card.actions] == ["Approve…", "Refuse…", "Ask for more…", "Details"]
    denied = await here.audit(decision="deny")
    assert [item.event.code for item in denied] == ["deny.own_request"]


async def test_johns_payslip_opens_on_the_page_only(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    offered = await here.say("john", "my payslip")
    assert "page of its own" in offered
    answer = await here.prove_on_page("john", url_in(here.last("john")))
    assert answer.continue_path is not None
    assert answer.continue_path.startswith("/view/")
    everything = "\n".join(posted.text for posted in here.chat.posts)
    assert "3,087" not in everything
    assert "€" not in everything
    assert "EUR" not in everything


async def test_john_may_not_see_sarahs_payslip_and_hears_what_to_do(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    answer = await here.say("john", "show me sarah's payslip")
    assert "can't open other people's payslips" in answer
    assert "my payslip" in answer


async def test_sue_reads_her_region_and_hears_nothing_of_the_other(here: World) -> None:
    await here.sign_in("sue")
    assert "Northwind Traders" in await here.say("sue", "customer Northwind Traders")
    assert "T-1041" in await here.say("sue", "tickets of Northwind Traders")
    other = await here.say("sue", "customer Redwood Freight")
    missing = await here.say("sue", "customer Nonesuch Brothers")
    assert other == missing
    assert "Redwood" not in other


async def test_idle_past_the_limit_asks_for_sign_in_although_no_sweep_ran(here: World) -> None:
    await here.sign_in("john")
    assert "14" in await here.say("john", "balance")
    here.clock.advance(timedelta(minutes=59, seconds=59))
    assert "14" in await here.say("john", "balance")
    here.clock.advance(timedelta(hours=1))
    assert "session has ended" in await here.say("john", "balance")


async def test_a_missing_date_is_asked_for_and_the_answer_goes_on_with_it(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take some days off")
    shown = await here.say("john", "21 to 23 December")
    assert "Monday, 21 December 2026" in shown


async def test_an_unknown_sentence_gets_a_question(here: World) -> None:
    await here.sign_in("john")
    answer = await here.say("john", "colourless green ideas sleep furiously")
    assert "not sure what you'd like" in answer or "Did you mean" in answer


async def test_a_reply_that_never_came_is_looked_up_and_told_and_nothing_is_done_twice(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    here.backend.faults.drop_reply_after_write()
    await here.press("john", here.last("john"), "Send request")
    assert "didn't confirm in time" in here.last("john").text
    here.clock.advance(timedelta(seconds=40))
    assert await here.core.reconciling.run() == 1
    assert "waits for Mia" in here.last("john", "Leave asked").text
    assert "waits" in here.last("john", "Leave for John").text
    mine = await here.say("john", "my leaves")
    assert mine.count("waiting") == 1
