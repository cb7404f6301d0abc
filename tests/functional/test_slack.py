"""Slack from outside: signed requests in, messages and dialogs on the fake Slack out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.slack.platform import OneToken, SlackPlatform
from adapters.slack.web_api import WebApi
from bot.domain.answer import Answer
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
from bot.errors import PlatformRefused, PlatformUnavailable, StorageUnavailable
from bot.ports.ingress import DialogUpdate, FieldError, Late
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import PHRASES, WAYS, SlackSide, config, identity, one_workspace, slack_side
from tests.fakes.slack_workspace import TEAM, Message, View

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


def card(*actions: Action, **changes: str) -> Card:
    return Card(
        headline=changes.get("headline", "Leave for john"), facts=(Fact(label="Days", value="3"),), actions=actions
    )


def personal(*actions: Action) -> Reply:
    return Reply(audience=Audience.PERSON, card=card(*actions))


def shared(*actions: Action) -> Reply:
    return Reply(audience=Audience.PLACE, card=card(*actions))


APPROVE = Action(label="Approve", handle="opaque-approve", style=ActionStyle.PRIMARY, opens_dialog=True)
DISMISS = Action(label="Dismiss", handle="opaque-dismiss")
OPEN_PAGE = Action(label="Sign in", url="https://doorward.example.com/signin/start?t=1")


@pytest.fixture(params=WAYS)
async def side(request: pytest.FixtureRequest, clock: FixedClock) -> AsyncIterator[SlackSide]:
    async with slack_side(clock, request.param) as running:
        running.slack.join("U1JOHN")
        running.slack.join("U1MIA")
        running.slack.channel("C1HR", "U1JOHN", "U1MIA")
        yield running


def place(conversation: str, thread: str | None = None) -> Place:
    kind = PlaceKind.DIRECT if conversation[0] in "DU" else PlaceKind.CHANNEL
    return Place(platform=identity("U1").platform, tenant=TEAM, conversation=conversation, kind=kind, thread=thread)


async def posted(side: SlackSide, where: Place, reply: Reply, account: str = "U1MIA") -> Message:
    await side.platform.post(where, identity(account), reply, dedupe_key="k")
    return side.slack.messages[-1]


class TestIn:
    async def test_a_direct_message_reaches_the_core(self, side: SlackSide) -> None:
        answer = await side.send(side.slack.typed("U1JOHN", "days left &amp; &lt;taken&gt;? <https://a.example|a>"))
        assert answer.status_code == 200
        (message,) = side.ingress.accepted
        assert message.kind is EventKind.MESSAGE
        assert message.who == identity("U1JOHN")
        assert message.text == "days left & <taken>? a"
        assert message.place == place("D1JOHN")
        assert message.window is ReplyWindow.NONE

    async def test_a_mention_is_answered_in_its_thread_and_loses_the_name(self, side: SlackSide) -> None:
        payload = side.slack.mentioned("U1JOHN", "C1HR", "may <@U1MIA|mia> approve?")
        await side.send(payload)
        (message,) = side.ingress.accepted
        assert message.text == "may <@U1MIA> approve?"
        assert message.place == place("C1HR", thread=payload["event"]["ts"])

    async def test_a_command_carries_its_words(self, side: SlackSide) -> None:
        answer = await side.send(side.slack.command("U1JOHN", "sessions list", channel="C1HR"))
        assert (answer.status_code, answer.content) == (200, b"")
        (message,) = side.ingress.accepted
        assert (message.kind, message.text, message.place) == (EventKind.COMMAND, "sessions list", place("C1HR"))

    async def test_the_shortcut_is_a_command_without_words(self, side: SlackSide) -> None:
        payload = {
            "type": "shortcut",
            "callback_id": "ask",
            "trigger_id": side.slack.trigger("U1JOHN"),
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "team": {"id": TEAM},
            "api_app_id": "A0DOORWARD",
        }
        assert (await side.send(payload)).status_code == 200
        assert side.ingress.accepted[0].place == place("U1JOHN")

    async def test_what_nobody_listens_to_is_acknowledged(self, side: SlackSide) -> None:
        events = [
            side.slack.event({"type": "app_home_opened", "user": "U1JOHN", "channel": "D1JOHN", "tab": "messages"}),
            side.slack.event({"type": "never_heard_of"}),
            side.slack.typed("U1JOHN", "in a channel", channel="C1HR", channel_type="channel"),
            {"type": "view_closed", "team": {"id": TEAM}, "user": {"id": "U1JOHN"}, "api_app_id": "A0DOORWARD"},
        ]
        assert [(await side.send(event)).status_code for event in events] == [200] * 4
        assert side.ingress.untouched
        assert side.ingress.rejections == []

    async def test_a_storage_that_is_away_makes_slack_deliver_again(self, side: SlackSide) -> None:
        side.ingress.failure = StorageUnavailable()
        payload = side.slack.typed("U1JOHN", "hello")
        assert (await side.send(payload)).status_code == 503
        side.ingress.failure = None
        answers = await side.slack.deliver(side.client, payload)
        assert [answer.status_code for answer in answers] == [200]
        assert len(side.ingress.accepted) == 1

    async def test_a_command_that_cannot_be_stored_says_so_at_once(self, side: SlackSide) -> None:
        side.ingress.failure = StorageUnavailable()
        answer = await side.send(side.slack.command("U1JOHN", "whoami"))
        assert answer.status_code == 200
        assert answer.json() == {"response_type": "ephemeral", "text": PHRASES.busy}

    async def test_a_press_that_cannot_be_stored_says_so_to_that_person_alone(self, side: SlackSide) -> None:
        message = await posted(side, place("C1HR"), shared(DISMISS))
        side.ingress.failure = StorageUnavailable()
        assert (await side.send(side.slack.press("U1MIA", message, "Dismiss"))).status_code == 200
        said = side.slack.messages[-1]
        assert (said.text, said.ephemeral_for) == (PHRASES.busy, "U1MIA")

    @pytest.mark.parametrize(("ended", "stands"), [(Answer(code="done"), False), (None, True)])
    async def test_what_was_said_of_being_busy_goes_once_the_answer_is_there(
        self, side: SlackSide, ended: Answer | None, stands: bool
    ) -> None:
        message = await posted(side, place("D1MIA"), shared(DISMISS))
        let = asyncio.Event()

        async def late() -> Answer | None:
            await let.wait()
            return ended

        working = asyncio.create_task(late())
        side.ingress.failure = Late(working)
        assert (await side.send(side.slack.press("U1MIA", message, "Dismiss"))).status_code == 200
        await side.platform.settled()
        assert side.slack.messages[-1].text == PHRASES.busy
        let.set()
        await working
        await asyncio.sleep(0)
        await side.platform.settled()
        assert [one.text for one in side.slack.messages if one.text == PHRASES.busy] == [PHRASES.busy] * stands
        assert message in side.slack.messages, "the card that was pressed stays"


class TestPresses:
    async def test_a_press_carries_the_handle_and_where_it_stood(self, side: SlackSide) -> None:
        message = await posted(side, place("C1HR"), shared(DISMISS))
        await side.send(side.slack.press("U1MIA", message, "Dismiss"))
        (pressed,) = side.ingress.accepted
        assert (pressed.kind, pressed.handle, pressed.who) == (EventKind.PRESS, "opaque-dismiss", identity("U1MIA"))
        assert pressed.source == f"C1HR:{message.ts}"
        assert (pressed.window, pressed.trigger) == (ReplyWindow.NONE, None)

    async def test_a_link_button_starts_nothing(self, side: SlackSide) -> None:
        message = await posted(side, place("D1MIA"), personal(OPEN_PAGE))
        assert (await side.send(side.slack.press("U1MIA", message, "Sign in"))).status_code == 200
        assert side.ingress.untouched

    async def test_a_dialog_opens_at_once_and_is_filled_later(self, side: SlackSide) -> None:
        message = await posted(side, place("C1HR"), shared(APPROVE))
        await side.send(side.slack.press("U1MIA", message, "Approve"))
        (view,) = side.slack.views.values()
        assert view.content["title"]["text"] == PHRASES.loading_title
        assert "submit" not in view.content
        (pressed,) = side.ingress.accepted
        assert pressed.window is ReplyWindow.OPENS_DIALOG
        await side.platform.update_dialog(pressed.trigger or "", CODE_DIALOG)
        assert view.content["private_metadata"] == "opaque-dialog"
        assert [b["type"] for b in view.content["blocks"]] == ["section", "section", "input", "input"]

    async def test_a_dialog_for_a_press_that_was_not_stored_says_so(self, side: SlackSide) -> None:
        message = await posted(side, place("C1HR"), shared(APPROVE))
        side.ingress.failure = StorageUnavailable()
        await side.send(side.slack.press("U1MIA", message, "Approve"))
        (view,) = side.slack.views.values()
        assert view.content["blocks"][0]["text"]["text"] == PHRASES.busy

    async def test_an_update_that_comes_before_the_opening_waits_for_it(self, clock: FixedClock) -> None:
        async with slack_side(clock) as side:
            account = side.slack.join("U1MIA")
            waited: list[float] = []

            async def pause(seconds: float) -> None:
                waited.append(seconds)
                if len(waited) == 2:
                    await side.platform.open_dialog(side.slack.trigger(account), CODE_DIALOG, name="dialog-1")

            platform = one_workspace(config(side.slack), pause=pause)
            await platform.update_dialog("dialog-1", Dialog(handle="h2", title="Now", submit="Go"))
            await platform.close()
            assert waited == [0.1, 0.2]
            assert next(iter(side.slack.views.values())).content["private_metadata"] == "h2"


class TestSubmissions:
    async def open(self, side: SlackSide, dialog: Dialog = CODE_DIALOG) -> View:
        view = await side.platform.open_dialog(side.slack.trigger("U1MIA"), dialog)
        return side.slack.views[view or ""]

    async def test_a_code_goes_apart_and_never_with_the_message(self, side: SlackSide) -> None:
        view = await self.open(side)
        answer = await side.send(side.slack.submission(view, code="123456", note="fine"))
        assert answer.json() == {"response_action": "clear"}
        ((message, code),) = side.ingress.codes
        assert code == "123456"
        assert (message.handle, message.fields, message.window) == (
            "opaque-dialog",
            {"note": "fine"},
            ReplyWindow.IN_RESPONSE,
        )
        assert side.ingress.accepted == []
        assert not view.open

    async def test_a_wrong_code_is_told_under_its_field(self, side: SlackSide) -> None:
        view = await self.open(side)
        side.ingress.answer = FieldError(field="code", text="That code is not right.")
        answer = await side.send(side.slack.submission(view, code="000000"))
        assert answer.json()["errors"] == {"code.code": "That code is not right."}
        assert view.open

    async def test_another_dialog_may_take_its_place(self, side: SlackSide) -> None:
        view = await self.open(side)
        side.ingress.answer = DialogUpdate(dialog=Dialog(handle="next", title="Done", submit="", body="Approved."))
        await side.send(side.slack.submission(view, code="123456"))
        assert view.open
        assert view.content["private_metadata"] == "next"

    async def test_a_dialog_without_a_code_goes_the_way_of_all_messages(self, side: SlackSide) -> None:
        dialog = Dialog(handle="why", title="Why", submit="Send", fields=(DialogField(name="reason", label="Reason"),))
        view = await self.open(side, dialog)
        answer = await side.send(side.slack.submission(view, reason="away then"))
        assert (answer.status_code, answer.content) == (200, b"")
        (message,) = side.ingress.accepted
        answered = ("why", {"reason": "away then"}, f"{TEAM}!{view.id}")
        assert (message.handle, message.fields, message.trigger) == answered

    async def test_a_code_that_cannot_be_checked_keeps_the_dialog(self, side: SlackSide) -> None:
        view = await self.open(side)
        side.ingress.failure = StorageUnavailable()
        answer = await side.send(side.slack.submission(view, code="123456"))
        assert answer.json() == {"response_action": "errors", "errors": {"code.code": PHRASES.busy}}
        assert view.open


class TestOut:
    async def test_what_is_for_one_person_in_a_channel_only_they_see(self, side: SlackSide) -> None:
        sent = await side.platform.post(place("C1HR", "1.2"), identity("U1JOHN"), personal(OPEN_PAGE), dedupe_key="k")
        assert sent is None
        assert len(side.slack.seen_by("U1JOHN")) == 1
        assert side.slack.seen_by("U1MIA") == []
        assert side.slack.messages[0].thread_ts == "1.2"

    async def test_what_is_for_one_person_reaches_them_where_the_bot_is_not(self, side: SlackSide) -> None:
        side.slack.channel("C2PRIVATE", "U1JOHN", bot=False)
        await side.platform.post(place("C2PRIVATE"), identity("U1JOHN"), personal(), dedupe_key="k")
        assert side.slack.messages[0].channel == "D1JOHN"

    async def test_what_is_for_a_place_goes_nowhere_else(self, side: SlackSide) -> None:
        side.slack.channel("C2PRIVATE", "U1JOHN", bot=False)
        with pytest.raises(PlatformRefused, match="not_in_channel"):
            await side.platform.post(place("C2PRIVATE"), identity("U1JOHN"), shared(), dedupe_key="k")
        assert side.slack.messages == []

    async def test_a_posted_message_is_edited_in_place(self, side: SlackSide) -> None:
        sent = await side.platform.post(place("U1MIA"), identity("U1MIA"), shared(APPROVE), dedupe_key="k")
        assert sent is not None
        decided = Reply(audience=Audience.PLACE, card=card(headline="Approved by mia"))
        await side.platform.update(place("U1MIA"), sent, decided)
        (message,) = side.slack.messages
        assert (message.channel, message.edits, message.buttons()) == ("D1MIA", 1, [])

    async def test_the_direct_conversation_is_looked_up_once(self, side: SlackSide) -> None:
        for _ in range(2):
            assert await side.platform.direct_place(identity("U1JOHN")) == place("D1JOHN")
        assert len(side.slack.called("conversations.open")) == 1

    async def test_links_are_never_unfolded(self, side: SlackSide) -> None:
        await posted(side, place("D1MIA"), personal())
        (call,) = side.slack.called("chat.postMessage")
        assert (call["unfurl_links"], call["unfurl_media"]) == (False, False)

    @pytest.mark.parametrize(
        ("status", "error", "seconds"), [(429, "ratelimited", 30.0), (503, "service_unavailable", 30.0)]
    )
    async def test_slack_may_ask_us_to_wait(self, side: SlackSide, status: int, error: str, seconds: float) -> None:
        side.slack.fail_next("chat.postMessage", status, {"ok": False, "error": error}, **{"retry-after": "30"})
        with pytest.raises(PlatformUnavailable) as caught:
            await posted(side, place("D1MIA"), personal())
        assert caught.value.retry_after_seconds == seconds
        assert len(side.slack.calls) == 1

    async def test_a_refusal_is_for_good(self, side: SlackSide) -> None:
        with pytest.raises(PlatformRefused, match="message_not_found"):
            await side.platform.update(place("D1MIA"), "D1MIA:1.1", personal())

    async def test_slack_away_is_unavailable(self) -> None:
        platform = SlackPlatform(OneToken(Secret("xoxb-made-up-for-tests")), WebApi("http://127.0.0.1:9/api/"))
        with pytest.raises(PlatformUnavailable):
            await platform.whoami()
        await platform.close()

    async def test_the_token_is_not_carried_to_where_a_redirect_points(self, side: SlackSide) -> None:
        side.slack.fail_next("auth.test", 307, location=f"{side.slack.api_base_url}users.info")
        with pytest.raises(PlatformUnavailable):
            await side.platform.whoami()
        assert [method for method, _ in side.slack.calls] == ["auth.test"]

    async def test_the_largest_card_and_dialog_are_within_slacks_limits(self, side: SlackSide) -> None:
        long = "x" * 10_000
        big = Card(
            headline=long,
            body=long,
            facts=tuple(Fact(label=long, value=long) for _ in range(400)),
            quotes=tuple(Quote(author=long, text=long) for _ in range(40)),
            actions=tuple(Action(label=long, handle=f"h{n}") for n in range(40)),
            status=Status.WAITING,
            quiet=long,
        )
        message = await posted(side, place("D1MIA"), Reply(audience=Audience.PERSON, card=big))
        assert len(message.buttons()) == 25
        empty = Card(headline="", facts=(Fact(label="", value=""),), quotes=(Quote(author="", text=""),))
        await posted(side, place("D1MIA"), Reply(audience=Audience.PERSON, card=empty))
        dialog = Dialog(
            handle="h",
            title=long,
            submit=long,
            body=long,
            signed=tuple(Fact(label=long, value=long) for _ in range(100)),
            fields=(DialogField(name="a", label=long, hint=long, error=long),),
            links=(OPEN_PAGE,),
        )
        await side.platform.open_dialog(side.slack.trigger("U1MIA"), dialog)
        assert len(side.slack.views) == 1

    async def test_a_trigger_works_once_and_for_three_seconds(self, side: SlackSide, clock: FixedClock) -> None:
        once, late = side.slack.trigger("U1MIA"), side.slack.trigger("U1MIA")
        await side.platform.open_dialog(once, CODE_DIALOG)
        with pytest.raises(PlatformRefused, match="exchanged_trigger_id"):
            await side.platform.open_dialog(once, CODE_DIALOG)
        clock.advance(timedelta(seconds=4))
        with pytest.raises(PlatformRefused, match="expired_trigger_id"):
            await side.platform.open_dialog(late, CODE_DIALOG)


async def test_what_a_killed_process_posted_is_not_posted_again(side: SlackSide) -> None:
    """Slack does not deduplicate: the one who takes over asks it first, in the conversations it may read."""
    side.slack.join("U1MIA")
    for thread in ("", "1.2"):
        here = place(side.slack.direct("U1MIA"), thread)
        first = await side.platform.post(here, identity("U1MIA"), shared(APPROVE), dedupe_key=f"k{thread}")
        await side.platform.post(here, identity("U1MIA"), shared(), dedupe_key=f"another{thread}")
        count = len(side.slack.messages)
        again = await side.platform.post(
            here, identity("U1MIA"), shared(APPROVE), dedupe_key=f"k{thread}", repeated=True
        )
        assert (again, len(side.slack.messages)) == (first, count)
        other = await side.platform.post(here, identity("U1MIA"), shared(), dedupe_key=f"lost{thread}", repeated=True)
        assert (other, len(side.slack.messages)) != (first, count)
        assert len(side.slack.messages) == count + 1
