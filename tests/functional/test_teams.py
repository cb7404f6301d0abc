"""Teams from outside: signed activities in, cards and dialogs on the fake Teams out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.cards import Dialog, DialogField, Fact, FieldKind
from bot.domain.messages import EventKind, PlaceKind, ReplyWindow
from bot.errors import HandleSpent, StorageUnavailable
from bot.ports.ingress import DialogUpdate, FieldError
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import APPROVE, DISMISS, PHRASES, TeamsSide, card, identity, place, posted, teams_side
from tests.fakes.teams_server import JOHN, MIA, Activity, Person

CODE_DIALOG = Dialog(
    handle="opaque-dialog",
    title="Confirm with a code",
    submit="Confirm",
    body="You approve:",
    signed=(Fact(label="Leave for", value="john"), Fact(label="Days", value="3")),
    fields=(
        DialogField(name="code", label="Code", kind=FieldKind.CODE, hint="Six digits"),
        DialogField(name="note", label="Note", optional=True),
    ),
)
NOTE_DIALOG = Dialog(
    handle="opaque-note", title="Note", submit="Send", fields=(DialogField(name="note", label="Note"),)
)


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[TeamsSide]:
    async with teams_side(clock) as running:
        yield running


class TestIn:
    async def test_a_personal_message_reaches_the_core(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        answer = await side.send(side.teams.typed(JOHN, room, "how many days have I left?"))
        assert answer.status_code == 200
        (message,) = side.ingress.accepted
        assert message.kind is EventKind.MESSAGE
        assert message.who == identity(JOHN)
        assert message.place == place(side, room)
        assert message.text == "how many days have I left?"
        assert message.window is ReplyWindow.NONE
        assert (message.locale, message.timezone) == ("de-DE", "Europe/Berlin")

    async def test_a_mention_of_the_bot_is_left_out_and_nothing_else(self, side: TeamsSide) -> None:
        room = side.teams.group(JOHN, MIA)
        await side.send(side.teams.typed(JOHN, room, "is Doorward there? ask <at>Mia</at>"))
        (message,) = side.ingress.accepted
        assert message.text == "is Doorward there? ask Mia"
        assert message.place.kind is PlaceKind.GROUP

    async def test_a_channel_message_keeps_its_thread(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        activity = side.teams.typed(JOHN, room, "waiting")
        await side.send(activity)
        (message,) = side.ingress.accepted
        assert message.place == place(side, room, thread=activity["id"])

    async def test_a_message_delivered_again_is_the_same_event(self, side: TeamsSide) -> None:
        activity = side.teams.typed(JOHN, side.teams.personal(JOHN), "hello")
        for _ in range(3):
            assert (await side.send(activity)).status_code == 200
        assert (side.ingress.deliveries, len(side.ingress.accepted)) == (3, 1)

    async def test_the_same_activity_id_elsewhere_is_another_event(self, side: TeamsSide) -> None:
        for room in (side.teams.personal(JOHN), side.teams.group(JOHN)):
            await side.send(side.teams.typed(JOHN, room, "hello", id="1"))
        assert len(side.ingress.accepted) == 2

    async def test_whoever_adds_the_app_is_welcomed(self, side: TeamsSide) -> None:
        await side.send(side.teams.installed(JOHN, side.teams.personal(JOHN)))
        (message,) = side.ingress.accepted
        assert (message.kind, message.who, message.text) == (EventKind.COMMAND, identity(JOHN), "")

    async def test_a_team_that_adds_the_app_is_not_spoken_to(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        assert (await side.send(side.teams.installed(JOHN, room))).status_code == 200
        joined = side.teams.installed(JOHN, side.teams.personal(JOHN))
        joined["membersAdded"] = [{"id": MIA.account}]
        assert (await side.send(joined)).status_code == 200
        assert side.ingress.untouched

    async def test_a_picture_alone_says_nothing(self, side: TeamsSide) -> None:
        activity = side.teams.typed(JOHN, side.teams.personal(JOHN), "", attachments=[{"contentType": "image/png"}])
        assert (await side.send(activity)).status_code == 200
        assert side.ingress.untouched

    async def test_a_member_made_a_guest_is_refused_five_minutes_later(
        self, side: TeamsSide, clock: FixedClock
    ) -> None:
        room = side.teams.group(JOHN, MIA)
        assert (await side.send(side.teams.typed(JOHN, room, "one"))).status_code == 200
        room.members = [Person(name="john", oid=JOHN.oid, role="guest")]
        clock.advance(minutes=5)
        assert (await side.send(side.teams.typed(JOHN, room, "two"))).status_code == 403

    @pytest.mark.requirement("6")
    async def test_while_the_database_is_away_teams_is_asked_to_come_again(self, side: TeamsSide) -> None:
        side.ingress.failure = StorageUnavailable()
        assert (await side.send(side.teams.typed(JOHN, side.teams.personal(JOHN), "hello"))).status_code == 503

    @pytest.mark.requirement("6")
    async def test_while_the_roster_does_not_answer_nobody_is_let_in(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        side.teams.failures = [(503, {}, {}), (401, {}, {}), (401, {}, {})]
        assert (await side.send(side.teams.typed(JOHN, room, "hello"))).status_code == 503
        assert (await side.send(side.teams.typed(JOHN, room, "hello"))).status_code == 503
        assert side.ingress.untouched
        assert (await side.send(side.teams.typed(JOHN, room, "hello"))).status_code == 200


class TestPress:
    async def test_a_press_reaches_the_core_with_its_handle(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        source = await posted(side, room, card(APPROVE, DISMISS))
        answer = await side.send(side.teams.pressed(MIA, room, "Dismiss"))
        assert answer.status_code == 200
        assert answer.json() == {
            "statusCode": 200,
            "type": "application/vnd.microsoft.activity.message",
            "value": PHRASES.working,
        }
        (message,) = side.ingress.accepted
        assert (message.kind, message.handle) == (EventKind.PRESS, "opaque-dismiss")
        assert (message.who, message.window) == (identity(MIA), ReplyWindow.IN_RESPONSE)
        assert message.source == source

    async def test_a_press_opens_a_dialog_in_the_answer(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        assert shown["version"] == "1.5"
        facts = [element for element in shown["body"] if element["type"] == "FactSet"]
        assert facts[0]["facts"] == [{"title": "Leave for", "value": "john"}, {"title": "Days", "value": "3"}]
        assert [element["id"] for element in shown["body"] if "id" in element] == ["code.code", "text.note"]
        (message,) = side.ingress.accepted
        assert (message.kind, message.handle) == (EventKind.PRESS, "opaque-approve")

    async def test_a_code_is_checked_at_once_and_stored_nowhere(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        answer = await submit(side, shown, code=" 123456 ", note="thanks")
        assert (answer.status_code, answer.json()) == (200, {})
        ((message, code),) = side.ingress.codes
        assert code == "123456"
        assert (message.kind, message.handle, message.fields) == (
            EventKind.SUBMISSION,
            "opaque-dialog",
            {"note": "thanks"},
        )
        assert "123456" not in repr(message)
        assert [accepted.kind for accepted in side.ingress.accepted] == [EventKind.PRESS]

    async def test_a_wrong_code_shows_the_same_dialog_with_the_sentence(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        side.ingress.answer = FieldError(field="code", text="That code is wrong.")
        again = dialog_of(await submit(side, shown, code="000000"))
        texts = [element.get("text") for element in again["body"]]
        at = next(number for number, text in enumerate(texts) if text and "That code is wrong" in text)
        assert again["body"][at + 1]["id"] == "code.code"
        assert [element for element in again["body"] if element["type"] == "FactSet"] == [
            element for element in shown["body"] if element["type"] == "FactSet"
        ]
        assert "000000" not in str(again)

    async def test_another_process_closes_the_dialog_with_the_sentence(
        self, side: TeamsSide, clock: FixedClock
    ) -> None:
        shown = await opened(side, CODE_DIALOG)
        async with teams_side(clock) as other:
            other.ingress.answer = FieldError(field="code", text="That code is wrong.")
            answer = await submit(other, shown, code="000000")
        assert answer.json() == {"task": {"type": "message", "value": "That code is wrong."}}

    async def test_somebody_elses_dialog_is_not_shown(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        side.ingress.answer = FieldError(field="code", text="Not yours.")
        stolen = side.teams.submitted(MIA, side.teams.personal(MIA), shown, code="000000")
        assert (await side.send(stolen)).json() == {"task": {"type": "message", "value": "Not yours."}}

    async def test_a_dialog_may_be_followed_by_another(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        side.ingress.answer = DialogUpdate(dialog=NOTE_DIALOG)
        second = dialog_of(await submit(side, shown, code="123456"))
        side.ingress.answer = None
        answer = await submit(side, second, note="thanks")
        assert answer.json() == {"task": {"type": "message", "value": PHRASES.working}}
        assert (side.ingress.accepted[-1].handle, side.ingress.accepted[-1].fields) == (
            "opaque-note",
            {"note": "thanks"},
        )

    @pytest.mark.requirement("6")
    async def test_while_the_database_is_away_the_person_is_told_to_press_again(self, side: TeamsSide) -> None:
        shown = await opened(side, CODE_DIALOG)
        room = side.teams.personal(JOHN)
        await posted(side, room, card(DISMISS, APPROVE), JOHN)
        side.ingress.failure = StorageUnavailable()
        answer = await side.send(side.teams.pressed(JOHN, room, "Dismiss"))
        assert (answer.status_code, answer.json()["value"]) == (200, PHRASES.busy)
        answer = await side.send(side.teams.pressed(JOHN, room, "Approve"))
        assert answer.json() == {"task": {"type": "message", "value": PHRASES.busy}}
        again = dialog_of(await submit(side, shown, code="123456"))
        assert any("Busy" in element.get("text", "") for element in again["body"])

    async def test_what_is_dealt_with_says_so(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        await posted(side, room, card(DISMISS, APPROVE), JOHN)
        side.ingress.failure = HandleSpent()
        assert (await side.send(side.teams.pressed(JOHN, room, "Dismiss"))).json()["value"] == PHRASES.gone
        answer = await side.send(side.teams.pressed(JOHN, room, "Approve"))
        assert answer.json() == {"task": {"type": "message", "value": PHRASES.gone}}
        assert side.ingress.rejections == []

    @pytest.mark.parametrize(("name", "status"), [("signin/tokenExchange", 400), ("signin/failure", 200), ("x", 400)])
    async def test_other_invokes_start_nothing(self, side: TeamsSide, name: str, status: int) -> None:
        answer = await side.send(side.teams.invoke(JOHN, side.teams.personal(JOHN), name, {}))
        assert answer.status_code == status
        assert side.ingress.untouched


async def opened(side: TeamsSide, dialog: Dialog) -> Activity:
    """The dialog's card after a press of the button that opens it."""
    room = side.teams.personal(JOHN)
    await posted(side, room, card(APPROVE), JOHN)
    side.ingress.dialog = dialog
    return dialog_of(await side.send(side.teams.pressed(JOHN, room, "Approve")))


async def submit(side: TeamsSide, shown: Activity, **inputs: str) -> Any:
    return await side.send(side.teams.submitted(JOHN, side.teams.personal(JOHN), shown, **inputs))


def dialog_of(answer: Any) -> Activity:
    assert answer.status_code == 200
    task = answer.json()["task"]
    assert task["type"] == "continue"
    content: Activity = task["value"]["card"]["content"]
    return content
