"""Each check on the way in from Slack meets a payload that is good but for the one thing that check looks at.

The attacks of `test_slack_ingress` are refused by whichever check comes first; these hold every later one in place.
"""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.slack import translate
from adapters.slack.endpoint import MAX_CHALLENGE, PATH
from adapters.slack.guard import MAX_BODY_BYTES, read_body
from adapters.slack.parsing import MAX_ENVELOPE_ID, MAX_FORM_FIELDS, envelope_of, parse
from adapters.slack.people import People
from adapters.slack.translate import Skip
from adapters.slack.workspaces import admit, is_ours
from bot.domain.identity import Platform
from bot.errors import Malformed, NotAllowed, TooLarge
from tests.fakes.clock import FixedClock
from tests.fakes.skipping_loop import never_comes, run_skipping
from tests.fakes.slack_app import SlackSide, identity, slack_side
from tests.fakes.slack_server import signature
from tests.fakes.slack_workspace import APP, BOT_USER, TEAM

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
FOREIGN = "TFOREIGN"


@pytest.fixture
async def side(clock: FixedClock) -> AsyncIterator[SlackSide]:
    async with slack_side(clock) as running:
        running.slack.join("U1JOHN")
        yield running


async def asked(side: SlackSide, payload: dict[str, Any] | bytes, content_type: str = JSON, **headers: str) -> Any:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return await side.client.post(PATH, content=body, headers=side.slack.signed(body, content_type) | headers)


class TestBytes:
    @pytest.mark.requirement("14")
    @pytest.mark.parametrize("announced", [str(MAX_BODY_BYTES + 1), "9" * 13, "abc", "-1", "1_0", ""])
    def test_what_announces_too_much_is_not_read(self, announced: str) -> None:
        async def receive() -> dict[str, object]:
            raise AssertionError("it was read")

        with pytest.raises(TooLarge, match="content-length"):
            run_skipping(read_body([(b"content-length", announced.encode())], receive))

    @pytest.mark.requirement("14")
    def test_a_body_that_does_not_come_is_not_waited_for(self) -> None:
        with pytest.raises(Malformed, match="did not arrive"):
            run_skipping(read_body([], never_comes))

    @pytest.mark.requirement("2")
    async def test_a_number_too_long_for_any_arithmetic_is_refused_like_any_other(self, side: SlackSide) -> None:
        body, stamp = b"{}", "9" * 400
        headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": signature(body, stamp)}
        answer = await side.client.post(PATH, content=body, headers=headers | {"content-type": JSON})
        assert (answer.status_code, side.ingress.rejections) == (401, ["ingress.not_proven"])

    async def test_a_fault_of_ours_is_a_503(self, side: SlackSide) -> None:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            raise RuntimeError("c4n4ry")

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": PATH, "headers": [], "query_string": b"", "root_path": ""}
        await side.client._transport.app(scope, receive, send)
        assert sent[0]["status"] == 503
        assert b"c4n4ry" not in sent[1]["body"]


@pytest.mark.requirement("14")
class TestForm:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"type":"x","n":NaN}',
            b'{"type":"x","n":-Infinity}',
            b'{"type":"x","a":"\xff"}',
            b'{"type":"x","a":' + b"[" * 19_000 + b"]" * 19_000 + b"}",
        ],
        ids=["NaN", "infinity", "no UTF-8", "deeper than the reader goes"],
    )
    def test_json(self, body: bytes) -> None:
        with pytest.raises(Malformed):
            parse(JSON, body)

    @pytest.mark.parametrize(
        "body",
        [
            b"command=%2Fa&command=%2Fa",
            b"command=%2Fa&junk",
            b"command=%2Fa&text=%ff",
            b"&".join(b"f%d=1" % number for number in range(MAX_FORM_FIELDS + 1)),
        ],
        ids=["twice", "no value", "no UTF-8", "many fields"],
    )
    def test_forms(self, body: bytes) -> None:
        with pytest.raises(Malformed):
            parse(FORM, body)

    def test_the_same_without_the_fault_is_read(self) -> None:
        assert parse(JSON, b'{"type":"x","n":1}')["n"] == 1
        assert parse(FORM, b"command=%2Fa&text=%C3%A4") == {"command": "/a", "text": "ä"}
        assert len(parse(FORM, b"&".join(b"f%d=1" % number for number in range(MAX_FORM_FIELDS)))) == MAX_FORM_FIELDS

    async def test_two_content_types_are_none(self, side: SlackSide) -> None:
        body = json.dumps(side.slack.typed("U1JOHN", "hello")).encode()
        twice = [*side.slack.signed(body, JSON).items(), ("content-type", JSON)]
        answer = await side.client.post(PATH, content=body, headers=twice)
        assert (answer.status_code, side.ingress.rejections) == (400, ["ingress.malformed"])

    @pytest.mark.parametrize(
        ("challenge", "status"), [("", 400), ("c" * MAX_CHALLENGE, 200), ("c" * (MAX_CHALLENGE + 1), 400), (7, 400)]
    )
    async def test_a_challenge_is_short(self, side: SlackSide, challenge: object, status: int) -> None:
        answer = await asked(side, {"type": "url_verification", "challenge": challenge})
        assert answer.status_code == status
        assert (answer.text == challenge) is (status == 200)

    async def test_a_command_is_no_certificate_check_by_a_field_of_that_name(self, side: SlackSide) -> None:
        command = side.slack.command("U1JOHN", "whoami", ssl_check="0")
        assert (await side.send(command)).status_code == 200
        assert len(side.ingress.accepted) == 1


