"""`doorward setup slack`: over HTTP and Socket Mode, and left and taken up again at every question."""

from __future__ import annotations

import asyncio
import logging
import socket
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from bot.bootstrap.setting_up import keep
from tests.fakes.shell import Shell, typed, written
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack
from tests.fakes.slack_workspace import APP_TOKEN, BOT_TOKEN, TEAM
from tests.fakes.terminal import CTRL_C, run_in_terminal

URL = "https://doorward.example"
CLIENT_SECRET = "the-client-secret"
BY_HTTP = ("http", "A1", SIGNING_SECRET, "123.456", CLIENT_SECRET, BOT_TOKEN, TEAM)
BY_SOCKET = ("socket", "A1", APP_TOKEN, "123.456", CLIENT_SECRET, BOT_TOKEN, TEAM)
SECRETS = (SIGNING_SECRET, CLIENT_SECRET, BOT_TOKEN, APP_TOKEN)


async def test_slack_says_what_is_lacking(bare: Shell, config: Path) -> None:
    fake = FakeSlack(now=lambda: datetime.now(UTC))
    async with fake.running():
        environ: dict[str, Any] = {"DOORWARD_SLACK__API_BASE_URL": fake.api_base_url, "DOORWARD_PUBLIC_URL": URL}
        common = ("http", "A1", SIGNING_SECRET, "123.456", "the-client-secret")

        def walk(token: str, team: str, *more: str) -> Result:
            return typed(bare, config, "slack", lines=(*common, token, team, *more), **environ)

        told = await asyncio.to_thread(walk, "xoxb-other", TEAM, "n")
        assert told.exit_code == 1
        assert "xoxb-…) again" in told.stderr
        told = await asyncio.to_thread(walk, BOT_TOKEN, "T0OTHER", "n")
        assert f"this token is of {TEAM}" in told.stderr
        fake.scopes.discard("im:history")
        told = await asyncio.to_thread(walk, BOT_TOKEN, TEAM, "n")
        assert "add im:history" in told.stderr
        fake.scopes.add("im:history")
        told = await asyncio.to_thread(walk, BOT_TOKEN, TEAM)
        assert told.exit_code == 0, told.output
        assert f"{URL}/slack/events" in told.stderr
        for secret in (SIGNING_SECRET, BOT_TOKEN, "the-client-secret", "xoxb-other"):
            assert secret not in told.output
    kept = written(config)["slack"]
    assert isinstance(kept, dict)
    assert kept["team_ids"] == [TEAM]
    assert kept["bot_token"] == BOT_TOKEN


async def test_over_socket_mode_the_app_level_token_is_tried(bare: Shell, config: Path) -> None:
    fake = FakeSlack(now=lambda: datetime.now(UTC))
    async with fake.running():
        environ: dict[str, Any] = {"DOORWARD_SLACK__API_BASE_URL": fake.api_base_url, "DOORWARD_PUBLIC_URL": URL}

        async def walk(*lines: str) -> Result:
            return await asyncio.to_thread(typed, bare, config, "slack", lines=lines, **environ)

        told = await walk(*BY_SOCKET[:2], BOT_TOKEN, "xapp-other", *BY_SOCKET[3:], "n")
        assert told.exit_code == 1
        assert "it begins with xapp-" in told.stderr, "the bot's token in its place"
        assert "copy the app-level token (xapp-…) again" in told.stderr
        assert "--socket-mode" in told.stderr
        assert "/slack/events" not in told.stderr, "Slack is told no address to call"
        fake.app_scopes.clear()
        again = ("", "", APP_TOKEN, "", "", "", "")
        told = await walk(*again, "n")
        assert "scope connections:write: generate" in told.stderr
        fake.app_scopes.add("connections:write")
        told = await walk(*again)
        assert told.exit_code == 0, told.output
        assert "✓ apps.connections.open" in told.stderr
        assert not fake.socket.connections, "asked whether it would, and no more"
        assert not [secret for secret in (*SECRETS, "xapp-other") if secret in told.output]
        assert "signing_secret" not in written(config)["slack"]

        checked = await asyncio.to_thread(typed, bare, config, "slack", "--check", **environ)
        assert (checked.exit_code, "apps.connections.open" in checked.stdout) == (0, True)
        told = await walk("http", "", SIGNING_SECRET, "", "", "", "")
        assert told.exit_code == 0, told.output
        assert "app_token" not in written(config)["slack"], "one way in, not both"
        assert "✓ signing secret" in told.stderr


async def test_only_the_fallback_takes_addresses(bare: Shell, config: Path) -> None:
    fake = FakeSlack(now=lambda: datetime.now(UTC))
    async with fake.running():
        environ: dict[str, Any] = {"DOORWARD_SLACK__API_BASE_URL": fake.api_base_url, "DOORWARD_PUBLIC_URL": URL}

        async def walk(*arguments: str, **more: Any) -> Result:
            return await asyncio.to_thread(typed, bare, config, "slack", *arguments, **environ, **more)

        assert (await asyncio.to_thread(typed, bare, config, "slack", lines=BY_HTTP, **environ)).exit_code == 0
        told = await walk("--check", DOORWARD_SLACK__DIRECTORY_EMAILS="true")
        assert told.exit_code == 1
        assert "add users:read.email" in told.stdout
        fake.scopes.add("users:read.email")
        assert (await walk("--check", DOORWARD_SLACK__DIRECTORY_EMAILS="true")).exit_code == 0
        told = await walk("--check", "--json")
        assert told.exit_code == 0
        assert "not needed: users:read.email" in told.stdout, "granted, and nothing uses it"


