"""What is composed of Slack's settings: a sign-in, at Slack itself unless it is a stand-in on this computer."""

from __future__ import annotations

import pytest

from bot.bootstrap.chats import Chat, slack_chat
from bot.bootstrap.refusals import problems
from bot.settings.chats import Slack
from bot.settings.tree import Settings, load
from tests.fakes.clock import FixedClock

APP = {
    "DOORWARD_SLACK__SIGNING_SECRET": "s",
    "DOORWARD_SLACK__BOT_TOKEN": "xoxb-1",
    "DOORWARD_SLACK__TEAM_IDS": "T1",
}
SIGN_IN = {"DOORWARD_SLACK__CLIENT_ID": "1.2", "DOORWARD_SLACK__CLIENT_SECRET": "c"}


def settings(**more: str) -> Settings:
    return load(APP | {f"DOORWARD_SLACK__{name}": value for name, value in more.items()})


def chat(clock: FixedClock, environ: dict[str, str]) -> Chat:
    slack = load(APP | environ).slack
    assert isinstance(slack, Slack)
    return slack_chat(slack, clock)


def address(chat: Chat) -> str:
    assert chat.sign_in is not None
    return chat.sign_in.authorize_url(state="s", nonce="n", redirect_uri="r")


def test_without_a_client_there_is_no_sign_in(clock: FixedClock) -> None:
    made = chat(clock, {})
    assert (made.sign_in, made.sign_in_origins) == (None, ())


@pytest.mark.parametrize("alone", ["CLIENT_ID", "CLIENT_SECRET"])
def test_one_of_the_two_is_refused(alone: str) -> None:
    assert [line for line in problems(settings(**{alone: "x"})) if "go together" in line]
    assert not [line for line in problems(settings(CLIENT_ID="1.2", CLIENT_SECRET="c")) if "go together" in line]
    assert not [line for line in problems(settings()) if "go together" in line]


def test_signing_in_happens_at_slack(clock: FixedClock) -> None:
    made = chat(clock, SIGN_IN)
    assert address(made).startswith("https://slack.com/openid/connect/authorize?")
    assert made.sign_in_origins == ("https://slack.com", "https://*.slack.com")


@pytest.mark.parametrize(
    "url", ["https://slack.evil.example/api/", "http://127.0.0.1.evil.example/api/", "https://slack-gov.com/api/"]
)
def test_the_address_of_the_web_api_leads_no_code_elsewhere(clock: FixedClock, url: str) -> None:
    made = chat(clock, {**SIGN_IN, "DOORWARD_SLACK__API_BASE_URL": url})
    assert address(made).startswith("https://slack.com/")


def test_a_stand_in_on_this_computer_signs_in_itself(clock: FixedClock) -> None:
    made = chat(clock, {**SIGN_IN, "DOORWARD_SLACK__API_BASE_URL": "http://127.0.0.1:4000/api/"})
    assert address(made).startswith("http://127.0.0.1:4000/openid/connect/authorize?")
    assert made.sign_in_origins == ("http://127.0.0.1:4000",)


@pytest.mark.parametrize(("teams", "named"), [("T1", True), ("T1,T2", False), ("E1", False)])
def test_a_single_workspace_is_not_asked_for(clock: FixedClock, teams: str, named: bool) -> None:
    assert ("team=T1" in address(chat(clock, {**SIGN_IN, "DOORWARD_SLACK__TEAM_IDS": teams}))) is named
