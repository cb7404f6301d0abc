"""Teams from outside: signed activities in, cards and dialogs on the fake Teams out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.teams.config import SERVICE_URL
from adapters.teams.platform import TeamsPlatform
from bot.domain.cards import (
    Action,
    ActionStyle,
    Audience,
    Card,
    Dialog,
    DialogField,
    Fact,
    FieldKind,
    Quote,
    Reply,
    Status,
)
from bot.domain.messages import EventKind, Place, PlaceKind, ReplyWindow
from bot.domain.secret import Secret
from bot.errors import HandleSpent, PlatformRefused, PlatformUnavailable, StorageUnavailable
from bot.ports.ingress import DialogUpdate, FieldError
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import PHRASES, TeamsSide, config, identity, teams_side
from tests.fakes.teams_server import FOREIGN_TENANT, JOHN, MIA, TENANT, Activity, Conversation, Person, actions_of

APPROVE = Action(label="Approve", handle="opaque-approve", style=ActionStyle.PRIMARY, opens_dialog=True)
DISMISS = Action(label="Dismiss", handle="opaque-dismiss", style=ActionStyle.DANGER)
OPEN_PAGE = Action(label="Sign in", url="https://doorward.example.com/signin/start?t=1")

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


def card(*actions: Action) -> Card:
    return Card(headline="Leave for john", facts=(Fact(label="Days", value="3"),), actions=actions)


def place(side: TeamsSide, room: Conversation, thread: str | None = None) -> Place:
    kinds = {"personal": PlaceKind.DIRECT, "groupChat": PlaceKind.GROUP, "channel": PlaceKind.CHANNEL}
    return Place(
        platform=identity(JOHN).platform,
        tenant=TENANT,
        conversation=room.id,
        kind=kinds[room.kind],
        thread=thread,
        service=side.teams.service_url,
    )


async def posted(
    side: TeamsSide,
    room: Conversation,
    content: Card,
    to: Person = MIA,
    audience: Audience = Audience.PLACE,
    thread: str | None = None,
) -> str:
    reply = Reply(audience=audience, card=content)
    message = await side.platform.post(place(side, room, thread), identity(to), reply, dedupe_key="k")
    assert message is not None
    return message


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

    @pytest.mark.parametrize(("name", "status"), [("signin/tokenExchange", 412), ("signin/failure", 200), ("x", 400)])
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


class TestOut:
    async def test_a_card_says_everything_and_its_buttons_carry_only_the_handle(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        full = Card(
            headline="Leave for john",
            body="Two steps.",
            facts=(Fact(label="Days", value="3"),),
            quotes=(Quote(author="john", text="Please"),),
            actions=(APPROVE, DISMISS, OPEN_PAGE),
            status=Status.WAITING,
            quiet="HR, 09:00",
        )
        await posted(side, room, full, JOHN)
        (message,) = side.teams.posted(room)
        assert message["summary"] == "Leave for john"
        (attached,) = message["attachments"]
        content = attached["content"]
        for says in (content["fallbackText"], content["speak"]):
            assert all(part in says for part in ("Leave for john", "Days", "Please", "Approve", "HR"))
        approve, dismiss, page = actions_of(content)
        assert approve["data"] == {"handle": "opaque-approve", "msteams": {"type": "task/fetch"}}
        assert (dismiss["type"], dismiss["data"]) == ("Action.Execute", {"handle": "opaque-dismiss"})
        assert (page["type"], page["url"], "data" in page) == ("Action.OpenUrl", OPEN_PAGE.url, False)

    async def test_a_reply_in_a_thread_goes_to_the_thread(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        await posted(side, room, card(), thread="170")
        assert side.teams.posted(room)[0]["address"] == f"{room.id};messageid=170"

    async def test_what_is_for_one_person_goes_to_their_personal_chat(self, side: TeamsSide) -> None:
        room, personal = side.teams.channel(JOHN, MIA), side.teams.personal(MIA)
        message = await posted(side, room, card(), MIA, Audience.PERSON)
        assert (len(side.teams.posted(room)), len(side.teams.posted(personal))) == (0, 1)
        edited = Reply(audience=Audience.PERSON, card=Card(headline="Decided"))
        await side.platform.update(place(side, room), message, edited)
        assert side.teams.posted(personal)[0]["summary"] == "Decided"

    async def test_who_is_not_in_the_place_gets_nothing(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN)
        with pytest.raises(PlatformRefused):
            await posted(side, room, card(), MIA, Audience.PERSON)
        assert side.teams.posted(room) == []

    async def test_a_card_is_edited_in_place(self, side: TeamsSide) -> None:
        room = side.teams.channel(JOHN, MIA)
        message = await posted(side, room, card(APPROVE), thread="170")
        reply = Reply(audience=Audience.PLACE, card=Card(headline="Approved by mia", status=Status.ALLOWED))
        await side.platform.update(place(side, room), message, reply)
        (shown,) = side.teams.posted(room)
        content = shown["attachments"][0]["content"]
        assert "Approved by mia" in content["body"][0]["text"]
        assert actions_of(content) == []

    async def test_the_personal_place_is_the_same_every_time(self, side: TeamsSide) -> None:
        side.teams.personal(JOHN)
        first = await side.platform.direct_place(identity(JOHN))
        assert await side.platform.direct_place(identity(JOHN)) == first
        assert (first.kind, first.service) == (PlaceKind.DIRECT, side.teams.service_url)
        assert side.teams.calls.count("POST /teams/v3/conversations") == 1

    async def test_a_foreign_person_is_not_written_to(self, side: TeamsSide) -> None:
        stranger = Person(name="far", oid=JOHN.oid, tenant=FOREIGN_TENANT)
        with pytest.raises(PlatformRefused):
            await side.platform.direct_place(identity(stranger))
        assert side.teams.calls == []

    @pytest.mark.requirement("9")
    @pytest.mark.parametrize("service", ["https://evil.example/", "http://127.0.0.1:1/", SERVICE_URL, "x"])
    async def test_nothing_leaves_for_a_host_off_the_list(self, side: TeamsSide, service: str) -> None:
        room = side.teams.personal(JOHN)
        somewhere = Place(
            platform=identity(JOHN).platform,
            tenant=TENANT,
            conversation=room.id,
            kind=PlaceKind.DIRECT,
            service=service,
        )
        reply = Reply(audience=Audience.PLACE, card=card())
        with pytest.raises(PlatformRefused, match="not on the list"):
            await side.platform.post(somewhere, identity(JOHN), reply, dedupe_key="k")
        assert side.teams.calls == []  # not even a token was fetched for it

    @pytest.mark.parametrize(
        ("status", "headers", "seconds", "unknown"),
        [
            (429, {"retry-after": "7"}, 7.0, False),
            (429, {"retry-after": "999999"}, 300.0, False),
            (412, {}, 1.0, False),
            (500, {}, 1.0, True),
            (502, {}, 1.0, True),
            (503, {"retry-after": "soon"}, 1.0, True),
            (504, {}, 1.0, True),
        ],
    )
    async def test_what_passes_is_tried_once_and_said_so(
        self, side: TeamsSide, status: int, headers: dict[str, str], seconds: float, unknown: bool
    ) -> None:
        room = side.teams.personal(JOHN)
        side.teams.failures = [(status, {}, headers)]
        with pytest.raises(PlatformUnavailable) as failed:
            await posted(side, room, card())
        assert (failed.value.retry_after_seconds, failed.value.outcome_unknown) == (seconds, unknown)
        assert [call for call in side.teams.calls if "/activities" in call] == [
            f"POST /teams/v3/conversations/{room.id.replace(':', '%3A')}/activities"
        ]

    @pytest.mark.parametrize("status", [302, 400, 403, 404, 413])
    async def test_a_refusal_is_final(self, side: TeamsSide, status: int) -> None:
        side.teams.failures = [(status, {"error": {"code": "Some"}}, {"location": "https://evil.example/"})]
        with pytest.raises(PlatformRefused, match=f"{status} Some"):
            await posted(side, side.teams.personal(JOHN), card())

    async def test_a_token_taken_back_is_replaced_once(self, side: TeamsSide) -> None:
        room = side.teams.personal(JOHN)
        await posted(side, room, card())
        side.teams.revoke_tokens()
        await posted(side, room, card())
        assert len(side.teams.posted(room)) == 2
        assert len([call for call in side.teams.calls if call.endswith("/token")]) == 2

    async def test_one_token_serves_until_it_ends(self, side: TeamsSide, clock: FixedClock) -> None:
        room = side.teams.personal(JOHN)
        for minutes in (0, 30, 24, 2):  # an hour's token is replaced five minutes early
            clock.advance(minutes=minutes)
            await posted(side, room, card())
        assert len([call for call in side.teams.calls if call.endswith("/token")]) == 2

    async def test_a_wrong_secret_is_a_refusal_that_does_not_show_it(self, clock: FixedClock) -> None:
        async with teams_side(clock, app_password=Secret("not-the-secret")) as side:
            with pytest.raises(PlatformRefused) as refused:
                await posted(side, side.teams.personal(JOHN), card())
        assert "not-the-secret" not in str(refused.value)

    async def test_a_teams_that_is_away_is_a_failure_that_passes(self, clock: FixedClock) -> None:
        async with teams_side(clock) as side:
            settings, room = config(side.teams), place(side, side.teams.personal(JOHN))
        platform = TeamsPlatform(settings, clock=clock)
        with pytest.raises(PlatformUnavailable):
            await platform.post(room, identity(JOHN), Reply(audience=Audience.PLACE, card=card()), dedupe_key="k")
        await platform.close()

    async def test_dialogs_open_only_in_an_answer(self, side: TeamsSide) -> None:
        assert await side.platform.open_dialog("", CODE_DIALOG) is None
        with pytest.raises(PlatformRefused):
            await side.platform.update_dialog("", CODE_DIALOG)