def frame(kind: str, payload: dict[str, Any], envelope_id: object = "e-1") -> dict[str, Any]:
    return {"type": kind, "envelope_id": envelope_id, "accepts_response_payload": True, "payload": payload}


SAID = {"type": "event_callback", "event": {"type": "message"}}
PRESSED = {"type": "block_actions"}


@pytest.mark.requirement("14")
class TestEnvelope:
    @pytest.mark.parametrize(
        ("kind", "payload"),
        [
            ("events_api", PRESSED),
            ("events_api", SAID | {"command": "/doorward"}),
            ("interactive", SAID),
            ("interactive", PRESSED | {"command": "/doorward"}),
            ("slash_commands", {"text": "whoami"}),
        ],
    )
    def test_a_payload_is_of_the_kind_its_envelope_says(self, kind: str, payload: dict[str, Any]) -> None:
        with pytest.raises(Malformed, match="envelope type"):
            envelope_of(frame(kind, payload))

    @pytest.mark.parametrize("envelope_id", ["", "e" * (MAX_ENVELOPE_ID + 1), 7, True, ["e"], {"e": 1}])
    def test_its_id_is_a_short_text(self, envelope_id: object) -> None:
        with pytest.raises(Malformed, match="envelope_id"):
            envelope_of(frame("events_api", SAID, envelope_id))

    def test_the_same_without_the_fault_is_read(self) -> None:
        for kind, payload in (("events_api", SAID), ("interactive", PRESSED), ("slash_commands", {"command": "/d"})):
            assert envelope_of(frame(kind, payload, "e" * MAX_ENVELOPE_ID)).payload == payload


@pytest.mark.requirement("5")
class TestWorkspace:
    @pytest.mark.parametrize("shared", ["true", 1, "false", [False], None])
    def test_only_what_slack_itself_calls_shared_may_name_somebody_elses_workspace(self, shared: object) -> None:
        ours = {"api_app_id": APP, "authorizations": [{"team_id": TEAM}], "team_id": FOREIGN}
        admit(ours | {"is_ext_shared_channel": True}, frozenset({TEAM}), APP)
        with pytest.raises(NotAllowed):
            admit(ours | {"is_ext_shared_channel": shared}, frozenset({TEAM}), APP)

    def test_a_listed_workspace_in_a_foreign_organisation_is_foreign(self) -> None:
        allowed = frozenset({TEAM, "E1OURS"})
        assert is_ours(TEAM, "E1OURS", allowed)
        assert is_ours(TEAM, "", allowed)
        assert not is_ours(TEAM, "E2THEIRS", allowed)


class Asked:
    """A directory that says of everybody that they are full members, and remembers who was asked for."""

    def __init__(self, **profile: Any) -> None:
        self.profile = profile
        self.calls: list[tuple[str, str]] = []

    async def person(self, account: str, tenant: str) -> dict[str, Any]:
        self.calls.append((account, tenant))
        return {"id": account, "team_id": tenant.rpartition("/")[2], "is_email_confirmed": True} | self.profile


