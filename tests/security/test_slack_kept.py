"""Slack before the whole core, over HTTP and Socket Mode: each refusal runs nothing and is written down.

What HTTP refuses with a 4xx is not acknowledged over Socket Mode; `SocketSender` reads that as 503.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.slack.endpoint import PATH
from adapters.slack.guard import MAX_BODY_BYTES
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import WAYS, Way
from tests.fakes.slack_server import FakeSlack, signature
from tests.fakes.slack_workspace import BOT_USER, TEAM, Message
from tests.functional.test_slack_end_to_end import ASKED, PEOPLE, Doorward, doorward
from tests.security.held import finished

Json = dict[str, Any]
JSON = "application/json"


@pytest.fixture
async def slack(clock: FixedClock) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(now=clock).running() as running:
        for account in PEOPLE.values():
            running.join(account)
        running.join("U3GUEST", is_restricted=True)
        running.channel("C1HR", *PEOPLE.values(), "U3GUEST")
        yield running


@pytest.fixture(params=WAYS)
async def door(
    request: pytest.FixtureRequest, slack: FakeSlack, tmp_path: Path, clock: FixedClock
) -> AsyncIterator[Doorward]:
    way: Way = request.param
    async with doorward(slack, tmp_path, clock, way=way) as running:
        for name in ("john", "mia"):
            await running.here.sign_in(name)
        slack.messages.clear()
        yield running


VIEW = {"id": "V1", "type": "modal", "callback_id": "dialog", "private_metadata": "h", "state": {"values": {}}}


def press(door: Doorward, **changes: Any) -> Json:
    """A press of a button nobody gave out."""
    return {
        "type": "block_actions",
        "team": {"id": TEAM},
        "user": {"id": "U1JOHN", "team_id": TEAM},
        "api_app_id": "A0DOORWARD",
        "trigger_id": door.slack.trigger("U1JOHN"),
        "channel": {"id": "D1JOHN"},
        "actions": [{"type": "button", "action_id": "press.0", "value": "h"}],
    } | changes


def submission(door: Doorward, **changes: Any) -> Json:
    """A submitted dialog that nobody opened."""
    return press(door, type="view_submission", view=VIEW) | changes


FOREIGN = "ingress.foreign"
REFUSED: dict[str, tuple[int, str, Callable[[Doorward], Json]]] = {
    "an event of a foreign workspace": (403, FOREIGN, lambda door: typed(door, team_id="TFOREIGN", authorizations=[])),
    "an event delivered for another": (
        403,
        FOREIGN,
        lambda door: typed(door, authorizations=[{"team_id": "TFOREIGN", "user_id": BOT_USER}]),
    ),
    "an event of another app": (403, FOREIGN, lambda door: typed(door, api_app_id="AOTHER")),
    "a command of a foreign workspace": (
        403,
        FOREIGN,
        lambda door: door.slack.command("U1JOHN", "whoami", team_id="TFOREIGN"),
    ),
    "a command of another app": (
        403,
        FOREIGN,
        lambda door: door.slack.command("U1JOHN", "whoami", api_app_id="AOTHER"),
    ),
    "a press of a foreign workspace": (403, FOREIGN, lambda door: press(door, team={"id": "TFOREIGN"})),
    "a dialog of a foreign workspace": (403, FOREIGN, lambda door: submission(door, team={"id": "TFOREIGN"})),
    "a shortcut of another app": (403, FOREIGN, lambda door: press(door, type="shortcut", api_app_id="AOTHER")),
    "an event without an id": (400, "ingress.malformed", lambda door: typed(door, event_id=None)),
    "a press by nobody": (400, "ingress.malformed", lambda door: press(door, user={})),
    "a dialog of another shape": (
        400,
        "ingress.malformed",
        lambda door: submission(door, view=VIEW | {"state": {"values": [7]}}),
    ),
    "too deep": (400, "ingress.malformed", lambda door: typed(door, deep=json.loads("[" * 70 + "]" * 70))),
    "too large": (413, "ingress.too_large", lambda door: typed(door, fill="x" * MAX_BODY_BYTES)),
}


def typed(door: Doorward, **changes: Any) -> Json:
    return door.slack.typed("U1JOHN", ASKED) | changes


async def codes(door: Doorward) -> list[str]:
    """What is written down of refusals at the way in, each a denial on Slack."""
    records = await door.here.audit(type_prefix="ingress.rejected")
    assert {(record.event.decision, record.event.channel) for record in records} <= {("deny", "slack")}
    return sorted(record.event.code for record in records)


@pytest.mark.requirement("5", "14", "16")
async def test_every_refusal_runs_nothing_and_is_written_down(door: Doorward, request: pytest.FixtureRequest) -> None:
    over_http, written = request.node.callspec.params["door"] == "http", []
    for name, (status, code, forge) in REFUSED.items():
        answer = await door.slack.send(door.client, forge(door))
        assert answer.status_code == (status if over_http else 503), name
        written.append(code)
        assert await codes(door) == sorted(written), name
    await door.settled()
    assert (await finished(door.here), door.slack.messages) == ([], [])


@pytest.mark.requirement("1", "2")
@pytest.mark.parametrize("door", ["http"], indirect=True)
async def test_what_is_not_signed_lately_is_refused_and_written_down(door: Doorward, clock: FixedClock) -> None:
    body = json.dumps(typed(door)).encode()
    good = door.slack.signed(body, JSON)
    stamp = good["x-slack-request-timestamp"]
    forged: list[Json] = [
        {"x-slack-signature": signature(body, stamp, "another secret")},
        {"x-slack-signature": ""},
        {"x-slack-request-timestamp": "abc", "x-slack-signature": signature(body, "abc")},
        door.slack.signed(body, JSON, at=clock.now() - timedelta(seconds=301)),
        door.slack.signed(body, JSON, at=clock.now() + timedelta(seconds=61)),
    ]
    for number, changes in enumerate(forged, 1):
        answer = await door.client.post(PATH, content=body, headers=good | changes)
        assert answer.status_code == 401
        assert await codes(door) == ["ingress.not_proven"] * number
    await door.settled()
    assert (await finished(door.here), door.slack.messages) == ([], [])


@pytest.mark.requirement("5", "13")
@pytest.mark.parametrize(
    ("account", "changes", "code"),
    [
        ("U3GUEST", {}, "ingress.not_a_member"),
        ("U1JOHN", {"user_team": "TFOREIGN"}, "ingress.external"),
        ("U9NOBODY", {}, "ingress.not_a_member"),
        ("", {"subtype": "bot_message", "bot_id": "B7OTHER"}, "ingress.not_a_person"),
    ],
)
async def test_who_is_nobody_of_ours_is_acknowledged_runs_nothing_and_is_written_down(
    door: Doorward, account: str, changes: Json, code: str
) -> None:
    answer = await door.send(door.slack.mentioned(account, "C1HR", ASKED, **changes))
    assert answer.status_code == 200
    assert await codes(door) == [code]
    assert await finished(door.here) == []


@pytest.mark.requirement("13", "93")
@pytest.mark.parametrize("mark", [{"bot_id": "B7OTHER"}, {"app_id": "A7OTHER"}, {"workflow_id": "Wf1"}])
async def test_what_an_app_posts_as_a_person_asks_them_in_our_own_conversation(door: Doorward, mark: Json) -> None:
    assert (await door.send(door.slack.mentioned("U1JOHN", "C1HR", ASKED, **mark))).status_code == 200
    (asked,) = door.slack.messages
    assert (asked.channel, await finished(door.here)) == (door.slack.direct("U1JOHN"), [])
    assert "An app wrote this under your name" in asked.text
    (record,) = await door.here.audit(type_prefix="ingress")
    assert (record.event.decision, record.event.code) == ("asked", "ingress.not_a_person")

    stolen = door.slack.press("U1JOHN", asked, "I meant this")
    await door.send(stolen | {"user": {"id": "U1MIA", "team_id": TEAM}, "trigger_id": door.slack.trigger("U1MIA")})
    assert await finished(door.here) == [], "nobody else's press counts"
    await door.press("john", "I meant this")
    assert await finished(door.here) == ["ViewLeaveBalance"]
    assert "14 days" in door.last("john").text


@pytest.mark.requirement("15")
async def test_one_persons_flood_is_told_so_and_nobody_else_notices(door: Doorward) -> None:
    for _ in range(70):
        assert (await door.slack.send(door.client, typed(door))).status_code == 200
    await door.settled()
    limited = await door.here.audit(type_prefix="message.throttled")
    assert limited
    assert len(await finished(door.here)) + len(limited) == 70
    assert {record.event.channel for record in limited} == {f"slack:{TEAM}:U1JOHN"}
    assert len(door.seen("john")) == len(await finished(door.here)) + 1, "a flood makes no flood of answers"
    door.here.clock.advance(timedelta(minutes=1))
    assert "14 days" in await door.type("john", ASKED)
    assert "18 days" in await door.type("mia", ASKED)


@pytest.mark.requirement("15")
async def test_what_is_too_much_costs_neither_a_decision_nor_a_call(door: Doorward) -> None:
    for _ in range(60):
        await door.slack.send(door.client, typed(door))
    await door.settled()
    before, posted = await door.here.audit(type_prefix="access"), len(door.slack.calls)
    for _ in range(20):
        await door.slack.send(door.client, typed(door))
    await door.settled()
    assert len(await door.here.audit(type_prefix="message.throttled")) == 20
    assert await door.here.audit(type_prefix="access") == before
    assert len(door.slack.calls) == posted + 1


@pytest.mark.requirement("16")
class TestIdentity:
    async def test_words_and_unsigned_looking_fields_name_nobody(self, door: Doorward) -> None:
        forged = {"username": "mia", "user_profile": {"id": "U1MIA"}, "blocks": [{"type": "x", "user_id": "U1MIA"}]}
        for payload in (
            door.slack.typed("U1JOHN", "whoami", **forged),
            door.slack.command("U1JOHN", "whoami", user_name="mia", user="U1MIA"),
        ):
            assert (await door.send(payload)).status_code == 200
            assert "John" in door.last("john").text
        assert door.seen("mia") == []
        records = await door.here.audit(type_prefix="effect.finished")
        assert {record.event.principal for record in records} == {door.here.identity("john").key}

    async def test_a_dialog_submitted_by_another_is_not_theirs(self, door: Doorward) -> None:
        await door.here.enrol("mia")
        await asked_of_mia(door)
        await door.press("mia", "Approve")
        view = [view for view in door.slack.views.values() if view.open][-1]
        payload = door.slack.submission(view, code=door.here.code("mia"))
        answer = await door.send(payload | {"user": {"id": "U1JOHN", "team_id": TEAM}})
        assert answer.json()["response_action"] == "errors"
        assert "ApproveLeave" not in await finished(door.here)


@pytest.mark.requirement("17")
class TestPresses:
    async def test_an_edited_handle_is_as_good_as_none_and_written_down(self, door: Doorward) -> None:
        await door.type("john", "I'd like to take 21 to 23 December off")
        good = door.slack.press("U1JOHN", door.last("john"), "Send request")
        for value in (good["actions"][0]["value"][:-1] + "~", "h", "x" * 2000):
            changed = door.slack.press("U1JOHN", door.last("john", "21 December"), "Send request")
            changed["actions"][0]["value"] = value
            assert (await door.send(changed)).status_code == 200
        assert "RequestLeave" not in await finished(door.here)
        assert [record.event.code for record in await door.here.audit(decision="deny")] == ["handle.spent"] * 3

    async def test_a_personal_button_is_nobody_elses(self, door: Doorward) -> None:
        await door.type("john", "I'd like to take 21 to 23 December off")
        stolen = door.slack.press("U1JOHN", door.last("john"), "Send request")
        await door.send(stolen | {"user": {"id": "U1MIA", "team_id": TEAM}})
        assert "RequestLeave" not in await finished(door.here)
        (denied,) = await door.here.audit(decision="deny")
        assert (denied.event.code, denied.event.channel) == ("handle.spent", f"slack:{TEAM}:U1MIA")

    async def test_a_late_press_does_nothing(self, door: Doorward) -> None:
        await door.type("john", "I'd like to take 21 to 23 December off")
        late = door.slack.press("U1JOHN", door.last("john"), "Send request")
        for _ in range(3):
            door.here.clock.advance(timedelta(minutes=21))
            await door.type("john", "whoami")
        assert (await door.send(late)).status_code == 200
        assert "RequestLeave" not in await finished(door.here)
        assert [record.event.code for record in await door.here.audit(decision="deny")] == ["handle.spent"]

    async def test_who_may_not_decide_changes_nothing_on_a_shared_card(self, door: Doorward) -> None:
        card = await asked_of_hr(door)
        await door.press("john", "Approve")
        assert card.edits == 0
        assert any("Approve" in button["text"]["text"] for button in card.buttons())
        assert [record.event.code for record in await door.here.audit(decision="deny")] == ["deny.own_request"]

    async def test_a_guest_who_sees_a_shared_card_presses_in_vain(self, door: Doorward) -> None:
        card = await asked_of_hr(door)
        label = next(b["text"]["text"] for b in card.buttons() if "Approve" in b["text"]["text"])
        assert (await door.send(door.slack.press("U3GUEST", card, label))).status_code == 200
        assert card.edits == 0
        assert await codes(door) == ["ingress.not_a_member"]
        told = door.slack.seen_by("U3GUEST")[-1]
        assert (told.ephemeral_for, told.text) == ("U3GUEST", "Not for you.")


async def asked_of_mia(door: Doorward) -> None:
    await door.type("john", "I'd like to take 21 to 23 December off")
    await door.press("john", "Send request")


async def asked_of_hr(door: Doorward) -> Message:
    """Nobody who decides is linked, so the card stands in HR's channel."""
    await door.here.database.write(lambda tx: tx.links.remove(door.here.channel("mia")))
    await asked_of_mia(door)
    return next(message for message in door.slack.messages if message.channel == "C1HR")
