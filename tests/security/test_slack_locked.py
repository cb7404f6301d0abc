"""Another process holds the database for two seconds: Slack is answered in time, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.reply_limits import REPLY_LIMITS
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import WAYS
from tests.fakes.slack_server import FakeSlack
from tests.functional.test_slack_end_to_end import ASKED, PEOPLE, Doorward, doorward

HELD_SECONDS = 2
SLACK_SECONDS = 3
"""What Slack waits: a busy machine must not make these tests red, and ours is less than a third of it."""


@pytest.fixture(params=WAYS)
async def door(request: pytest.FixtureRequest, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        async with doorward(slack, tmp_path, clock, way=request.param, replies=REPLY_LIMITS) as running:
            await running.here.sign_in("john")
            yield running


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """A backup, or a shell, holds the database."""
    with closing(sqlite3.connect(folder / "world.db", isolation_level=None)) as raw:
        raw.execute("BEGIN IMMEDIATE")
        yield
        raw.execute("ROLLBACK")


async def finished(door: Doorward) -> list[str]:
    return [record.event.action for record in await door.here.audit(type_prefix="effect.finished")]


async def later(door: Doorward) -> None:
    """Whatever anybody left behind is taken up."""
    door.here.clock.advance(timedelta(minutes=2))
    await door.here.core.ingress.take_over()
    await door.here.core.delivery.take_over()
    await door.settled()


async def timed(sent: Any) -> Any:
    """The answer, in time."""
    began = time.monotonic()
    answer = await sent
    assert time.monotonic() - began < SLACK_SECONDS
    return answer


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
        assert await finished(door) == []
        for _ in range(3):
            assert (await door.send(payload)).status_code == 200
        await later(door)
        assert await finished(door) == ["ViewLeaveBalance"]
        assert len(door.slack.messages) == 1

    async def test_a_command_is_told_to_come_again_and_is_not_done_later(self, door: Doorward, tmp_path: Path) -> None:
        with held(tmp_path):
            answer = await timed(door.slack.send(door.client, door.slack.command("U1JOHN", "whoami")))
        assert (answer.status_code, answer.json()["text"]) == (200, "Busy, press again.")
        await later(door)
        assert await finished(door) == []
        assert (await door.send(door.slack.command("U1JOHN", "whoami"))).status_code == 200
        assert await finished(door) == ["WhoAmI"]

    async def test_a_press_is_told_to_come_again_and_counts_once(self, door: Doorward, tmp_path: Path) -> None:
        await door.type("john", "I'd like to take 21 to 23 December off")
        card = door.last("john")
        with held(tmp_path):
            press = door.slack.press("U1JOHN", card, "Send request")
            assert (await timed(door.slack.send(door.client, press))).status_code == 200
        await door.settled()
        assert "Busy, press again." in door.last("john", "Busy").text
        assert "RequestLeave" not in await finished(door)
        await asyncio.gather(*(door.send(door.slack.press("U1JOHN", card, "Send request")) for _ in range(2)))
        await later(door)
        assert (await finished(door)).count("RequestLeave") == 1
