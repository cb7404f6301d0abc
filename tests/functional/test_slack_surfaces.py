"""What a person sees on Slack before they say anything, and what those see who may say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.cards import Audience, Card, Reply
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.services.throttling import STARTS
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import PHRASES, WAYS, SlackSide, identity, slack_side
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import TEAM
from tests.functional.test_slack_end_to_end import PEOPLE, Doorward, doorward


@pytest.fixture(params=WAYS)
async def side(request: pytest.FixtureRequest, clock: FixedClock) -> AsyncIterator[SlackSide]:
    async with slack_side(clock, request.param) as running:
        running.slack.join("U1JOHN")
        running.slack.channel("C1HR", "U1JOHN")
        yield running


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        async with doorward(slack, tmp_path, clock) as running:
            yield running


def opened(slack: FakeSlack, tab: str, account: str = "U1JOHN") -> dict[str, Any]:
    return slack.event({"type": "app_home_opened", "user": account, "channel": slack.direct(account), "tab": tab})


def in_thread() -> Place:
    return Place(platform=Platform.SLACK, tenant=TEAM, conversation="D1JOHN", kind=PlaceKind.DIRECT, thread="1.1")


def home(slack: FakeSlack, account: str = "U1JOHN") -> str:
    return str(slack.homes[account]["blocks"])


async def test_an_empty_conversation_suggests_what_to_say(side: SlackSide) -> None:
    assert (await side.send(opened(side.slack, "messages"))).status_code == 200
    prompts = side.slack.prompts["D1JOHN"]
    assert [(each["title"], each["message"]) for each in prompts["prompts"]] == list(PHRASES.prompts)
    assert side.ingress.untouched


async def test_the_older_assistant_view_names_its_thread(side: SlackSide) -> None:
    side.slack.agent = False
    thread = {"user_id": "U1JOHN", "channel_id": "D1JOHN", "thread_ts": "1.1", "context": {}}
    await side.send(side.slack.event({"type": "assistant_thread_started", "assistant_thread": thread}))
    assert side.slack.prompts["D1JOHN"]["thread_ts"] == "1.1"


async def test_suggestions_wait_when_slack_asks_for_it(side: SlackSide) -> None:
    side.slack.fail_next("assistant.threads.setSuggestedPrompts", 429, None, **{"retry-after": "0"})
    assert (await side.send(opened(side.slack, "messages"))).status_code == 200
    assert len(side.slack.called("assistant.threads.setSuggestedPrompts")) == 2
    assert "D1JOHN" in side.slack.prompts


async def test_a_thread_of_the_assistant_shows_that_it_is_at_work(side: SlackSide) -> None:
    await side.send(side.slack.typed("U1JOHN", "hello", thread_ts="1.1"))
    (status,) = side.slack.called("assistant.threads.setStatus")
    assert (status["channel_id"], status["thread_ts"], status["status"]) == ("D1JOHN", "1.1", PHRASES.working)
    await side.send(side.slack.typed("U1JOHN", "an app's", thread_ts="1.1", bot_id="B7OTHER"))
    await side.send(side.slack.typed("U1JOHN", "in no thread"))
    assert len(side.slack.called("assistant.threads.setStatus")) == 1


async def test_that_it_is_at_work_ends_with_the_answer_and_does_not_come_back(door: Doorward) -> None:
    slack, asked = door.slack, door.slack.typed(PEOPLE["john"], "hello", thread_ts="1.1")
    for _ in range(3):  # Slack delivers again what it thinks was not acknowledged
        await door.send(asked)
    assert len(slack.called("assistant.threads.setStatus")) == 1
    assert [message.thread_ts for message in slack.seen_by(PEOPLE["john"])] == ["1.1"]
    assert slack.statuses == {}, "nothing stands under the answer"


async def test_a_status_that_takes_its_time_does_not_end_up_under_the_answer(side: SlackSide) -> None:
    place = in_thread()
    shown = side.platform.about_to_say_working(place)
    reply = Reply(audience=Audience.PERSON, card=Card(headline="The answer."))
    posting = asyncio.create_task(side.platform.post(place, identity("U1JOHN"), reply, dedupe_key="1"))
    await asyncio.sleep(0)
    await side.platform.say_working(place, PHRASES.working, shown)
    await posting
    assert side.slack.statuses == {}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "assistant_thread_started"},
        {"type": "assistant_thread_started", "assistant_thread": 7},
        {"type": "app_home_opened", "user": "U1JOHN", "channel": "C1HR", "tab": "messages"},
        {"type": "app_home_opened", "user": "U1JOHN", "tab": "another"},
        {"type": "assistant_thread_context_changed", "assistant_thread": {}},
    ],
)
async def test_what_cannot_be_filled_in_is_acknowledged(side: SlackSide, event: dict[str, Any]) -> None:
    assert (await side.send(side.slack.event(event))).status_code == 200
    assert (side.slack.homes, side.slack.prompts, side.ingress.untouched) == ({}, {}, True)


@pytest.mark.requirement("5")
class TestWhoIsNotOurs:
    @pytest.mark.parametrize(
        "profile",
        [
            {"is_restricted": True},
            {"is_ultra_restricted": True},
            {"is_stranger": True},
            {"deleted": True},
            {"is_email_confirmed": False},
            {"team_id": "TFOREIGN"},
        ],
    )
    async def test_each_is_told_however_they_ask(self, side: SlackSide, profile: dict[str, Any]) -> None:
        side.slack.join("U3GUEST", **profile)
        await side.send(side.slack.typed("U3GUEST", "my payslip"))
        assert [message.text for message in side.slack.seen_by("U3GUEST")] == [PHRASES.not_for_you]
        answer = await side.send(side.slack.command("U3GUEST", "my payslip"))
        assert (answer.json()["response_type"], answer.json()["text"]) == ("ephemeral", PHRASES.not_for_you)
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.not_a_member"] * 2

    async def test_a_guest_is_told_once_an_hour(self, side: SlackSide, clock: FixedClock) -> None:
        side.slack.join("U3GUEST", is_restricted=True)
        for _ in range(3):
            await side.send(side.slack.typed("U3GUEST", "my payslip"))
        assert [message.text for message in side.slack.seen_by("U3GUEST")] == [PHRASES.not_for_you]
        clock.advance(timedelta(hours=1))
        await side.send(side.slack.typed("U3GUEST", "my payslip"))
        assert len(side.slack.seen_by("U3GUEST")) == 2
        assert side.ingress.untouched

    async def test_somebody_of_another_company_is_told_where_only_they_see_it(self, side: SlackSide) -> None:
        side.slack.join("U3EXTERNAL")
        side.slack.channel("C1HR", "U1JOHN", "U3EXTERNAL")
        payload = side.slack.mentioned("U3EXTERNAL", "C1HR", "hello", user_team="TFOREIGN")
        await side.send(payload | {"is_ext_shared_channel": True})
        assert [message.ephemeral_for for message in side.slack.messages] == ["U3EXTERNAL"]

    async def test_a_bot_is_told_nothing(self, side: SlackSide) -> None:
        side.slack.join("U3BOT", is_bot=True)
        await side.send(side.slack.mentioned("U3BOT", "C1HR", "hello", bot_id="B7OTHER"))
        assert (side.slack.messages, side.ingress.untouched) == ([], True)

    async def test_a_guest_has_a_home_page_that_says_so(self, side: SlackSide) -> None:
        side.slack.join("U3GUEST", is_restricted=True)
        await side.send(opened(side.slack, "home", "U3GUEST"))
        assert PHRASES.not_for_you in home(side.slack, "U3GUEST")


class TestHome:
    async def test_a_replayed_opening_of_a_guest_publishes_nothing_again(self, door: Doorward) -> None:
        door.slack.join("U3GUEST", is_restricted=True)
        payload = opened(door.slack, "home", "U3GUEST")
        for _ in range(3):
            await door.send(payload)
        assert len(door.slack.called("views.publish")) == 1
        await door.send(opened(door.slack, "home", "U3GUEST"))
        assert len(door.slack.called("views.publish")) == 2

    async def test_before_sign_in_it_offers_that(self, door: Doorward) -> None:
        await door.send(opened(door.slack, "home"))
        assert "Sign in once" in home(door.slack)

    async def test_it_begins_with_what_this_person_may_do(self, door: Doorward) -> None:
        await door.here.sign_in("john")
        await door.send(opened(door.slack, "home"))
        assert "Hello, John" in home(door.slack)
        buttons = [e for block in door.slack.homes["U1JOHN"]["blocks"] for e in block.get("elements", [])]
        pressed = next(button for button in buttons if button.get("value"))
        press = {
            "type": "block_actions",
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "api_app_id": "A0DOORWARD",
            "container": {"type": "view", "view_id": "V1"},
            "trigger_id": door.slack.trigger("U1JOHN"),
            "team": {"id": TEAM},
            "actions": [{"type": "button", **{key: pressed[key] for key in ("action_id", "value")}}],
        }
        assert (await door.send(press)).status_code == 200
        assert door.slack.messages[-1].channel == "D1JOHN"
        assert await door.here.audit(decision="deny") == []

    async def test_suggestions_are_those_of_the_person(self, door: Doorward) -> None:
        await door.here.sign_in("mia")
        await door.send(opened(door.slack, "messages", "U1MIA"))
        assert len(door.slack.prompts["D1MIA"]["prompts"]) == 3


@pytest.mark.requirement("3", "15")
class TestFlood:
    async def test_a_home_that_is_opened_again_with_the_same_bytes_reads_nothing_again(self, door: Doorward) -> None:
        await door.here.sign_in("john")
        payload = opened(door.slack, "home")
        await door.send(payload)
        before = len(await door.here.audit())
        for _ in range(5):
            assert (await door.send(payload)).status_code == 200
        assert len(door.slack.called("views.publish")) == 1
        assert len(await door.here.audit()) == before

    async def test_whoever_opens_their_home_without_end_is_read_to_in_bounds(self, door: Doorward) -> None:
        await door.here.sign_in("john")
        for _ in range(STARTS.count + 5):
            await door.send(opened(door.slack, "home"))
        assert len(door.slack.called("views.publish")) == STARTS.count
        await door.send(opened(door.slack, "home", "U1MIA"))
        assert len(door.slack.called("views.publish")) == STARTS.count + 1, "and nobody else is"
