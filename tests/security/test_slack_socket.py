"""Attacks and accidents on Socket Mode: what HTTP refuses is not acknowledged here, runs nothing and is noted."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from adapters.slack.app import SlackApp
from adapters.slack.guard import MAX_BODY_BYTES
from adapters.slack.socket import SocketMode, is_slacks
from bot.domain.reply_limits import REPLY_LIMITS
from bot.domain.secret import Secret
from bot.errors import Misconfigured, StorageUnavailable
from tests.fakes.clock import FixedClock
from tests.fakes.recording_ingress import RecordingIngress
from tests.fakes.slack_app import config, one_workspace
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_socket import Json
from tests.fakes.slack_workspace import APP_TOKEN, BOT_USER


@dataclass
class Line:
    """Slack, the connections, and the core behind them."""

    slack: FakeSlack
    ingress: RecordingIngress
    handled: asyncio.Queue[bool]
    waited: list[float]

    async def put(self, frame: Json | str, *, on: int = 0) -> bool:
        """Send a frame; whether it was acknowledged."""
        answer = await self.slack.socket.put(frame, on=on)
        async with asyncio.timeout(3):
            acknowledged = await self.handled.get()
            if acknowledged:
                await answer
        return acknowledged

    def typed(self, **envelope: Any) -> Json:
        """Somebody's message in its envelope."""
        return self.slack.socket.envelope(self.slack.typed("U1JOHN", "hello"), **envelope)

    def refused(self, code: str) -> None:
        """Nothing ran, and it is noted why."""
        assert self.ingress.untouched
        assert self.ingress.rejections == [code]