def test_installed_in_several_workspaces_there_is_no_token_to_try(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    told = typed(
        bare,
        config,
        "slack",
        "--check",
        DOORWARD_SLACK__CLIENT_ID="1.2",
        DOORWARD_SLACK__CLIENT_SECRET=CLIENT_SECRET,
        DOORWARD_SLACK__SIGNING_SECRET=SIGNING_SECRET,
        DOORWARD_SLACK__TEAM_IDS=TEAM,
    )
    assert told.exit_code == 0, told.output


AWAY: dict[str, Any] = {"DOORWARD_SLACK__API_BASE_URL": "http://127.0.0.1:9/"}


@pytest.mark.parametrize("pasted", [BY_HTTP, BY_SOCKET], ids=["http", "socket"])
def test_left_at_any_question_it_goes_on_there(
    bare: Shell, config: Path, pasted: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """A closed terminal at every question; each run is given one answer more, Enter for what is there."""
    caplog.set_level(logging.DEBUG)
    typed(bare, config, "slack", lines=(*pasted, "n"), **AWAY)
    whole = written(config)
    config.unlink()
    for number, answer in enumerate(pasted):
        # How it is reached is nowhere but in the token it takes, and so is asked each time.
        known = (pasted[0], *[""] * (number - 1))[:number]
        told = typed(bare, config, "slack", lines=(*known, answer), **AWAY)
        assert told.exit_code == 1
        if number < len(pasted) - 1:
            assert f"Stopped. What was pasted is kept in {config}" in told.stderr
        assert "doorward setup slack" in told.stderr or "kept" in told.stderr
        assert stat.S_IMODE(config.stat().st_mode) == 0o600
        assert not [secret for secret in SECRETS if secret in told.output or secret in caplog.text]
    assert written(config) == whole
    assert [path.name for path in bare.folder.iterdir()] == [config.name], "nothing is left beside it"


@pytest.mark.parametrize(
    ("number", "wrong"),
    [
        (0, "websocket"),
        (1, "123.456"),
        (1, BOT_TOKEN),
        (2, BOT_TOKEN),
        (3, APP_TOKEN),
        (4, BOT_TOKEN),
        (5, "xoxp-a-persons"),
        (5, SIGNING_SECRET),
        (6, "company.slack.com"),
        (6, f"{TEAM},#general"),
    ],
)
def test_what_cannot_be_right_is_asked_for_again(bare: Shell, config: Path, number: int, wrong: str) -> None:
    lines = (*BY_HTTP[:number], wrong, *BY_HTTP[number:], "n")
    told = typed(bare, config, "slack", lines=lines, **AWAY)
    typed_blind = number in (2, 4, 5)
    assert not typed_blind or wrong not in told.stderr, "what is shown is what was typed, where that is shown"
    kept = written(config)["slack"]
    assert (kept["app_id"], kept["signing_secret"], kept["client_id"]) == ("A1", SIGNING_SECRET, "123.456")
    assert (kept["client_secret"], kept["bot_token"], kept["team_ids"]) == (CLIENT_SECRET, BOT_TOKEN, [TEAM])
    assert "Nothing of what you pasted was kept" in told.stderr or "Answer one of" in told.stderr


@pytest.mark.parametrize("around", ["  {} ", '"{}"', "'{}'\t", "“{}”", "\ufeff{}\u00a0", "{}\r"])
def test_what_is_copied_along_is_left_out(bare: Shell, config: Path, around: str) -> None:
    lines = ("http", *(around.format(one) for one in BY_HTTP[1:]), "n")
    typed(bare, config, "slack", lines=lines, **AWAY)
    kept = written(config)["slack"]
    assert (kept["signing_secret"], kept["bot_token"], kept["team_ids"]) == (SIGNING_SECRET, BOT_TOKEN, [TEAM])


def test_a_full_disk_leaves_the_file_as_it_was(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    keep(config, {("slack", "app_id"): "A1"})
    before = config.read_bytes()
    full = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8)); from bot.cli import main; main()"
    )
    environ = {**bare.environ, "DOORWARD_CONFIG": str(config), "PYTHONDONTWRITEBYTECODE": "1"}
    status, shown = run_in_terminal(["-c", full, "setup", "slack"], environ, ("http",))
    assert (status, "cannot be written" in shown, "Traceback" in shown) == (2, True, False), shown
    assert config.read_bytes() == before
    assert [path.name for path in bare.folder.iterdir()] == [config.name]


def test_ctrl_c_at_a_secret_and_during_a_test(bare: Shell, config: Path) -> None:
    setup, environ = ["-m", "bot", "setup", "slack"], {**bare.environ, "DOORWARD_CONFIG": str(config)}
    status, shown = run_in_terminal(setup, environ, ("http", "A1", CTRL_C))
    assert (status, "Stopped." in shown) == (1, True), shown
    assert written(config)["slack"] == {"app_id": "A1"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environ["DOORWARD_SLACK__API_BASE_URL"] = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        status, shown = run_in_terminal(setup, environ, ("", "", *BY_HTTP[2:], silent))
    assert (status, "Stopped." in shown, "Traceback" in shown) == (1, True, False), shown
    assert not [secret for secret in SECRETS if secret in shown]
    assert written(config)["slack"]["bot_token"] == BOT_TOKEN
