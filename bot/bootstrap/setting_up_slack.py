"""The Slack part of `doorward setup`: over HTTP or over Socket Mode, with the least scopes that the settings take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from adapters import probes
from adapters.probes import Probe
from bot.bootstrap.setting_up import Asked, Part, nothing_set, public_address
from bot.bootstrap.shell_settings import slack_manifest
from bot.settings.chats import Slack
from bot.settings.tree import Settings
from bot.texts.sentences import Voice

HTTP, SOCKET = "http", "socket"
WAY = "slack_way"
APPS = "https://api.slack.com/apps"
MANIFEST_URL = "https://doorward.example.com"
"""Any address will do where only the scopes are looked at."""


def way(settings: Settings) -> str:
    """How Slack reaches us by the settings: an app-level token opens connections of our own."""
    return SOCKET if settings.slack is not None and settings.slack.app_token.get_secret_value() else HTTP


def scopes(slack: Slack | None) -> tuple[str, ...]:
    """The bot's scopes that these settings take."""
    made = slack_manifest(MANIFEST_URL, directory_emails=slack is not None and slack.directory_emails)
    return tuple(json.loads(json.dumps(made))["oauth_config"]["scopes"]["bot"])


def _copies(settings: Settings, reader: Voice, answers: Mapping[str, str]) -> Iterator[str]:
    address, by_socket = public_address(settings), answers.get(WAY, way(settings)) == SOCKET
    more = [" --socket-mode"] if by_socket else []
    if settings.slack is not None and settings.slack.directory_emails:
        more.append(" --directory-emails")
    yield reader.say("setup.copy.slack_create", url=APPS, command=f"doorward manifest slack{''.join(more)}")
    if by_socket:
        yield reader.say("setup.copy.slack_app_token")
    else:
        yield reader.say("setup.copy.slack_events", url=f"{address}/slack/events")
    yield reader.say("setup.copy.slack_redirect", url=f"{address}/signin/slack/callback")
    yield reader.say("setup.copy.slack_scopes", scopes=", ".join(scopes(settings.slack)))
    yield reader.say("setup.copy.slack_user_scopes", scopes="openid, profile")
    yield reader.say("setup.copy.slack_consent")


def _tests(settings: Settings, reader: Voice, answers: Mapping[str, str]) -> list[Probe]:
    given = settings.slack
    if given is None:
        return [nothing_set(reader)]
    return [*_token(given, reader), *_ways_in(given, reader, answers.get(WAY, way(settings)))]


def _token(given: Slack, reader: Voice) -> list[Probe]:
    token = given.bot_token.get_secret_value()
    if not token and given.client_id:
        # Installed in several workspaces: each one's token is in the database, and was proven when it came.
        return [Probe(what="auth.test", good=True, found=reader.say("setup.found.slack_installed"))]
    return probes.slack(
        token, teams=given.team_ids, scopes=scopes(given), api_base_url=given.api_base_url, reader=reader
    )


def _ways_in(given: Slack, reader: Voice, chosen: str) -> Iterator[Probe]:
    """Each way that is open, and the one that was chosen even where it is not."""
    app_token = given.app_token.get_secret_value()
    if app_token or chosen == SOCKET:
        yield probes.slack_socket(app_token, api_base_url=given.api_base_url, reader=reader)
    if given.signing_secret or chosen == HTTP:
        good = bool(given.signing_secret)
        fix = "" if good else reader.say("setup.fix.signing_secret")
        yield Probe(what=reader.say("setup.test.signing_secret"), good=good, fix=fix)


SLACK = Part(
    name="slack",
    optional=True,
    first=(
        Asked(
            setting=(),
            what=WAY,
            choices=(HTTP, SOCKET),
            usual=way,
            # Left there, it would go on opening connections that the app is not made for.
            clears=(HTTP, ("slack", "app_token")),
        ),
    ),
    asked=(
        Asked(setting=("slack", "app_id"), what="slack_app_id", begins=("A",)),
        Asked(setting=("slack", "signing_secret"), what="slack_signing_secret", secret=True, when=(WAY, HTTP)),
        Asked(
            setting=("slack", "app_token"),
            what="slack_app_token",
            secret=True,
            when=(WAY, SOCKET),
            begins=("xapp-",),
        ),
        Asked(setting=("slack", "client_id"), what="slack_client_id"),
        Asked(setting=("slack", "client_secret"), what="slack_client_secret", secret=True),
        Asked(setting=("slack", "bot_token"), what="slack_bot_token", secret=True, begins=("xoxb-",)),
        Asked(setting=("slack", "team_ids"), what="slack_team_ids", many=True, begins=("T", "E")),
    ),
    copy=_copies,
    test=_tests,
)