@asynccontextmanager
async def connected(clock: FixedClock, *, connections: int = 1, **changes: Any) -> AsyncIterator[Line]:
    ingress, waited = RecordingIngress(), []

    async def pause(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    async with FakeSlack(now=clock).running() as slack:
        slack.join("U1JOHN")
        settings = replace(config(slack, **changes), app_token=Secret(APP_TOKEN), signing_secrets=())
        platform = one_workspace(settings)
        app = SlackApp(settings, ingress=ingress, platform=platform, clock=clock)
        line = Line(slack, ingress, asyncio.Queue(), waited)
        socket = SocketMode(
            settings, app, ingress, connections=connections, pause=pause, handled=line.handled.put_nowait
        )
        socket.start()
        try:
            await slack.socket.connected(connections)
            yield line
        finally:
            await socket.stop()
            await platform.close()


@pytest.fixture
async def line(clock: FixedClock) -> AsyncIterator[Line]:
    async with connected(clock) as made:
        yield made


@pytest.mark.requirement("3", "4")
class TestRepeats:
    async def test_a_frame_delivered_again_on_another_connection_is_one_event(self, clock: FixedClock) -> None:
        async with connected(clock, connections=2) as line:
            payload = line.slack.typed("U1JOHN", "hello")
            for attempt in range(4):
                envelope = line.slack.socket.envelope(payload, retry_attempt=attempt, retry_reason="timeout")
                assert await line.put(envelope, on=attempt % 2)
            assert (len(line.ingress.accepted), line.ingress.deliveries) == (1, 4)
            assert line.slack.socket.unknown_acks == []

    async def test_it_is_acknowledged_only_once_it_is_durable(self, line: Line) -> None:
        line.ingress.failure = StorageUnavailable()
        payload = line.slack.typed("U1JOHN", "hello")
        assert not await line.put(line.slack.socket.envelope(payload))
        line.ingress.failure = None
        assert await line.put(line.slack.socket.envelope(payload, retry_attempt=1))
        assert len(line.ingress.accepted) == 1


@pytest.mark.requirement("5")
class TestForeign:
    @pytest.mark.parametrize(
        "change",
        [
            {"team_id": "TFOREIGN", "authorizations": []},
            {"authorizations": [{"team_id": "TFOREIGN", "user_id": BOT_USER}]},
            {"api_app_id": "AOTHER"},
            {"api_app_id": None},
        ],
    )
    async def test_foreign_workspaces_and_apps(self, line: Line, change: Json) -> None:
        assert not await line.put(line.slack.socket.envelope(line.slack.typed("U1JOHN", "hello") | change))
        line.refused("ingress.foreign")

    async def test_commands_of_foreign_workspaces(self, line: Line) -> None:
        command = line.slack.command("U1JOHN", "whoami", team_id="TFOREIGN")
        assert not await line.put(line.slack.socket.envelope(command))
        line.refused("ingress.foreign")

    async def test_a_connection_of_another_app_is_not_used(self, clock: FixedClock) -> None:
        async with FakeSlack(now=clock).running() as slack:
            slack.socket.app_id = "AOTHER"
            stopped = asyncio.Event()

            async def pause(seconds: float) -> None:
                assert seconds == 60
                stopped.set()
                await asyncio.Event().wait()

            settings = replace(config(slack), app_token=Secret(APP_TOKEN))
            ingress, platform = RecordingIngress(), one_workspace(settings)
            app = SlackApp(settings, ingress=ingress, platform=platform, clock=clock)
            socket = SocketMode(settings, app, ingress, connections=1, pause=pause)
            socket.start()
            async with asyncio.timeout(3):
                await stopped.wait()
            await socket.stop()
            await platform.close()


@pytest.mark.requirement("14")
class TestForm:
    @pytest.mark.parametrize(
        "frame",
        [
            "",
            "{",
            "[]",
            "null",
            '{"type": 7}',
            '{"no": "type"}',
            '{"type": "events_api", "deep": ' + "[" * 70 + "]" * 70 + "}",
            '{"type": "events_api", "half": "\\ud83d"}',
            '{"type": "events_api"}',
            '{"type": "events_api", "envelope_id": "e", "payload": []}',
            '{"type": "events_api", "envelope_id": "", "payload": {"type": "event_callback"}}',
            '{"type": "events_api", "envelope_id": "' + "e" * 200 + '", "payload": {}}',
            '{"type": "events_api", "envelope_id": "e", "payload": {"type": "event_callback", "event": []}}',
            '{"type": "unheard_of", "envelope_id": "e", "payload": {"type": "x"}}',
        ],
    )
    async def test_nonsense_is_not_acknowledged(self, line: Line, frame: str) -> None:
        assert not await line.put(frame)
        line.refused("ingress.malformed")
        assert await line.put(line.typed()), "and the connection goes on"

    @pytest.mark.parametrize("kind", ["slash_commands", "interactive", "events_api"])
    async def test_a_payload_in_an_envelope_of_another_kind(self, line: Line, kind: str) -> None:
        payload = line.slack.command("U1JOHN", "whoami") if kind != "slash_commands" else line.slack.typed("U1", "x")
        assert not await line.put(line.slack.socket.envelope(payload, type=kind))
        line.refused("ingress.malformed")

    async def test_a_frame_over_the_limit_ends_the_connection_and_is_noted(self, line: Line) -> None:
        big = json.dumps({"type": "events_api", "fill": "x" * MAX_BODY_BYTES})
        assert not await line.put(big)
        line.refused("ingress.too_large")
        line.slack.socket.connections.clear()
        await line.slack.socket.connected()
        assert await line.put(line.typed())


@pytest.mark.requirement("13", "93")
async def test_own_messages_start_nothing_and_an_apps_is_marked(line: Line) -> None:
    own = line.slack.typed("U1JOHN", "hello", user=BOT_USER, bot_id="B0DOORWARD", app_id="A0DOORWARD")
    assert await line.put(line.slack.socket.envelope(own))
    assert line.ingress.untouched
    assert await line.put(line.slack.socket.envelope(line.slack.typed("U1JOHN", "approve", bot_id="B7OTHER")))
    assert [message.by_app for message in line.ingress.accepted] == [True]


@pytest.mark.requirement("6")
class TestAnswers:
    async def test_a_command_is_answered_in_its_acknowledgement(self, clock: FixedClock) -> None:
        async with connected(clock, replies=REPLY_LIMITS) as line:
            line.ingress.hangs = True
            answer = await line.slack.socket.put(line.slack.socket.envelope(line.slack.command("U1JOHN", "whoami")))
            async with asyncio.timeout(3):  # Slack's own limit
                payload = (await answer)["payload"]
        assert payload["text"].startswith("Busy")
        assert payload["response_type"] == "ephemeral"

    async def test_an_error_of_ours_is_not_acknowledged_and_says_nothing(
        self, line: Line, caplog: pytest.LogCaptureFixture
    ) -> None:
        line.ingress.failure = RuntimeError("c4n4ry")
        with caplog.at_level(logging.DEBUG):
            assert not await line.put(line.slack.socket.envelope(line.slack.typed("U1JOHN", "also c4n4ry")))
        assert "c4n4ry" not in caplog.text
        assert APP_TOKEN not in caplog.text


class TestConnections:
    async def test_an_announced_end_opens_the_next_before_this_one_closes(self, line: Line) -> None:
        old = line.slack.socket.connections[0]
        await line.slack.socket.announce_end("refresh_requested")
        await line.slack.socket.connected()
        assert line.slack.socket.connections[0] is not old
        envelope = line.typed()
        line.slack.socket.answers[envelope["envelope_id"]] = waiting = asyncio.get_running_loop().create_future()
        await old.send_json(envelope)
        async with asyncio.timeout(3):
            await waiting
        assert len(line.ingress.accepted) == 1, "what still came on the old one was taken"
        assert line.waited == []

    async def test_a_connection_that_breaks_is_opened_again(self, line: Line) -> None:
        for _ in range(3):
            await line.slack.socket.close()
            await line.slack.socket.connected()
        assert await line.put(line.typed())
        assert line.waited == [1.0, 1.0, 1.0], "no longer after a connection that was good"

    async def test_failures_wait_longer_each_time_and_as_slack_says(self, line: Line) -> None:
        for _ in range(2):
            line.slack.fail_next("apps.connections.open", 503)
        line.slack.fail_next("apps.connections.open", 429, None, **{"retry-after": "30"})
        await line.slack.socket.close()
        await line.slack.socket.connected()
        assert line.waited == [1.0, 2.0, 4.0, 30.0]

    async def test_socket_mode_turned_off_is_tried_again_every_minute(self, line: Line) -> None:
        await line.slack.socket.announce_end("link_disabled")
        await line.slack.socket.connected()
        assert line.waited == [60.0]

    @pytest.mark.parametrize(
        ("url", "api", "ours"),
        [
            ("wss://wss-primary.slack.com/link/?ticket=t", "https://slack.com/api/", True),
            ("wss://wss.slack-gov.com/link/", "https://slack-gov.com/api/", True),
            ("ws://wss-primary.slack.com/", "https://slack.com/api/", False),
            ("wss://wss.slack.com.evil.example/", "https://slack.com/api/", False),
            ("wss://evilslack.com/", "https://slack.com/api/", False),
            ("wss://wss.slack.com:8443/", "https://slack.com/api/", False),
            ("ws://127.0.0.1:9/", "https://slack.com/api/", False),
            ("", "https://slack.com/api/", False),
            ("ws://127.0.0.1:9/link/", "http://127.0.0.1:9/api/", True),
            ("ws://127.0.0.1:10/link/", "http://127.0.0.1:9/api/", False),
            ("wss://wss-primary.slack.com/", "http://127.0.0.1:9/api/", False),
        ],
    )
    def test_a_connection_goes_to_slack_only(self, url: str, api: str, ours: bool) -> None:
        assert is_slacks(url, api) is ours

    async def test_what_is_under_way_when_we_stop_is_acknowledged(self, clock: FixedClock) -> None:
        async with connected(clock) as line:
            answer = await line.slack.socket.put(line.typed())
            async with asyncio.timeout(3):
                assert await line.handled.get()
        assert answer.done()
        assert len(line.ingress.accepted) == 1

    def test_without_a_token_there_is_none(self, clock: FixedClock) -> None:
        slack = FakeSlack(now=clock)
        settings, ingress = config(slack), RecordingIngress()
        app = SlackApp(settings, ingress=ingress, platform=one_workspace(settings), clock=clock)
        with pytest.raises(Misconfigured, match="APP_TOKEN"):
            SocketMode(settings, app, ingress)
