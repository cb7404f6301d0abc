"""Teams before the whole core: each refusal is written down, a flood is one person's, a held database loses nothing."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.teams.endpoint import PATH
from bot.domain.reply_limits import REPLY_LIMITS
from tests.fakes.clock import FixedClock
from tests.fakes.teams_server import FOREIGN_TENANT, GUEST, JOHN, MIA, Activity, Conversation, FakeTeams
from tests.functional.test_teams_end_to_end import ASKED, Doorward, doorward, said
from tests.security.held import HELD_SECONDS, finished, held, later, timed

BUSY = "Busy, press again."


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    with FakeTeams(now=clock).running() as teams:
        for person in (JOHN, MIA, GUEST):
            teams.personal(person)
        async with doorward(teams, tmp_path, clock, replies=REPLY_LIMITS) as running:
            await running.here.sign_in("john")
            yield running


def typed(door: Doorward, **changes: Any) -> Activity:
    return door.teams.typed(JOHN, door.teams.personal(JOHN), ASKED) | changes


REFUSED: dict[str, tuple[int, str, Callable[[Doorward], tuple[bytes, str]]]] = {
    "no token": (401, "ingress.not_proven", lambda door: (_body(typed(door)), "")),
    "a forged token": (
        401,
        "ingress.not_proven",
        lambda door: (_body(typed(door)), door.teams.token()[:-40] + "A" * 40),
    ),
    "another audience": (401, "ingress.not_proven", lambda door: (_body(typed(door)), door.teams.token(aud="other"))),
    "an expired token": (401, "ingress.not_proven", lambda door: (_body(typed(door)), door.teams.token(exp=1))),
    "another channel": (
        403,
        "ingress.channel",
        lambda door: (_body(typed(door, channelId="webchat")), door.teams.token()),
    ),
    "another service address": (
        403,
        "ingress.service_url",
        lambda door: (_body(typed(door, serviceUrl="https://evil.example/")), door.teams.token()),
    ),
    "another tenant": (
        403,
        "ingress.foreign",
        lambda door: (
            _body(typed(door, channelData={"tenant": {"id": FOREIGN_TENANT}}, conversation={"id": "a:1"})),
            door.teams.token(),
        ),
    ),
    "a guest": (
        403,
        "ingress.not_a_member",
        lambda door: (_body(door.teams.typed(GUEST, door.teams.personal(GUEST), ASKED)), door.teams.token()),
    ),
    "no directory account": (
        403,
        "ingress.no_account",
        lambda door: (_body(typed(door, **{"from": {"id": JOHN.account}})), door.teams.token()),
    ),
    "no JSON": (400, "ingress.malformed", lambda door: (b"{", door.teams.token())),
    "too deep": (400, "ingress.malformed", lambda door: (b"[" * 5000 + b"]" * 5000, door.teams.token())),
    "too large": (413, "ingress.too_large", lambda door: (b"x" * 300_000, door.teams.token())),
}


def _body(activity: Activity) -> bytes:
    return json.dumps(activity).encode()


@pytest.mark.requirement("8")
async def test_every_refusal_is_a_4xx_runs_nothing_and_is_written_down(door: Doorward) -> None:
    written: list[str] = []
    for name, (status, code, forge) in REFUSED.items():
        body, token = forge(door)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        answer = await door.client.post(PATH, content=body, headers=headers)
        assert answer.status_code == status, name
        written.append(code)
        records = await door.here.audit(type_prefix="ingress.rejected")
        assert sorted(record.event.code for record in records) == sorted(written), name
        assert {(record.event.decision, record.event.channel) for record in records} == {("deny", "teams")}
    await door.here.core.ingress.drain(10)
    assert await finished(door.here) == []
    assert door.posted(JOHN) == []


@pytest.mark.requirement("15")
async def test_one_persons_flood_is_told_so_and_nobody_else_notices(door: Doorward) -> None:
    await door.here.sign_in("mia")
    for _ in range(70):
        assert (await door.deliver(typed(door))).status_code == 200
    await door.here.core.ingress.drain(30)
    limited = await door.here.audit(type_prefix="message.throttled")
    assert limited
    assert len(await finished(door.here)) + len(limited) == 70
    assert {record.event.channel for record in limited} == {f"teams:{JOHN.tenant}:{JOHN.oid}"}
    assert len(door.posted(JOHN)) == len(await finished(door.here)) + 1, "a flood makes no flood of answers"
    assert "18 days" in await door.type(MIA, ASKED)


@pytest.mark.requirement("6")
class TestLocked:
    def test_the_answer_leaves_within_a_second(self) -> None:
        assert max(REPLY_LIMITS.durable, REPLY_LIMITS.answered) < 1

    async def test_a_message_is_asked_for_again_until_it_is_durable_and_done_once(
        self, door: Doorward, tmp_path: Path
    ) -> None:
        activity, began = typed(door), time.monotonic()
        with held(tmp_path):
            while time.monotonic() - began < HELD_SECONDS:
                assert (await timed(door.deliver(activity))).status_code == 503
        assert await finished(door.here) == []
        for _ in range(3):
            assert (await door.send(activity)).status_code == 200
        await later(door.here)
        assert await finished(door.here) == ["ViewLeaveBalance"]
        assert len(door.posted(JOHN)) == 1

    async def test_a_press_is_told_to_come_again_and_counts_once(self, door: Doorward, tmp_path: Path) -> None:
        await door.type(JOHN, "I'd like to take 21 to 23 December off")
        room = door.teams.personal(JOHN)
        with held(tmp_path):
            answer = await timed(door.deliver(door.teams.pressed(JOHN, room, "Send request")))
            assert (answer.status_code, answer.json()["value"]) == (200, BUSY)
        await door.here.core.ingress.drain(10)
        assert "RequestLeave" not in await finished(door.here)
        press = door.teams.pressed(JOHN, room, "Send request")
        for _ in range(2):
            assert (await door.send(press)).status_code == 200
        await later(door.here)
        assert (await finished(door.here)).count("RequestLeave") == 1
        assert "waits for Mia" in said(door.posted(JOHN)[-1])

    async def test_a_dialog_that_does_not_open_says_so_and_opens_when_pressed_again(
        self, door: Doorward, tmp_path: Path
    ) -> None:
        room = await asked_of_mia(door)
        press = door.teams.pressed(MIA, room, "Approve…")
        with held(tmp_path):
            answer = await timed(door.deliver(press))
        assert (answer.status_code, answer.json()["task"]["value"]) == (200, BUSY)
        answer = await door.send(door.teams.pressed(MIA, room, "Approve…"))
        assert "21 December" in json.dumps(answer.json()["task"]["value"]["card"])

    async def test_a_code_is_asked_for_again_not_counted_and_good_once(self, door: Doorward, tmp_path: Path) -> None:
        room = await asked_of_mia(door)
        card = (await door.send(door.teams.pressed(MIA, room, "Approve…"))).json()["task"]["value"]["card"]["content"]
        code = door.here.code("mia")
        with held(tmp_path):
            answer = await timed(door.deliver(door.teams.submitted(MIA, room, card, code=code)))
        assert BUSY in json.dumps(answer.json()["task"]["value"]["card"])
        assert "ApproveLeave" not in await finished(door.here)
        for _ in range(2):
            assert (await door.send(door.teams.submitted(MIA, room, card, code=code))).status_code == 200
        await later(door.here)
        assert (await finished(door.here)).count("ApproveLeave") == 1


async def asked_of_mia(door: Doorward) -> Conversation:
    """John's request waits for Mia, who has an authenticator."""
    await door.here.sign_in("mia")
    await door.here.enrol("mia")
    await door.type(JOHN, "I'd like to take 21 to 23 December off")
    await door.press(JOHN, "Send request")
    return door.teams.personal(MIA)
