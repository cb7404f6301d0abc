"""The app that `manifest.json` makes is the one the code needs: no more rights, no fewer events, in Slack's form."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest

from adapters.slack.endpoint import PATH
from adapters.slack.install import BACK
from adapters.slack.leaving import LEFT_ON
from adapters.slack.oauth import SCOPES, scopes
from adapters.slack.sign_in import SlackSignIn
from adapters.slack.surfaces import SHOWN_ON
from bot.bootstrap.shell_settings import slack_manifest
from bot.bootstrap.steps import understanding
from bot.domain.intent import Intent
from bot.domain.secret import Secret
from bot.texts.sentences import voice
from tests.fakes.clock import FixedClock
from tests.fakes.slack_scopes import EMAIL, SCOPE_OF_METHOD

ROOT = Path(__file__).parents[2]
URL = "https://doorward.example.com"
MANIFEST: Any = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
SCOPE_OF_EVENT = {
    "app_mention": "app_mentions:read",
    "message.im": "im:history",
    "app_home_opened": None,
    "app_uninstalled": None,
    "tokens_revoked": None,
}
"""See: https://docs.slack.dev/reference/events"""


def text(least: int, most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def texts(most: int) -> dict[str, Any]:
    return {"type": "array", "items": text(1, most), "uniqueItems": True}


def parts(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required.split(),
        "properties": properties,
        "additionalProperties": False,
    }


def listed(most: int, **properties: Any) -> dict[str, Any]:
    item = parts(" ".join(properties), **properties)
    return {"type": "array", "minItems": 1, "maxItems": most, "items": item}


FLAG = {"type": "boolean"}
ADDRESS = {"type": "string", "pattern": "^https://", "maxLength": 3000}
WHAT_WE_USE = parts(
    "_metadata display_information features oauth_config settings",
    _metadata=parts("major_version", major_version={"const": 2}, minor_version={"type": "integer"}),
    display_information=parts(
        "name",
        name=text(1, 35),
        description=text(1, 140),
        long_description=text(175, 4000),
        background_color={"type": "string", "pattern": "^#[0-9a-f]{6}$"},
    ),
    features=parts(
        "bot_user",
        app_home=parts("", home_tab_enabled=FLAG, messages_tab_enabled=FLAG, messages_tab_read_only_enabled=FLAG),
        agent_view=parts("", agent_description=text(1, 300), suggested_prompts=listed(4, title={}, message={})),
        bot_user=parts("display_name", display_name=text(1, 80), always_online=FLAG),
        shortcuts=listed(
            10, name=text(1, 24), type={"enum": ["global"]}, callback_id=text(1, 255), description=text(1, 150)
        ),
        slash_commands={
            "type": "array",
            "maxItems": 50,
            "items": parts(
                "command description should_escape",
                command={"type": "string", "pattern": "^/", "maxLength": 32},
                url=ADDRESS,
                description=text(1, 2000),
                usage_hint=text(1, 1000),
                should_escape={"const": True},
            ),
        },
    ),
    oauth_config=parts("scopes", redirect_urls={"type": "array"}, scopes=parts("bot", bot=texts(50), user=texts(50))),
    settings=parts(
        "event_subscriptions interactivity",
        event_subscriptions=parts("bot_events", request_url=ADDRESS, bot_events=texts(50)),
        interactivity=parts("is_enabled", is_enabled={"const": True}, request_url=ADDRESS),
        org_deploy_enabled=FLAG,
        socket_mode_enabled=FLAG,
        token_rotation_enabled=FLAG,
    ),
)
"""Of Slack's own schema the parts that we use, as narrow as we use them."""
OFFICIAL = ROOT / "tests" / "schemas" / "slack" / "manifest.schema.2.0.0.json"
SCHEMAS = {
    "what we use": WHAT_WE_USE,
    "Slack's own": json.loads(Path(os.environ.get("DOORWARD_TEST_SLACK_SCHEMA", OFFICIAL)).read_text(encoding="utf-8")),
}


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("socket_mode", [False, True])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("emails", [False, True])
def test_it_has_the_form_that_slack_takes(schema: str, socket_mode: bool, several: bool, emails: bool) -> None:
    made = slack_manifest(URL, socket_mode=socket_mode, several_workspaces=several, directory_emails=emails)
    jsonschema_rs.validator_for(SCHEMAS[schema]).validate(made)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_form_is_not_taken_for_granted(schema: str) -> None:
    wrong = json.loads(json.dumps(MANIFEST))
    wrong["features"]["shortcuts"][0]["name"] = "x" * 25
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validator_for(SCHEMAS[schema]).validate(wrong)


def called() -> set[str]:
    """Every Web API method that the adapter names."""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "adapters" / "slack").glob("*.py"))
    return set(re.findall(r'call\(\s*"([a-zA-Z0-9.]+)"', source))


