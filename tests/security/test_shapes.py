"""Authentic requests of every wrong shape: each part in turn missing or of another type, and never a 5xx."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import slack_side
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import APP, TEAM
from tests.fakes.teams_app import teams_side
from tests.fakes.teams_server import JOHN, MIA, Activity, FakeTeams

Path = tuple[str | int, ...]
MISSING = object()
WRONG: tuple[Any, ...] = (MISSING, 7, [[]], {"id": []}, "x" * 600)


def paths(value: object, above: Path = ()) -> Iterator[Path]:
    """Every part of a document."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in parts:
        yield (*above, name)
        yield from paths(inner, (*above, name))


def wrong(document: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The document with each of its parts in turn missing or something else."""
    for path in paths(document):
        for value in WRONG:
            changed = copy.deepcopy(document)
            at: Any = changed
            for name in path[:-1]:
                at = at[name]
            if value is MISSING:
                del at[path[-1]]
            else:
                at[path[-1]] = value
            yield path, changed


def from_slack(slack: FakeSlack) -> list[dict[str, Any]]:
    state = {
        "text.a": {"value": {"type": "plain_text_input", "value": "x"}},
        "text.b": {"value": {"type": "checkboxes", "selected_options": [{"value": "1"}]}},
        "code.code": {"value": {"type": "plain_text_input", "value": "123456"}},
    }
    view = {"id": "V1", "type": "modal", "callback_id": "dialog", "private_metadata": "h", "state": {"values": state}}
    person = {"team": {"id": TEAM}, "user": {"id": "U1JOHN", "team_id": TEAM}, "api_app_id": APP, "trigger_id": "1.1"}
    action = {"type": "button", "action_id": "press.0", "value": "h"}
    where = {"channel": {"id": "C1HR"}, "container": {"message_ts": "1.1"}, "message": {"thread_ts": "1.1"}}
    thread = {"user_id": "U1JOHN", "channel_id": "D1JOHN", "thread_ts": "1.1"}
    return [
        slack.typed("U1JOHN", "hello"),
        slack.event({"type": "app_home_opened", "user": "U1JOHN", "channel": "D1JOHN", "tab": "home"}),
        slack.event({"type": "assistant_thread_started", "assistant_thread": thread}),
        slack.event({"type": "tokens_revoked", "tokens": {"bot": ["U1"]}}),
        person | {"type": "block_actions", "actions": [action]} | where,
        person | {"type": "view_submission", "view": view},
        person | {"type": "shortcut", "callback_id": "ask"},
    ]


@pytest.mark.requirement("14")
async def test_nothing_that_slack_signs_is_answered_with_a_fault(clock: FixedClock) -> None:
    async with slack_side(clock) as side:
        side.slack.join("U1JOHN")
        side.slack.channel("C1HR", "U1JOHN")
        faults = []
        for honest in from_slack(side.slack):
            for path, payload in [((), honest), *wrong(honest)]:
                body = json.dumps(payload).encode()
                content, kind = body, "application/json"
                if "event" not in honest:
                    content, kind = urlencode({"payload": body}).encode(), "application/x-www-form-urlencoded"
                headers = side.slack.signed(content, kind)
                answer = await side.client.post("/slack/events", content=content, headers=headers)
                faults += [path] if answer.status_code >= 500 or (not path and answer.status_code != 200) else []
        for part in ("event", "user", "authorizations", "team", "view", "actions", "channel"):
            answer = await side.send(side.slack.command("U1JOHN", "whoami") | {part: "x"})
            faults += [(part,)] if answer.status_code >= 500 else []
        assert faults == []


def from_teams(teams: FakeTeams) -> list[Activity]:
    typed = teams.typed(JOHN, teams.personal(JOHN), "hello")
    shared = teams.typed(JOHN, teams.channel(JOHN, MIA), "hello")
    pressed = {"action": {"verb": "press", "data": {"handle": "h"}}, "trigger": "manual"}
    looked = {"action": {"verb": "view", "data": {"handle": "h"}}}
    return [
        typed,
        typed | {"type": "conversationUpdate", "membersAdded": [{"id": typed["recipient"]["id"]}]},
        shared | {"type": "invoke", "name": "adaptiveCard/action", "value": pressed},
        shared | {"type": "invoke", "name": "adaptiveCard/action", "value": looked},
        typed | {"type": "invoke", "name": "task/submit", "value": {"data": {"handle": "h", "code.code": "123456"}}},
        typed | {"type": "invoke", "name": "signin/tokenExchange", "value": {"id": "i", "token": "t"}},
    ]


@pytest.mark.requirement("14")
async def test_nothing_that_teams_sends_is_answered_with_a_fault(clock: FixedClock) -> None:
    async with teams_side(clock) as side:
        faults = []
        token = f"Bearer {side.teams.token()}"
        for honest in from_teams(side.teams):
            for path, activity in wrong(honest):
                answer = await side.deliver(json.dumps(activity).encode(), token)
                faults += [path] if answer.status_code >= 500 else []
        assert faults == []