@pytest.mark.requirement("5")
class TestPerson:
    async def test_an_external_in_an_organisations_shared_channel_is_not_looked_up(self, clock: FixedClock) -> None:
        directory = Asked(team_id="T2OURS", enterprise_user={"enterprise_id": "E1OURS"})
        people = People(directory, frozenset({"E1OURS"}), clock)
        said = {
            "authorizations": [{"team_id": "T1OURS", "enterprise_id": "E1OURS"}],
            "event": {"type": "app_mention", "user": "U3PERSON", "user_team": "T2OURS"},
        }
        with pytest.raises(NotAllowed) as refusal:
            await people.identify(said | {"is_ext_shared_channel": True})
        assert (refusal.value.code, directory.calls) == ("ingress.external", [])
        who = await people.identify(said | {"is_ext_shared_channel": False})
        assert who == identity("U3PERSON", "E1OURS/T2OURS"), "elsewhere it may be another of our workspaces"

    async def test_an_externals_press_is_not_looked_up(self, clock: FixedClock) -> None:
        directory = Asked()
        people = People(directory, frozenset({TEAM}), clock)
        with pytest.raises(NotAllowed) as refusal:
            await people.identify({"team": {"id": TEAM}, "user": {"id": "U3EXTERNAL", "team_id": FOREIGN}})
        assert (refusal.value.code, directory.calls) == ("ingress.external", [])

    async def test_the_same_account_elsewhere_is_another_person(self, clock: FixedClock) -> None:
        directory = Asked()
        people = People(directory, frozenset({"T1OURS", "T2OURS"}), clock)
        found = [
            await people.identify({"team": {"id": team}, "user": {"id": "U1", "team_id": team}})
            for team in ("T1OURS", "T2OURS", "T1OURS")
        ]
        assert [who.tenant for who in found] == ["T1OURS", "T2OURS", "T1OURS"]
        assert directory.calls == [("U1", "T1OURS"), ("U1", "T2OURS")]

    @pytest.mark.parametrize("mark", ["is_bot", "is_workflow_bot", "deleted", "is_restricted", "is_stranger"])
    async def test_one_mark_is_enough(self, clock: FixedClock, mark: str) -> None:
        payload = {"team": {"id": TEAM}, "user": {"id": "U1", "team_id": TEAM}}
        assert (await People(Asked(), frozenset({TEAM}), clock).identify(payload)).platform is Platform.SLACK
        with pytest.raises(NotAllowed):
            await People(Asked(**{mark: True}), frozenset({TEAM}), clock).identify(payload)


@pytest.mark.requirement("13")
class TestOwn:
    @pytest.mark.parametrize(
        ("changes", "own"),
        [
            ({"user": BOT_USER, "bot_id": "B7OTHER"}, True),
            ({"app_id": APP}, True),
            ({"app_id": "A7OTHER"}, False),
            ({"bot_id": "B7OTHER"}, False),
        ],
        ids=["our account", "our app", "another app", "another bot"],
    )
    def test_our_own_by_account_or_by_app(
        self, clock: FixedClock, side: SlackSide, changes: dict[str, Any], own: bool
    ) -> None:
        assert (translate.origin(side.slack.typed("U1JOHN", "hello", **changes)) == Skip()) is own

    def test_a_link_in_our_card_opens_a_page_and_starts_nothing(self) -> None:
        def press(action_id: str) -> dict[str, Any]:
            return {"actions": [{"type": "button", "action_id": action_id, "value": "h"}]}

        assert translate.pressed(press("link.0")) == Skip()
        assert not isinstance(translate.pressed(press("press.0")), Skip)


@pytest.mark.requirement("3")
def test_what_is_delivered_again_is_named_as_before(side: SlackSide, now: datetime) -> None:
    who, view = identity("U1JOHN"), {"id": "V1", "private_metadata": "h", "state": {"values": {}}}
    submitted = {"team": {"id": TEAM}, "user": {"id": "U1JOHN"}, "trigger_id": "1.1", "view": view}
    readers = {
        translate.from_event: side.slack.typed("U1JOHN", "hello"),
        translate.from_command: side.slack.command("U1JOHN", "whoami"),
        translate.from_submission: submitted,
        translate.from_shortcut: submitted,
        translate.from_press: submitted | {"actions": [{"type": "button", "action_id": "press.0", "value": "h"}]},
    }
    named = []
    for read, payload in readers.items():
        again = copy.deepcopy(payload)
        first = read(payload, who, now).event_id
        assert read(again, who, now + timedelta(minutes=5)).event_id == first
        named.append(first)
    assert len(set(named)) == len(readers)
