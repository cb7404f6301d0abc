"""Before a decision: the approver asks, the requester answers, and every copy of the card has both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.cards import FieldKind
from bot.domain.messages import EventKind, PlaceKind, ReplyWindow
from tests.fakes.chat import Posted
from tests.fakes.world import World

QUESTION, ANSWER = "Who covers the canary release?", "Sue does, canary and all."


async def asked(here: World, sentence: str = "I'd like to take 21 to 23 December off") -> Posted:
    """John's request, on Mia's card."""
    await here.sign_in("john")
    await here.sign_in("mia")
    await here.say("john", sentence)
    await here.press("john", here.last("john"), "Send request")
    return copies(here, PlaceKind.DIRECT)[-1]


def copies(here: World, kind: PlaceKind) -> list[Posted]:
    return [
        posted for posted in here.chat.posts if "Leave for John" in posted.card.headline and posted.place.kind is kind
    ]


async def write(here: World, name: str, text: str) -> None:
    """Submit the dialog that is open."""
    dialog = here.chat.dialogs["view"]
    message = here.message(
        name, EventKind.SUBMISSION, handle=dialog.handle, fields={"text": text}, window=ReplyWindow.IN_RESPONSE,
        trigger="view",
    )  # fmt: skip
    await here.core.ingress.accept(message)
    await here.core.ingress.drain(10)


async def talk(here: World, card: Posted) -> None:
    await here.press("mia", card, "Ask for more")
    await write(here, "mia", QUESTION)
    await here.press("john", here.last("john", "asks about your leave"), "Answer")
    await write(here, "john", ANSWER)


def quoted(posted: Posted) -> list[tuple[str, str]]:
    return [(quote.author, quote.text) for quote in posted.card.quotes]


async def test_a_question_is_asked_and_answered_and_every_copy_has_both(here: World) -> None:
    card = await asked(here)
    await here.press("mia", card, "Ask for more")
    [field] = here.chat.dialogs["view"].fields
    assert field.kind is FieldKind.TEXT
    assert "John" in here.chat.dialogs["view"].body
    await write(here, "mia", QUESTION)
    told = here.last("john", "asks about your leave")
    assert told.place.kind is PlaceKind.DIRECT
    [(author, text)] = quoted(told)
    assert author.startswith("Mia")
    assert text == QUESTION
    await here.press("john", told, "Answer")
    await write(here, "john", ANSWER)
    channel = copies(here, PlaceKind.CHANNEL)
    assert channel
    assert [text for _, text in quoted(card)] == [QUESTION, ANSWER]
    for posted in [card, *channel]:
        assert [action.label for action in posted.card.actions][:3] == ["Approve…", "Refuse…", "Ask for more…"]
    assert quoted(card)[1][0].startswith("John")
    assert [quoted(posted) for posted in channel] == [[]], "a channel's card shows that there is something, not what"
    assert "Answered" in channel[0].text
    await here.press("mia", channel[0], "Details")
    assert [text for _, text in quoted(here.last("mia", "Leave for John"))] == [QUESTION, ANSWER]
    assert ANSWER in here.last("mia", "answered about the leave").text


async def test_the_audit_log_has_who_and_never_what(here: World) -> None:
    await talk(here, await asked(here))
    finished = [record.event for record in await here.audit(type_prefix="effect.finished")]
    assert {"AskAboutLeave", "AnswerAboutLeave"} <= {event.action for event in finished}
    assert "canary" not in str(await here.audit())


@pytest.mark.parametrize("sentence", ["I'm sick on 21 December", "I'd like to take 21 December off"])
async def test_a_channel_shows_only_that_there_is_a_question(here: World, sentence: str) -> None:
    card = await asked(here, sentence)
    await here.press("mia", card, "Ask for more")
    await write(here, "mia", QUESTION)
    [channel] = copies(here, PlaceKind.CHANNEL)
    assert "One is open" in channel.text
    await here.press("john", here.last("john", "asks about your leave"), "Answer")
    await write(here, "john", ANSWER)
    assert QUESTION in card.text
    assert channel.edited
    assert not channel.card.quotes
    assert "Answered" in channel.text
    shared = [posted.text for posted in here.chat.posts if posted.place.kind is not PlaceKind.DIRECT]
    assert not any("canary" in text for text in shared)


async def test_nobody_asks_about_their_own_and_only_the_owner_answers(here: World) -> None:
    card = await asked(here)
    await here.sign_in("sue")
    await here.press("mia", card, "Ask for more")
    [leave] = {
        record.event.resource.removeprefix("Leave::")
        for record in await here.audit(type_prefix="effect.finished")
        if record.event.action == "ViewLeave"
    }
    assert "Nobody decides on their own request" in await here.command("john", f"leaves ask {leave} why not")
    assert "can't do that" in await here.command("sue", f"leaves ask {leave} why him")
    assert "not yours" in await here.command("sue", f"leaves answer {leave} I say so")
    assert "not yours" in await here.command("mia", f"leaves answer {leave} I say so")
    assert "Nobody asked anything" in await here.command("john", f"leaves answer {leave} unasked")
    assert not card.card.quotes


async def test_a_dialog_is_its_persons_own_and_holds_one_text_of_some_length(here: World) -> None:
    card = await asked(here)
    await here.press("mia", card, "Ask for more")
    await write(here, "john", "not my dialog")
    for text in ("", "   ", "x" * 501):
        await write(here, "mia", text)
        assert "between 1 and 500" in here.last("mia", "Nothing was sent").text
    assert not card.card.quotes
    here.clock.advance(timedelta(minutes=16))
    await write(here, "mia", "too late")
    assert not card.card.quotes


async def test_after_five_questions_about_one_request_nothing_is_sent(here: World) -> None:
    card = await asked(here)
    await here.press("mia", card, "Ask for more")
    for number in range(6):
        await write(here, "mia", f"Question {number}?")
    assert [text for _, text in quoted(card)] == [f"Question {number}?" for number in range(5)]
    assert "enough for one day" in here.last("mia", "enough").text


async def test_a_dialog_that_outlived_the_request_sends_nothing(here: World) -> None:
    card = await asked(here)
    await here.press("mia", card, "Ask for more")
    await here.say("john", "my leaves")
    await here.press("john", here.last("john", "request"), "Withdraw")
    await here.press("john", here.last("john", "Withdraw the leave"), "Withdraw it")
    before = len(here.chat.seen_by(here.channel("john")))
    await write(here, "mia", QUESTION)
    assert "does not wait for a decision" in here.last("mia", "does not wait").text
    assert len(here.chat.seen_by(here.channel("john"))) == before
    assert not card.card.quotes


@pytest.mark.requirement("57")
async def test_a_later_card_has_what_was_said_before(here: World) -> None:
    card = await asked(here)
    await talk(here, card)
    await here.enrol("mia")
    await here.press("mia", card, "Approve")
    await here.submit_code("mia", here.code("mia"))
    here.clock.advance(timedelta(seconds=30))
    [record] = [r for r in await here.audit(type_prefix="effect.finished") if r.event.action == "ApproveLeave"]
    leave = record.event.resource.removeprefix("Leave::")
    await here.command("mia", f"leaves reopen {leave} two others are away that week")
    await here.press("mia", here.last("mia", "Take back the decision"), "Enter")
    await here.submit_code("mia", here.code("mia"))
    again = copies(here, PlaceKind.DIRECT)[-1]
    assert again.id == card.id, "the card it was decided on is the one that asks again"
    assert [text for _, text in quoted(again)] == [QUESTION, ANSWER]


async def of_the_hr_system(here: World) -> str:
    """John has asked for a day in the HR system itself; its number."""
    for name in ("john", "mia"):
        await here.sign_in(name)
    insert = (
        "INSERT INTO leave (employee, type, start_on, end_on, portion, halves, state, note, created_at, approver)"
        " SELECT e.id, 'unpaid', '2026-12-21', '2026-12-21', 'full', 2, 'pending', '', '2026-11-20T09:00:00+00:00',"
        " e.manager FROM employee e JOIN employee_called c ON c.employee = e.id WHERE c.called = 'john'"
    )
    await here.backend._database.write(lambda raw: raw.execute(insert).rowcount)
    newest = "SELECT id FROM leave ORDER BY number DESC LIMIT 1"
    return await here.backend._database.read(lambda raw: str(raw.execute(newest).fetchone()[0]))


async def test_what_was_asked_for_in_the_hr_system_is_asked_about_in_the_owners_direct_conversation(
    here: World,
) -> None:
    leave = await of_the_hr_system(here)
    said = await here.command("mia", f"leaves ask {leave} {QUESTION}")
    assert "Your question went to John" in said
    told = here.last("john", "asks about your leave")
    assert told.place.kind is PlaceKind.DIRECT
    assert [text for _, text in quoted(told)] == [QUESTION]
    await here.press("john", told, "Answer")
    await write(here, "john", ANSWER)
    heard = here.last("mia", "answered about the leave")
    assert [text for _, text in quoted(heard)] == [QUESTION, ANSWER]
    await here.enrol("mia")
    await here.command("mia", f"approve {leave}")
    await here.press("mia", here.last("mia", "Approve"), "Enter")
    await here.submit_code("mia", here.code("mia"))
    assert "Approved: John" in here.last("mia").text, "it is decided as before"


async def test_of_the_hr_systems_own_nobody_else_asks_and_an_owner_without_chat_is_said_to_be_out_of_reach(
    here: World,
) -> None:
    leave = await of_the_hr_system(here)
    await here.sign_in("sue")
    assert "can't do that" in await here.command("sue", f"leaves ask {leave} why him")
    assert "Nobody decides on their own" in await here.command("john", f"leaves ask {leave} why not")
    assert "Nobody asked anything" in await here.command("john", f"leaves answer {leave} unasked")
    await here.database.write(lambda tx: tx.links.remove(here.channel("john")))
    said = await here.command("mia", f"leaves ask {leave} {QUESTION}")
    assert "can't be reached through chat" in said
    assert await here.database.read(lambda tx: tx.approvals.asked(f"Leave::{leave}")) is None


async def test_what_the_hr_system_has_decided_is_not_asked_about(here: World) -> None:
    leave = await of_the_hr_system(here)
    decide = "UPDATE leave SET state = 'approved', version = version + 1 WHERE id = ?"
    await here.backend._database.write(lambda raw: raw.execute(decide, (leave,)).rowcount)
    said = await here.command("mia", f"leaves ask {leave} {QUESTION}")
    assert "does not wait for a decision" in said or "decided" in said
    assert "asks about" not in "".join(posted.text for posted in here.chat.seen_by(here.channel("john")))


async def test_the_only_one_that_waits_can_be_refused_and_asked_about_from_the_list(here: World) -> None:
    await asked(here)
    await here.say("mia", "waiting")
    listed = here.last("mia")
    assert [action.label for action in listed.card.actions][1:] == ["Refuse…", "Ask for more…"]
    await here.press("mia", listed, "Ask for more")
    await write(here, "mia", QUESTION)
    assert [text for _, text in quoted(here.last("john", "asks about your leave"))] == [QUESTION]