def test_the_scopes_are_those_of_what_is_called_and_heard() -> None:
    heard = set(MANIFEST["settings"]["event_subscriptions"]["bot_events"])
    assert called() == set(SCOPE_OF_METHOD)
    assert heard == set(SCOPE_OF_EVENT)
    needed = {SCOPE_OF_METHOD[method] for method in called()} | {SCOPE_OF_EVENT[event] for event in heard}
    asked = MANIFEST["oauth_config"]["scopes"]["bot"]
    assert set(asked) == {scope for scope in needed if scope} | {"commands"}
    assert sorted(asked) == sorted(SCOPES), "what /slack/install asks for"


def test_addresses_are_asked_for_only_where_they_are_compared() -> None:
    """One module reads one, for one setting; a manifest and an installation without that setting do not ask."""
    source = ROOT / "adapters" / "slack"
    assert [path.name for path in sorted(source.glob("*.py")) if '"email"' in path.read_text()] == ["people.py"]
    assert EMAIL not in json.dumps(MANIFEST)
    plain: Any = slack_manifest(URL)
    wide: Any = slack_manifest(URL, directory_emails=True)
    assert plain == MANIFEST
    bot = set(wide["oauth_config"]["scopes"].pop("bot"))
    assert bot == {*plain["oauth_config"]["scopes"].pop("bot"), EMAIL}
    assert wide == plain, "nothing else differs"
    assert set(scopes(directory_emails=True)) == bot, "what /slack/install asks for"
    assert scopes(directory_emails=False) == SCOPES


def test_what_is_subscribed_is_handled() -> None:
    handled = {"app_mention", "message.im"} | SHOWN_ON | LEFT_ON
    assert set(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) <= handled
    legacy = {"assistant_thread_started"}  # of apps that still have the older assistant view
    assert handled - set(MANIFEST["settings"]["event_subscriptions"]["bot_events"]) == legacy


async def nobody(_account: str, _tenant: str) -> None:
    """Knows no member."""


def test_browsers_come_back_to_the_pages_that_take_them() -> None:
    oauth = MANIFEST["oauth_config"]
    assert oauth["redirect_urls"] == [f"{URL}/signin/slack/callback", URL + BACK]
    there = SlackSignIn(client_id="c", client_secret=Secret("s"), member=nobody, clock=FixedClock(datetime.now(UTC)))
    (asked,) = parse_qs(urlsplit(there.authorize_url(state="s", nonce="n", redirect_uri="r")).query)["scope"]
    assert oauth["scopes"]["user"] == asked.split()


def test_every_address_is_the_one_guarded_path() -> None:
    settings, (command,) = MANIFEST["settings"], MANIFEST["features"]["slash_commands"]
    addresses = {
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
        command["url"],
    }
    assert {address.removeprefix(URL) for address in addresses} == {PATH}


def test_with_socket_mode_slack_is_told_no_address_to_call() -> None:
    made: Any = slack_manifest("https://ours.example", socket_mode=True)
    assert PATH not in json.dumps(made)
    assert made["settings"]["socket_mode_enabled"] is True
    assert made["oauth_config"]["redirect_urls"][0].startswith("https://ours.example/")


def test_in_several_workspaces_tokens_rotate() -> None:
    made: Any = slack_manifest(URL, several_workspaces=True)
    assert (made["settings"]["org_deploy_enabled"], made["settings"]["token_rotation_enabled"]) == (True, True)
    assert (MANIFEST["settings"]["org_deploy_enabled"], MANIFEST["settings"]["token_rotation_enabled"]) == (False,) * 2


@pytest.mark.parametrize("language", ["en", "de"])
def test_what_is_suggested_is_understood(language: str) -> None:
    say = voice(language).say
    typed = [say(f"slack.prompt_{name}_typed") for name in ("leave", "waiting", "help")]
    today = datetime(2026, 11, 16, tzinfo=UTC).date()
    heard = [understanding().understand(text, today=today, locale=language, is_command=False) for text in typed]
    assert [each.capability for each in heard if isinstance(each, Intent)] == ["leave_balance", "waiting", "help"]
    if language == "en":
        assert [prompt["message"] for prompt in MANIFEST["features"]["agent_view"]["suggested_prompts"]] == typed
