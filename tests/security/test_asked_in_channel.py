"""Whatever can be asked is asked in a channel: others there read none of it, nor is anything confidential in it."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.slack_server import FakeSlack
from tests.functional.test_slack_end_to_end import PEOPLE, doorward
from tests.security.test_wire_canaries import CANARIES, plant

IBAN = "DE89370400440532013000"
ASKED = (
    "my payslip", "my benefits", "balance", "my leaves", "who is away", "waiting", "whoami", "sessions", "factors",
    "my data", "help", "health", "roles list", "sick leave on 21 December", "my bank account",
    f"change my bank account to {IBAN}", "sign out everywhere", "lock john", "payslip of john", "benefits of john",
    "leaves show 1", "refuse 1 because canary-words", "leaves ask 1 canary-words", "sign-in", "123456",
)  # fmt: skip


@pytest.mark.requirement("92")
async def test_what_is_asked_in_a_channel_is_answered_to_the_person_alone(tmp_path: Path, clock: FixedClock) -> None:
    async with FakeSlack(now=clock).running() as slack:
        for account in PEOPLE.values():
            slack.join(account)
        for channel in ("C1HR", "C2ALL"):
            slack.channel(channel, *PEOPLE.values())
        async with doorward(slack, tmp_path, clock) as door:
            await plant(door.here.backend)
            await door.here.sign_in("mia")
            await door.here.enrol("mia")
            for number, text in enumerate(ASKED):
                clock.advance(timedelta(seconds=2))
                asked = slack.mentioned("U1MIA", "C2ALL", text, **({"thread_ts": "1.5"} if number % 2 else {}))
                assert (await door.send(asked)).status_code == 200
                assert (await door.send(slack.command("U1MIA", text, channel="C2ALL"))).status_code == 200
            answered = [message for message in slack.messages if message.channel == "C2ALL"]
            assert len(answered) >= 2 * len(ASKED) - 4, "each was answered where it was asked"
            assert {message.ephemeral_for for message in answered} == {"U1MIA"}
            assert door.seen("john") == []
            views = [view.content for view in slack.views.values()]
            sent = json.dumps([slack.calls, views], ensure_ascii=False, default=str)
            assert [canary for canary in (*CANARIES, IBAN, "canary-words") if canary in sent] == []
