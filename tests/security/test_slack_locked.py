"""Another process holds the database for two seconds: Slack is answered in time, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.reply_limits import REPLY_LIMITS
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import WAYS
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import TEAM, Message, View
from tests.functional.test_slack_end_to_end import ASKED, PEOPLE, Doorward, doorward
from tests.security.held import HELD_SECONDS, finished, held, later, timed

BUSY = "Busy, press again."


@pytest.fixture(params=WAYS)
async def door(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        slack.channel("C1HR", *PEOPLE.values())
        async with doorward(slack, tmp_path, clock, way=request.param, replies=REPLY_LIMITS) as running:
            await running.here.sign_in("john")
            yield running


def dialog(door: Doorward) -> View:
    """The one that is open."""
    return [view for view in door.slack.views.values() if view.open][-1]


async def asked_of_mia(door: Doorward) -> None:
    """John's request waits for Mia, who has an authenticator."""
    await door.here.sign_in("mia")
    await door.here.enrol("mia")
    await door.type("john", "I'd like to take 21 to 23 December off")
    await door.press("john", "Send request")


@pytest.mark.requirement("6")
class TestLocked:
    def test_the_answer_leaves_within_a_second(self) -> None:
        assert max(REPLY_LIMITS.durable, REPLY_LIMITS.answered) < 1

    async def test_a_message_is_delivered_again_until_it_is_durable_and_done_once(
        self, door: Doorward, tmp_path: Path
    ) -> None:
        payload, began = door.slack.typed("U1JOHN", ASKED), time.monotonic()
        with held(tmp_path):
            while time.monotonic() - began < HELD_SECONDS:
                assert (await timed(door.slack.send(door.client, payload))).status_code == 503
        assert await finished(door.here) == []
        for _ in range(3):
            assert (await door.send(payload)).status_code == 200
        await later(door.here)
        assert await finished(door.here) == ["ViewLeaveBalance"]
        assert len(door.slack.messages) == 1

    async def test_a_command_is_told_to_come_again_and_is_not_done_later(self, door: Doorward, tmp_path: Path) -> None:
        with held(tmp_path):
            answer = await timed(door.slack.send(door.client, door.slack.command("U1JOHN", "whoami")))
        assert (answer.status_code, answer.json()["text"]) == (200, BUSY)
        await later(door.here)
        assert await finished(door.here) == []
        assert (await door.send(door.slack.command("U1JOHN", "whoami"))).status_code == 200
        assert await finished(door.here) == ["WhoAmI"]

    async def test_a_press_is_told_to_come_again_and_counts_once(self, door: Doorward, tmp_path: Path) -> None:
        await door.type("john", "I'd like to take 21 to 23 December off")
        card = door.last("john")
        with held(tmp_path):
            press = door.slack.press("U1JOHN", card, "Send request")
            assert (await timed(door.slack.send(door.client, press))).status_code == 200
        await door.settled()
        assert BUSY in door.last("john", "Busy").text
        assert "RequestLeave" not in await finished(door.here)
        await asyncio.gather(*(door.send(door.slack.press("U1JOHN", card, "Send request")) for _ in range(2)))
        await later(door.here)
        assert (await finished(door.here)).count("RequestLeave") == 1

    async def test_the_shortcut_says_so_in_our_own_conversation_and_is_not_done_later(
        self, door: Doorward, tmp_path: Path
    ) -> None:
        payload = {
            "type": "shortcut",
            "callback_id": "ask",
            "team": {"id": TEAM},
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "api_app_id": "A0DOORWARD",
        }
        with held(tmp_path):
            busy = payload | {"trigger_id": door.slack.trigger("U1JOHN")}
            assert (await timed(door.slack.send(door.client, busy))).status_code == 200
        await later(door.here)
        await door.settled()
        assert [message.text for message in door.seen("john")] == [BUSY]
        await door.send(payload | {"trigger_id": door.slack.trigger("U1JOHN")})
        assert "Hello, John" in door.last("john").text

    async def test_a_press_that_opens_a_dialog_says_so_in_it(self, door: Doorward, tmp_path: Path) -> None:
        await asked_of_mia(door)
        with held(tmp_path):
            await timed(door.slack.send(door.client, door.slack.press(*_approve(door))))
            await door.platform.settled()
        assert BUSY in str(dialog(door).content["blocks"])
        dialog(door).open = False
        await door.press("mia", "Approve")
        assert "21 December" in str(dialog(door).content["blocks"]), "pressed again, it is the dialog"

    async def test_a_code_is_asked_for_again_not_counted_and_good_once(self, door: Doorward, tmp_path: Path) -> None:
        await asked_of_mia(door)
        await door.press("mia", "Approve")
        code = door.here.code("mia")
        with held(tmp_path):
            answer = await timed(door.slack.send(door.client, door.slack.submission(dialog(door), code=code)))
        assert (answer.status_code, answer.json()["response_action"]) == (200, "errors")
        assert list(answer.json()["errors"].values()) == [BUSY]
        assert "ApproveLeave" not in await finished(door.here)
        again = [door.slack.submission(dialog(door), code=code) for _ in range(2)]
        for payload in again:
            assert (await door.send(payload)).status_code == 200
        await later(door.here)
        assert (await finished(door.here)).count("ApproveLeave") == 1

    async def test_words_in_a_dialog_are_kept_there_and_sent_once(self, door: Doorward, tmp_path: Path) -> None:
        await asked_of_mia(door)
        await door.press("mia", "Ask for more")
        with held(tmp_path):
            answer = await timed(door.slack.send(door.client, door.slack.submission(dialog(door), text="Who covers?")))
        assert list(answer.json()["errors"].values()) == [BUSY]
        assert (await door.send(door.slack.submission(dialog(door), text="Who covers?"))).status_code == 200
        await later(door.here)
        assert (await finished(door.here)).count("AskAboutLeave") == 1


async def test_a_dialog_that_takes_long_is_not_called_busy(door: Doorward) -> None:
    await asked_of_mia(door)
    await door.press("mia", "Ask for more")
    door.here.backend.faults.hang(1.2, times=2)
    answer = await timed(door.slack.send(door.client, door.slack.submission(dialog(door), text="Who covers?")))
    assert (answer.status_code, answer.content) == (200, b""), "it is durable, so pressing again would ask twice"
    await later(door.here)
    assert (await finished(door.here)).count("AskAboutLeave") == 1


def _approve(door: Doorward) -> tuple[str, Message, str]:
    card = door.last("mia", "Leave for John")
    label = next(b["text"]["text"] for b in card.buttons() if "Approve" in b["text"]["text"])
    return "U1MIA", card, label
