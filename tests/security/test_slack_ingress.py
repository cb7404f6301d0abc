"""Attacks on the way in from Slack: each is refused with a 4xx and noted, and nothing runs."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.config import SigningSecret, SlackConfig
from adapters.slack.guard import MAX_BODY_BYTES, verify
from adapters.slack.parsing import parse
from adapters.slack.render import card_blocks, card_text
from bot.domain.cards import Action, Audience, Card, Dialog, DialogField, Fact, FieldKind, Quote, Reply
from bot.domain.messages import Place, PlaceKind
from bot.domain.reply_limits import REPLY_LIMITS
from bot.domain.secret import Secret
from bot.errors import Malformed, Misconfigured, NotProven, StorageUnavailable
from tests.fakes.clock import FixedClock
from tests.fakes.patience import PATIENT
from tests.fakes.slack_app import PHRASES, SlackSide, config, identity, slack_side
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack, signature
from tests.fakes.slack_workspace import APP, BOT_ID, BOT_USER, TEAM

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HOSTILE = "<!channel> <@U1MIA> <https://evil.example|click> &lt; *bold* :boom: javascript:alert(1)"


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[SlackSide]:
    async with slack_side(clock) as running:
        running.slack.join("U1JOHN")
        running.slack.join("U1MIA")
        running.slack.channel("C1HR", "U1JOHN", "U1MIA")
        yield running


async def raw(side: SlackSide, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    answer: httpx2.Response = await side.client.post("/slack/events", content=body, headers=headers)
    return answer


async def signed(side: SlackSide, body: bytes, content_type: str = JSON) -> httpx2.Response:
    return await raw(side, body, side.slack.signed(body, content_type))


def event(side: SlackSide) -> bytes:
    return json.dumps(side.slack.typed("U1JOHN", "hello")).encode()


def refused(side: SlackSide, answer: httpx2.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert side.ingress.untouched
    assert side.ingress.rejections == [code]
    assert answer.json() == {"error": code}


@pytest.mark.requirement("1")
class TestSignature:
    @pytest.mark.parametrize("change", ["body", "signature", "secret", "version", "upper case", "short", "twice"])
    async def test_anything_but_slacks_own_bytes_is_refused(self, side: SlackSide, change: str) -> None:
        body = event(side)
        headers = side.slack.signed(body, JSON)
        good = headers["x-slack-signature"]
        match change:
            case "body":
                body = body.replace(b"hello", b"hellp")
            case "signature":
                headers["x-slack-signature"] = good[:-1] + ("0" if good[-1] != "0" else "1")
            case "secret":
                stamp = headers["x-slack-request-timestamp"]
                headers["x-slack-signature"] = signature(body, stamp, "another")
            case "version":
                headers["x-slack-signature"] = good.replace("v0", "v1")
            case "upper case":
                headers["x-slack-signature"] = good.upper()
            case "short":
                headers["x-slack-signature"] = good[:20]
            case _:
                headers["x-slack-signature"] = f"{good}, {good}"
        refused(side, await raw(side, body, headers), 401, "ingress.not_proven")

    @pytest.mark.parametrize("name", ["x-slack-signature", "x-slack-request-timestamp"])
    async def test_each_header_is_needed(self, side: SlackSide, name: str) -> None:
        body = event(side)
        headers = side.slack.signed(body, JSON)
        del headers[name]
        refused(side, await raw(side, body, headers), 401, "ingress.not_proven")

    @pytest.mark.parametrize("name", ["x-slack-signature", "x-slack-request-timestamp"])
    async def test_a_header_given_twice_is_refused(self, side: SlackSide, name: str) -> None:
        body = event(side)
        headers = list(side.slack.signed(body, JSON).items())
        twice = [*headers, next(pair for pair in headers if pair[0] == name)]
        answer = await side.client.post("/slack/events", content=body, headers=twice)
        refused(side, answer, 401, "ingress.not_proven")

    async def test_a_signature_that_is_not_ascii_is_refused(self, side: SlackSide) -> None:
        body = event(side)
        headers = [(k.encode(), v.encode()) for k, v in side.slack.signed(body, JSON).items()]
        headers = [(k, "v0=é".encode() if k == b"x-slack-signature" else v) for k, v in headers]
        answer = await side.client.post("/slack/events", content=body, headers=headers)
        refused(side, answer, 401, "ingress.not_proven")

    async def test_an_unsigned_certificate_check_is_refused_like_anything_unsigned(self, side: SlackSide) -> None:
        answer = await raw(side, b"ssl_check=1&token=t", {"content-type": FORM})
        refused(side, answer, 401, "ingress.not_proven")
        assert (await signed(side, b"ssl_check=1&token=t", FORM)).status_code == 200
        assert side.ingress.untouched

    async def test_an_unsigned_challenge_is_not_answered(self, side: SlackSide) -> None:
        body = json.dumps({"type": "url_verification", "challenge": "c"}).encode()
        refused(side, await raw(side, body, {"content-type": JSON}), 401, "ingress.not_proven")

    async def test_secrets_rotate_without_a_gap_and_end(self, clock: FixedClock, now: datetime) -> None:
        new, old = Secret("new"), SigningSecret(value=Secret(SIGNING_SECRET), until=now + timedelta(minutes=10))
        async with slack_side(clock, signing_secrets=(SigningSecret(value=new), old)) as side:
            side.slack.join("U1JOHN")
            assert (await signed(side, event(side))).status_code == 200
            clock.advance(timedelta(minutes=10))
            body = event(side)
            assert (await signed(side, body)).status_code == 401
            headers = side.slack.signed(body, JSON)
            headers["x-slack-signature"] = signature(body, headers["x-slack-request-timestamp"], "new")
            assert (await raw(side, body, headers)).status_code == 200

    async def test_only_posts_are_taken(self, side: SlackSide) -> None:
        assert (await side.client.get("/slack/events?ssl_check=1")).status_code == 405
        assert side.ingress.untouched

    async def test_a_refusal_says_nothing_in_the_log(self, side: SlackSide, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            await raw(side, b'{"canary": "c4n4ry"}', {"content-type": JSON, "x-slack-signature": "v0=c4n4ry"})
        assert "c4n4ry" not in caplog.text


@pytest.mark.requirement("2")
class TestTimestamp:
    @pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 200), (60, 200), (61, 401)])
    async def test_the_window_is_exact(self, side: SlackSide, clock: FixedClock, seconds: int, status: int) -> None:
        body = event(side)
        headers = side.slack.signed(body, JSON, at=clock.now() + timedelta(seconds=seconds))
        assert (await raw(side, body, headers)).status_code == status
        assert side.ingress.untouched == (status != 200)

    @pytest.mark.parametrize("stamp", ["abc", "1_0", "", "9" * 31, "-5", "+5", "1.5", " ", "0x10", "1e9"])
    async def test_what_is_not_a_number_is_refused(self, side: SlackSide, stamp: str) -> None:
        body = event(side)
        headers = side.slack.signed(body, JSON)
        headers |= {"x-slack-request-timestamp": stamp, "x-slack-signature": signature(body, stamp)}
        refused(side, await raw(side, body, headers), 401, "ingress.not_proven")

    async def test_digits_of_other_scripts_are_refused(self, side: SlackSide, clock: FixedClock) -> None:
        body = event(side)
        stamp = "".join(chr(0x0660 + int(digit)) for digit in str(int(clock.now().timestamp())))
        headers = [
            (b"content-type", JSON.encode()),
            (b"x-slack-request-timestamp", stamp.encode()),
            (b"x-slack-signature", signature(body, stamp).encode()),
        ]
        answer = await side.client.post("/slack/events", content=body, headers=headers)
        refused(side, answer, 401, "ingress.not_proven")

    @given(
        headers=st.lists(st.tuples(st.sampled_from([b"x-slack-signature", b"x-slack-request-timestamp"]), st.binary()))
    )
    def test_no_headers_whatever_pass_or_break_the_guard(self, headers: list[tuple[bytes, bytes]]) -> None:
        secrets = (SigningSecret(value=Secret(SIGNING_SECRET)),)
        with pytest.raises(NotProven):
            verify(headers, b"body", secrets, datetime.fromisoformat("2026-11-16T09:00:00+00:00"))


class TestRepeats:
    @pytest.mark.requirement("3")
    async def test_the_same_signed_bytes_are_one_event(self, side: SlackSide) -> None:
        payload = side.slack.typed("U1JOHN", "hello")
        answers = await asyncio.gather(*(side.slack.send(side.client, payload) for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert (len(side.ingress.accepted), side.ingress.deliveries) == (1, 20)

    @pytest.mark.requirement("3")
    async def test_the_same_press_is_one_event_and_one_dialog(self, side: SlackSide) -> None:
        place = Place(platform=identity("x").platform, tenant=TEAM, conversation="C1HR", kind=PlaceKind.CHANNEL)
        action = Action(label="Approve", handle="opaque", opens_dialog=True)
        reply = Reply(audience=Audience.PLACE, card=Card(headline="Leave", actions=(action,)))
        await side.platform.post(place, identity("U1MIA"), reply, dedupe_key="k")
        payload = side.slack.press("U1MIA", side.slack.messages[0], "Approve")
        for _ in range(3):
            assert (await side.send(payload)).status_code == 200
        assert (len(side.ingress.accepted), len(side.slack.views)) == (1, 1)

    @pytest.mark.requirement("4")
    async def test_slacks_retries_are_one_event(self, side: SlackSide) -> None:
        payload = side.slack.typed("U1JOHN", "hello")
        for number in range(4):
            retry = {"x-slack-retry-num": str(number), "x-slack-retry-reason": "http_timeout"} if number else {}
            assert (await side.send(payload, **retry)).status_code == 200
        assert len(side.ingress.accepted) == 1


@pytest.mark.requirement("5")
class TestForeign:
    @pytest.mark.parametrize(
        "envelope",
        [
            {"team_id": "TFOREIGN"},
            {"team_id": "TFOREIGN", "authorizations": [{"team_id": "TFOREIGN", "user_id": BOT_USER}]},
            {"team_id": "TFOREIGN", "authorizations": []},
            {"authorizations": [{"team_id": "TFOREIGN", "user_id": BOT_USER}]},
            {"api_app_id": "AOTHER"},
            {"api_app_id": None},
            {"team_id": None, "authorizations": []},
        ],
    )
    async def test_events_of_foreign_workspaces_and_apps(self, side: SlackSide, envelope: dict[str, Any]) -> None:
        payload = side.slack.typed("U1JOHN", "hello") | envelope
        refused(side, await side.send(payload), 403, "ingress.foreign")

    async def test_commands_of_foreign_workspaces(self, side: SlackSide) -> None:
        payload = side.slack.command("U1JOHN", "whoami", team_id="TFOREIGN")
        refused(side, await side.send(payload), 403, "ingress.foreign")

    @pytest.mark.parametrize("change", [{"team": {"id": "TFOREIGN"}}, {"api_app_id": "AOTHER"}])
    async def test_interactions_of_foreign_workspaces(self, side: SlackSide, change: dict[str, Any]) -> None:
        payload = {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "api_app_id": "A0DOORWARD",
            "trigger_id": "1.1",
            "actions": [{"type": "button", "action_id": "press.0", "value": "h"}],
        }
        refused(side, await side.send(payload | change), 403, "ingress.foreign")

    async def test_an_organisation_may_be_listed_and_a_foreign_one_is_refused(self, clock: FixedClock) -> None:
        async with slack_side(clock, workspaces=frozenset({"E1OURS"})) as side:
            side.slack.join("U1JOHN", team_id="T1ANY", enterprise_user={"enterprise_id": "E1OURS"})
            ours = {"team_id": "T1ANY", "enterprise_id": "E1OURS"}
            theirs = {"team_id": "T1ANY", "enterprise_id": "E2THEIRS"}
            typed = side.slack.typed("U1JOHN", "hello", team="T1ANY")
            assert (await side.send(typed | theirs | {"authorizations": [theirs]})).status_code == 403
            assert side.ingress.untouched
            assert (await side.send(typed | ours | {"authorizations": [ours]})).status_code == 200
            assert side.ingress.accepted[0].who == identity("U1JOHN", "E1OURS/T1ANY")


@pytest.mark.requirement("5")
class TestPeople:
    """Authentic, so acknowledged; but nobody of ours, so nothing runs."""

    @pytest.mark.parametrize(
        "profile",
        [
            {"is_restricted": True},
            {"is_ultra_restricted": True},
            {"is_stranger": True},
            {"is_bot": True},
            {"deleted": True},
            {"is_email_confirmed": False},
            {"team_id": "TFOREIGN"},
            {"id": "U1JOHN"},
        ],
    )
    async def test_guests_strangers_and_bots_start_nothing(self, side: SlackSide, profile: dict[str, Any]) -> None:
        side.slack.join("U3GUEST", **profile)
        assert (await side.send(side.slack.typed("U3GUEST", "hello"))).status_code == 200
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.not_a_member"]

    @pytest.mark.parametrize("where", [{"user_team": "TFOREIGN"}, {"team": "TFOREIGN"}, {"user_team": "E2THEIRS"}])
    async def test_people_of_other_companies_in_shared_channels(self, side: SlackSide, where: dict[str, str]) -> None:
        side.slack.join("U3EXTERNAL")
        payload = side.slack.mentioned("U3EXTERNAL", "C1HR", "hello", **where)
        answer = await side.send(payload | {"is_ext_shared_channel": True, "team_id": "TFOREIGN"})
        assert answer.status_code == 200
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.external"]

    async def test_not_knowing_is_a_no(self, side: SlackSide) -> None:
        assert (await side.send(side.slack.typed("U9NOBODY", "hello"))).status_code == 200
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.not_a_member"]

    async def test_a_look_up_that_fails_for_now_is_a_no_for_now(self, side: SlackSide) -> None:
        side.slack.fail_next("users.info", 500)
        payload = side.slack.typed("U1JOHN", "hello")
        assert (await side.send(payload)).status_code == 503
        assert side.ingress.untouched
        assert (await side.send(payload)).status_code == 200

    async def test_a_member_made_a_guest_is_refused_five_minutes_later(
        self, side: SlackSide, clock: FixedClock
    ) -> None:
        await side.send(side.slack.typed("U1JOHN", "hello"))
        side.slack.people["U1JOHN"]["is_restricted"] = True
        await side.send(side.slack.typed("U1JOHN", "still"))
        assert len(side.slack.called("users.info")) == 1
        clock.advance(minutes=5)
        await side.send(side.slack.typed("U1JOHN", "no longer"))
        assert [message.text for message in side.ingress.accepted] == ["hello", "still"]


@pytest.mark.requirement("6")
class TestSlowStorage:
    async def test_a_locked_database_is_answered_within_a_second(self, clock: FixedClock) -> None:
        assert REPLY_LIMITS.answered < 1
        async with slack_side(clock, replies=REPLY_LIMITS) as side:
            side.slack.join("U1JOHN")
            await side.send(side.slack.typed("U1JOHN", "known"))
            side.ingress.hangs = True
            started = time.monotonic()
            answers = await asyncio.gather(
                side.send(side.slack.typed("U1JOHN", "hello")), side.send(side.slack.command("U1JOHN", "whoami"))
            )
        assert time.monotonic() - started < 3  # Slack's own limit: a busy machine must not make this test red
        assert [answer.status_code for answer in answers] == [503, 200]
        assert answers[1].json()["text"].startswith("Busy")

    async def test_a_code_is_answered_in_time_whatever_the_core_does(self, clock: FixedClock) -> None:
        state = {"code.code": {"value": {"type": "plain_text_input", "value": "123456"}}}
        view = {"id": "V1", "type": "modal", "callback_id": "dialog", "private_metadata": "h"}
        submitted = {
            "type": "view_submission",
            "team": {"id": TEAM},
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "api_app_id": APP,
            "trigger_id": "1.1",
            "view": view | {"state": {"values": state}},
        }
        async with slack_side(clock, replies=replace(PATIENT, code=0.3)) as side:
            side.slack.join("U1JOHN")
            side.ingress.hangs, side.ingress.hang_seconds = True, 20
            body = urlencode({"payload": json.dumps(submitted)}).encode()
            started = time.monotonic()
            answer = await signed(side, body, FORM)
        assert time.monotonic() - started < 15
        assert (answer.status_code, answer.json()["errors"]) == (200, {"code.code": PHRASES.busy})

    async def test_an_error_of_ours_is_no_500_and_says_nothing(
        self, side: SlackSide, caplog: pytest.LogCaptureFixture
    ) -> None:
        side.ingress.failure = RuntimeError("c4n4ry")
        with caplog.at_level(logging.DEBUG):
            answer = await side.send(side.slack.typed("U1JOHN", "also c4n4ry"))
        assert answer.status_code == 503
        assert "c4n4ry" not in answer.text + caplog.text


@pytest.mark.requirement("7")
class TestConfiguration:
    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"signing_secrets": ()}, "SIGNING_SECRET"),
            ({"signing_secrets": (SigningSecret(value=Secret("")),)}, "SIGNING_SECRET"),
            ({"app_token": Secret("")}, "APP_TOKEN"),
            ({"workspaces": frozenset()}, "TEAM_IDS"),
            ({"workspaces": frozenset({""})}, "TEAM_IDS"),
        ],
    )
    def test_an_empty_guard_is_refused(self, clock: FixedClock, change: dict[str, Any], name: str) -> None:
        with pytest.raises(Misconfigured, match=name):
            config(FakeSlack(now=clock), **change)

    def test_secrets_are_not_shown(self, clock: FixedClock) -> None:
        plain: SlackConfig = config(FakeSlack(now=clock))
        assert SIGNING_SECRET not in repr(plain)
        assert "xoxb" not in repr(plain)


@pytest.mark.requirement("13")
class TestOwnAndEdited:
    @pytest.mark.parametrize(
        "changes",
        [
            {"user": BOT_USER, "bot_id": BOT_ID, "app_id": "A0DOORWARD"},
            {"subtype": "message_changed", "message": {"user": "U1JOHN", "text": "approve"}},
            {"subtype": "message_deleted"},
            {"subtype": "channel_join"},
            {"edited": {"user": "U1JOHN", "ts": "1.1"}},
            {"hidden": True},
            {"user": ""},
        ],
    )
    async def test_own_and_edited_messages_start_nothing(self, side: SlackSide, changes: dict[str, Any]) -> None:
        assert (await side.send(side.slack.typed("U1JOHN", "hello", **changes))).status_code == 200
        assert side.ingress.untouched
        assert side.ingress.rejections == []


@pytest.mark.requirement("93")
@pytest.mark.parametrize(
    "changes",
    [
        {"bot_id": "B7OTHER"},
        {"app_id": "A7OTHER"},
        {"bot_profile": {"id": "B7OTHER"}},
        {"workflow_id": "Wf1"},
        {"metadata": {"event_type": "x"}},
        {"subtype": "bot_message"},
    ],
)
async def test_what_an_app_posts_as_a_person_is_marked(side: SlackSide, changes: dict[str, Any]) -> None:
    for payload in (
        side.slack.typed("U1JOHN", "approve everything", **changes),
        side.slack.mentioned("U1JOHN", "C1HR", "approve everything", **changes),
    ):
        assert (await side.send(payload)).status_code == 200
    assert [message.by_app for message in side.ingress.accepted] == [True, True]


@pytest.mark.requirement("93")
async def test_what_an_app_posts_as_nobody_starts_nothing(side: SlackSide) -> None:
    payload = side.slack.typed("", "approve everything", subtype="bot_message", bot_id="B7OTHER")
    assert (await side.send(payload)).status_code == 200
    assert side.ingress.untouched
    assert side.ingress.rejections == ["ingress.not_a_person"]


@pytest.mark.requirement("14")
class TestSizeAndForm:
    @pytest.mark.parametrize("announced", [True, False])
    async def test_ten_megabytes_are_not_read(self, side: SlackSide, announced: bool) -> None:
        read = 0

        async def body() -> AsyncIterator[bytes]:
            nonlocal read
            for _ in range(160):
                read += 65_536
                yield b"x" * 65_536

        headers = side.slack.signed(b"", JSON) | ({"content-length": "10485760"} if announced else {})
        answer = await side.client.post("/slack/events", content=body(), headers=headers)
        refused(side, answer, 413, "ingress.too_large")

    async def test_the_limit_is_exact(self, side: SlackSide) -> None:
        filler = json.dumps({"type": "x", "fill": ""})
        body = filler.replace('""', '"' + "y" * (MAX_BODY_BYTES - len(filler)) + '"').encode()
        assert len(body) == MAX_BODY_BYTES
        assert (await signed(side, body)).status_code == 403
        assert (await signed(side, body + b" ")).status_code == 413

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe",
            b'{"type": NaN}',
            b'{"type": 1}',
            b'{"type": "event_callback"}',
            b'{"type": "event_callback", "event": []}',
            b'{"type": "event_callback", "event": {"type": 5}}',
            b'{"type": "x", "team": "T0COMPANY"}',
            b'{"type": "view_submission", "view": {"callback_id": "dialog"}}',
            b'{"type": "x", "authorizations": {}}',
            b'{"type": "x", "authorizations": [1]}',
            b'{"type": "x", "half": "\\ud83d"}',
            b'{"type": "x", "big": ' + b"9" * 5000 + b"}",
            b'{"type": "x", "deep": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            b'{"type": "x", "deep": ' + b"[" * 70 + b"]" * 70 + b"}",
        ],
    )
    async def test_authentic_nonsense_is_malformed(self, side: SlackSide, body: bytes) -> None:
        refused(side, await signed(side, body), 400, "ingress.malformed")

    @pytest.mark.parametrize(
        "body",
        [b"", b"payload", b"payload=", b"payload={", b"payload=%ff", b"payload=1", b"a=1&a=2", b"&" * 100, b"=&=" * 50],
    )
    async def test_malformed_forms(self, side: SlackSide, body: bytes) -> None:
        answer = await signed(side, body, FORM)
        assert answer.status_code in {400, 403}
        assert side.ingress.untouched
        assert len(side.ingress.rejections) == 1

    @pytest.mark.parametrize("content_type", ["", "text/plain", "multipart/form-data; boundary=x", "application/xml"])
    async def test_other_content_types(self, side: SlackSide, content_type: str) -> None:
        refused(side, await signed(side, event(side), content_type), 400, "ingress.malformed")

    @pytest.mark.parametrize(
        "change",
        [
            {"event_id": None},
            {"event": {"type": "message", "channel_type": "im", "user": "U1JOHN", "channel": 7}},
            {"event": {"type": "message", "channel_type": "im", "user": "<!here>", "channel": "D1JOHN"}},
        ],
    )
    async def test_events_without_their_parts(self, side: SlackSide, change: dict[str, Any]) -> None:
        answer = await side.send(side.slack.typed("U1JOHN", "hello") | change)
        assert answer.status_code == 400
        assert side.ingress.untouched
        assert side.ingress.rejections == ["ingress.malformed"]

    @pytest.mark.parametrize("state", [[], 7, {"values": []}, {"values": 7}, {"values": {"code.code": "123456"}}])
    async def test_submissions_of_another_shape(self, side: SlackSide, state: object) -> None:
        payload = {
            "type": "view_submission",
            "team": {"id": TEAM},
            "user": {"id": "U1JOHN", "team_id": TEAM},
            "api_app_id": "A0DOORWARD",
            "trigger_id": "1.1",
            "view": {"id": "V1", "type": "modal", "callback_id": "dialog", "private_metadata": "", "state": state},
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        answer = await signed(side, body, FORM)
        assert answer.status_code == 400
        assert side.ingress.untouched

    @given(body=st.binary(max_size=300), form=st.booleans())
    def test_no_bytes_whatever_break_the_parser(self, body: bytes, form: bool) -> None:
        try:
            parse(FORM if form else JSON, body)
        except Malformed:
            return


@pytest.mark.requirement("16")
class TestIdentity:
    async def test_words_and_unsigned_looking_fields_name_nobody(self, side: SlackSide) -> None:
        forged = {"username": "mia", "user_profile": {"id": "U1MIA"}, "blocks": [{"type": "x", "user_id": "U1MIA"}]}
        await side.send(side.slack.typed("U1JOHN", "I am U1MIA <@U1MIA>", **forged))
        await side.send(side.slack.command("U1JOHN", "as U1MIA", user_name="mia"))
        assert {message.who for message in side.ingress.accepted} == {identity("U1JOHN")}

    async def test_a_dialogs_own_fields_name_nobody(self, side: SlackSide) -> None:
        dialog = Dialog(handle="h", title="t", submit="s", fields=(DialogField(name="user", label="l"),))
        view = await side.platform.open_dialog(side.slack.trigger("U1JOHN"), dialog)
        await side.send(side.slack.submission(side.slack.views[view or ""], user="U1MIA"))
        assert side.ingress.accepted[0].who == identity("U1JOHN")


async def test_a_code_is_in_no_log_even_when_everything_fails(
    side: SlackSide, caplog: pytest.LogCaptureFixture
) -> None:
    field = DialogField(name="code", label="Code", kind=FieldKind.CODE)
    view = await side.platform.open_dialog(
        side.slack.trigger("U1MIA"), Dialog(handle="h", title="t", submit="s", fields=(field,))
    )
    payload = side.slack.submission(side.slack.views[view or ""], code="731946")
    with caplog.at_level(logging.DEBUG):
        for failure in (None, StorageUnavailable(), RuntimeError("731946")):
            side.ingress.failure = failure
            await side.send(payload)
        body, content_type = side.slack.request(payload)
        await raw(side, body, side.slack.signed(body, content_type) | {"x-slack-signature": "v0=bad"})
    assert "731946" not in caplog.text


@pytest.mark.requirement("62")
class TestEncoding:
    def test_hostile_values_stand_where_slack_interprets_nothing(self) -> None:
        card = Card(
            headline=HOSTILE,
            body=HOSTILE,
            facts=(Fact(label=HOSTILE, value=HOSTILE),),
            quotes=(Quote(author=HOSTILE, text=HOSTILE),),
            actions=(Action(label=HOSTILE, handle="h"),),
            quiet=HOSTILE,
        )
        interpreted = [*_mrkdwn(card_blocks(card)), card_text(card)]
        assert len(interpreted) == 2  # a fact's label, and the fallback
        assert not any("<" in text or ">" in text for text in interpreted)

    @pytest.mark.parametrize(
        "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x", "http://evil"]
    )
    def test_a_button_opens_web_pages_only(self, url: str) -> None:
        with pytest.raises(ValueError, match="web address"):
            card_blocks(Card(headline="x", actions=(Action(label="x", url=url),)))

    def test_buttons_carry_the_opaque_handle_alone(self) -> None:
        card = Card(headline="Leave of john", actions=(Action(label="Approve", handle="opaque", opens_dialog=True),))
        button = card_blocks(card)[-1]["elements"][0]
        assert (button["value"], button["action_id"]) == ("opaque", "open.0")
        assert set(button) == {"type", "action_id", "text", "value"}


def _mrkdwn(node: object) -> list[str]:
    if isinstance(node, list):
        return [text for child in node for text in _mrkdwn(child)]
    if not isinstance(node, dict):
        return []
    if node.get("type") == "mrkdwn":
        return [node["text"]]
    return [text for child in node.values() for text in _mrkdwn(child)]


async def test_slack_may_ask_for_the_address(side: SlackSide) -> None:
    answer = await side.send({"type": "url_verification", "token": "t", "challenge": "c0ffee"})
    assert (answer.status_code, answer.text) == (200, "c0ffee")


@pytest.mark.requirement("13")
@pytest.mark.parametrize("kind", ["channel", "group", "mpim"])
async def test_what_is_said_in_a_channel_without_a_mention_is_not_listened_to(side: SlackSide, kind: str) -> None:
    said = side.slack.typed("U1JOHN", "my payslip", channel="C1HR", channel_type=kind)
    assert (await side.send(said)).status_code == 200
    assert side.ingress.untouched
