"""From a signed Slack request through the real core to what stands on Slack then."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.slack.app import SlackApp
from adapters.slack.platform import SlackPlatform
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reply_limits import ReplyLimits
from bot.ports.webauthn import WebAuthn
from policy.sources import POLICIES
from storage.crypto import Keyring
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT, SETTLE_SECONDS
from tests.fakes.slack_app import Way, config, identity, one_workspace, way_in
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import TEAM, Message, View
from tests.fakes.world import World, world

PEOPLE = {"john": "U1JOHN", "mia": "U1MIA", "sarah": "U1SARAH", "raj": "U1RAJ"}
HR = Place(platform=Platform.SLACK, tenant=TEAM, conversation="C1HR", kind=PlaceKind.CHANNEL)
ASKED = "how many days of leave do I have?"


@dataclass
class Doorward:
    """One process of ours, behind its endpoint."""

    slack: FakeSlack
    here: World
    platform: SlackPlatform
    client: Any

    async def send(self, payload: dict[str, Any], **headers: str) -> httpx2.Response:
        """Send as Slack does, and let everything that follows from it happen."""
        answer: httpx2.Response = await self.slack.send(self.client, payload, **headers)
        await self.settled()
        return answer

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        await self.platform.settled()
        await self.here.core.ingress.drain(SETTLE_SECONDS)
        await self.platform.settled()

    async def type(self, name: str, text: str) -> str:
        """Somebody types to the bot; the newest thing they see then."""
        answer = await self.send(self.slack.typed(PEOPLE[name], text))
        assert answer.status_code == 200
        return self.last(name).text

    async def press(self, name: str, label: str) -> None:
        """Somebody presses a button of the last message of theirs that has it."""
        found = [(message, full) for message in self.seen(name) for full in labels(message) if label in full]
        assert found, f"{name} sees no {label!r} in {[labels(message) for message in self.seen(name)]}"
        answer = await self.send(self.slack.press(PEOPLE[name], *found[-1]))
        assert answer.status_code == 200

    def seen(self, name: str) -> list[Message]:
        return self.slack.seen_by(PEOPLE[name])

    def last(self, name: str, text: str = "") -> Message:
        found = [message for message in self.seen(name) if text in message.text]
        assert found, f"{name} sees no {text!r} in {[message.text for message in self.seen(name)]}"
        return found[-1]


def labels(message: Message) -> list[str]:
    """What stands on its buttons."""
    return [button["text"]["text"] for button in message.buttons()]


@asynccontextmanager
async def doorward(
    slack: FakeSlack,
    folder: Path,
    clock: FixedClock,
    *,
    url: str | None = None,
    keys: Keyring | None = None,
    way: Way = "http",
    replies: ReplyLimits = PATIENT,
    policies: Path = POLICIES,
    webauthn: WebAuthn | None = None,
) -> AsyncIterator[Doorward]:
    """The endpoint over the real core, on SQLite or on the database at `url`."""
    settings = config(slack, replies=replies)
    platform = one_workspace(settings)
    accounts = {name: identity(account) for name, account in PEOPLE.items()}
    async with world(
        folder,
        clock,
        url=url,
        keys=keys,
        platforms={Platform.SLACK: platform},
        accounts=accounts,
        hr=HR,
        replies=replies,
        policies=policies,
        webauthn=webauthn,
    ) as here:
        app = SlackApp(settings, ingress=here.core.ingress, platform=platform, clock=clock, start=here.core.start_page)
        try:
            async with way_in(settings, app, here.core.ingress, clock, slack, way) as client:
                yield Doorward(slack=slack, here=here, platform=platform, client=client)
        finally:
            await here.core.ingress.drain(SETTLE_SECONDS)
            await platform.close()


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        for account in PEOPLE.values():
            running.join(account)
        running.channel("C1HR", *PEOPLE.values())
        yield running


@pytest.fixture(params=["sqlite", "postgres", "socket"])
async def door(
    request: pytest.FixtureRequest, slack: FakeSlack, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[Doorward]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    way: Way = "socket" if request.param == "socket" else "http"
    async with doorward(slack, tmp_path, clock, url=url, way=way) as running:
        yield running


async def test_a_question_is_answered(door: Doorward) -> None:
    await door.here.sign_in("john")
    assert "14 days" in await door.type("john", ASKED)
    (posted,) = door.slack.messages
    assert posted.channel == door.slack.direct("U1JOHN")
    assert [(item.event.action, item.event.code) for item in await door.here.audit(type_prefix="effect.finished")] == [
        ("ViewLeaveBalance", "done")
    ]


async def test_who_is_not_linked_is_offered_sign_in_where_nobody_else_sees_it(door: Doorward) -> None:
    await door.send(door.slack.mentioned("U1JOHN", "C1HR", ASKED))
    (offer,) = door.slack.messages
    assert offer.ephemeral_for == "U1JOHN"
    assert "14" not in offer.text
    (link,) = [button["url"] for button in offer.buttons() if "url" in button]
    assert re.fullmatch(r"https://doorward\.example/signin/start\?ticket=[\w-]+", link)
    assert door.seen("mia") == []
    assert [record.event.decision for record in await door.here.audit(type_prefix="sign_in")] == ["sign_in"]


async def test_leave_is_asked_for_and_approved_with_a_code_in_a_dialog(door: Doorward) -> None:
    await door.here.sign_in("john")
    await door.here.sign_in("mia")
    await door.here.enrol("mia")

    assert "Monday, 21 December 2026" in await door.type("john", "I'd like to take 21 to 23 December off")
    await door.press("john", "Send request")
    card = door.last("mia", "Leave for John")
    assert ["Approve" in label for label in labels(card)][:2] == [True, False]

    await door.press("mia", "Approve")
    (dialog,) = door.slack.views.values()
    assert "21 December" in str(dialog.content["blocks"])
    assert [block["block_id"] for block in dialog.content["blocks"] if block["type"] == "input"] == ["code.code"]

    await _refused_with_a_wrong_code(door, dialog)
    code = door.here.code("mia")
    answer = await door.send(door.slack.submission(dialog, code=code))
    assert (answer.status_code, dialog.open) == (200, False)
    assert "Approved by Mia" in card.text
    assert card.buttons() == []
    assert "approved by Mia" in door.last("john", "Your leave").text
    assert code not in str(door.slack.calls)


async def test_the_approver_asks_for_more_and_the_requester_answers_in_dialogs(door: Doorward) -> None:
    await door.here.sign_in("john")
    await door.here.sign_in("mia")
    await door.type("john", "I'd like to take 21 to 23 December off")
    await door.press("john", "Send request")
    card, channel = (
        next(one for one in door.seen("mia") if "Leave for John" in one.text and one.channel == where)
        for where in (door.slack.direct("U1MIA"), "C1HR")
    )
    for name, button, words in (("mia", "Ask for more", "Who covers?"), ("john", "Answer", "Sue does.")):
        await door.press(name, button)
        dialog = next(view for view in door.slack.views.values() if view.open)
        assert [block["block_id"] for block in dialog.content["blocks"] if block["type"] == "input"] == ["text.text"]
        answer = await door.send(door.slack.submission(dialog, text=words))
        assert (answer.status_code, dialog.open) == (200, False)
    assert "Who covers?" in door.last("john", "asks about your leave").text
    assert ["Who covers?" in card.text, "Sue does." in card.text] == [True, True]
    assert "Sue does." in door.last("mia", "answered about").text
    assert "Approve…" in labels(card)
    assert ["Who covers?" in channel.text, "Sue does." in channel.text] == [False, False]


@pytest.mark.requirement("37")
async def test_a_code_typed_to_the_bot_is_refused_with_one_sentence_and_goes_nowhere(door: Doorward) -> None:
    await door.here.sign_in("mia")
    await door.here.enrol("mia")
    code = door.here.code("mia")
    told = {await door.type("mia", text) for text in (code, f"{code[:3]} {code[3:]}", f"my code is {code}")}
    await door.send(door.slack.mentioned("U1MIA", "C1HR", code))
    assert len(told) == 1
    assert "Please don't type codes here" in told.pop()
    # What she typed stays where Slack has it: a bot's token deletes the bot's own messages alone.
    assert code not in str(door.slack.calls)
    [authenticator] = await door.here.database.read(lambda tx: tx.authenticators.of_identity(door.here.identity("mia")))
    assert authenticator.failures == 0
    assert not await door.here.audit(type_prefix="proof.")


async def _refused_with_a_wrong_code(door: Doorward, dialog: View) -> None:
    answer = await door.send(door.slack.submission(dialog, code="000000"))
    assert (answer.status_code, answer.json()["response_action"], dialog.open) == (200, "errors", True)
    assert door.last("mia", "Leave for John").buttons()


async def test_nobody_decides_on_their_own_request_and_the_card_stays(door: Doorward) -> None:
    await door.here.sign_in("john")
    await door.type("john", "I'd like to take 21 to 23 December off")
    await door.press("john", "Send request")
    # Nobody who decides is linked, so the card stands in HR's channel, where he sees it too.
    await door.press("john", "Approve")
    (dialog,) = door.slack.views.values()
    # Slack's titles hold 24 characters; the reason is longer.
    assert "Nobody decides on their own request" in str(dialog.content["blocks"])
    assert [block for block in dialog.content["blocks"] if block["type"] == "input"] == []
    assert [item.event.code for item in await door.here.audit(decision="deny")] == ["deny.own_request"]


async def test_a_forged_request_is_refused_written_down_and_stored_nowhere(
    slack: FakeSlack, tmp_path: Path, clock: FixedClock
) -> None:
    async with doorward(slack, tmp_path, clock) as door:
        await door.here.sign_in("john")
        forged = "v0=" + hashlib.sha256(b"a guess").hexdigest()
        answer = await door.send(slack.typed("U1JOHN", ASKED), **{"x-slack-signature": forged})
        assert answer.status_code == 401
        assert _inbox_rows(tmp_path) == 0
        assert slack.messages == []
        (rejected,) = await door.here.audit(type_prefix="ingress.rejected")
        assert (rejected.event.decision, rejected.event.channel) == ("deny", "slack")
        assert await door.here.audit(type_prefix="effect") == []

        await door.type("john", ASKED)
        assert _inbox_rows(tmp_path) == 1, "the same message, signed, does come in"


def _inbox_rows(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "world.db")) as connection:
        (rows,) = connection.execute("SELECT count(*) FROM inbox").fetchone()
    return int(rows)


async def test_an_event_delivered_again_later_is_acknowledged_and_done_once(door: Doorward) -> None:
    await door.here.sign_in("john")
    payload = door.slack.typed("U1JOHN", ASKED)
    for number in range(4):
        retry = {"x-slack-retry-num": str(number), "x-slack-retry-reason": "http_timeout"} if number else {}
        assert (await door.send(payload, **retry)).status_code == 200
        door.here.clock.advance(timedelta(minutes=1))
    assert len(door.slack.messages) == 1
    assert len(await door.here.audit(type_prefix="effect.finished")) == 1


@pytest.mark.parametrize("window", ["message", "press"])
async def test_twenty_deliveries_at_once_on_two_replicas_have_one_effect_and_one_reply(
    window: str, slack: FakeSlack, tmp_path: Path, clock: FixedClock, postgres_url: str
) -> None:
    keys = Keyring.generate()
    async with (
        doorward(slack, tmp_path, clock, url=postgres_url, keys=keys) as one,
        doorward(slack, tmp_path, clock, url=postgres_url, keys=keys) as other,
    ):
        await one.here.sign_in("john")
        payload = await _event(window, one)
        before = len(slack.messages)
        finished = len(await one.here.audit(type_prefix="effect.finished"))
        answers = await asyncio.gather(
            *(slack.send((one, other)[number % 2].client, payload, **_retry(number)) for number in range(20))
        )
        assert [answer.status_code for answer in answers] == [200] * 20
        for replica in (one, other):
            await replica.settled()
        # A reply to a press takes the card's place; its other copies go to whoever decides.
        replies = [message for message in slack.messages[before:] if message in one.seen("john")]
        edits = sum(message.edits for message in slack.messages[:before])
        assert len(await one.here.audit(type_prefix="effect.finished")) == finished + 1
        assert (len(replies), edits) == ((1, 0) if window == "message" else (1, 1))


async def _event(window: str, door: Doorward) -> dict[str, Any]:
    if window == "message":
        return door.slack.typed("U1JOHN", ASKED)
    await door.type("john", "I'd like to take 21 to 23 December off")
    return door.slack.press("U1JOHN", door.last("john"), "Send request")


def _retry(number: int) -> Mapping[str, str]:
    return {"x-slack-retry-num": str(number % 4)} if number else {}
