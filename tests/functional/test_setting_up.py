"""`doorward setup`, as somebody at a keyboard uses it, against stand-ins that refuse what the real ones refuse."""

from __future__ import annotations

import asyncio
import os
import select
import stat
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider
from tests.fakes.shell import Shell
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack
from tests.fakes.slack_workspace import BOT_TOKEN, TEAM
from tests.fakes.teams_server import APP_ID, APP_PASSWORD, TENANT, FakeTeams

URL = "https://doorward.example"


@pytest.fixture
def config(bare: Shell) -> Path:
    return bare.folder / "doorward.toml"


@pytest.fixture
def provider() -> Iterator[FakeOpenIdProvider]:
    made = FakeOpenIdProvider(lambda: datetime.now(UTC))
    made.issuer = made.transport_url
    yield made
    made.close()


def typed(shell: Shell, config: Path, *arguments: str, lines: tuple[str, ...] = (), **environ: Any) -> Result:
    env = {**shell.environ, "DOORWARD_CONFIG": str(config), **environ}
    return CliRunner().invoke(app, ["setup", *arguments], env=env, input="\n".join((*lines, "")))


def written(config: Path) -> dict[str, object]:
    return tomllib.loads(config.read_text(encoding="utf-8"))


def test_a_provider_is_pasted_tested_and_kept(bare: Shell, config: Path, provider: FakeOpenIdProvider) -> None:
    config.touch(mode=0o600)
    config.write_text(f'# ours\npublic_url = "{URL}"\n', encoding="utf-8")
    pasted = ("oidc", provider.transport_url, CLIENT_ID, CLIENT_SECRET)
    told = typed(bare, config, "provider", lines=pasted)
    assert told.exit_code == 0, told.output
    assert f"{URL}/signin/callback/company" in told.stderr
    assert "✓ client" in told.stderr
    assert CLIENT_SECRET not in told.output
    assert "Client" not in told.stdout, "talk is for stderr"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert config.read_text(encoding="utf-8").startswith("# ours\n"), "what was there is kept"
    assert written(config)["idps"] == {
        "company": {
            "kind": "oidc",
            "authority": provider.transport_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }
    }
    checked = typed(bare, config, "provider", "--check")
    assert checked.exit_code == 0


def test_a_wrong_secret_gets_the_fix_and_is_pasted_again(
    bare: Shell, config: Path, provider: FakeOpenIdProvider
) -> None:
    wrong = ("oidc", provider.transport_url, CLIENT_ID, "not-the-secret", "y")
    again = ("", "", "", CLIENT_SECRET)
    told = typed(bare, config, "provider", lines=(*wrong, *again))
    assert told.exit_code == 0, told.output
    assert "client id or secret is wrong" in told.stderr
    assert "not-the-secret" not in told.output


def test_it_is_taken_up_where_it_was_left(bare: Shell, config: Path, provider: FakeOpenIdProvider) -> None:
    told = typed(bare, config, "provider", lines=("oidc", provider.transport_url, CLIENT_ID, "wrong", "n"))
    assert told.exit_code == 1
    assert "what was pasted is kept" in told.stderr
    told = typed(bare, config, "provider", lines=("", "", "", CLIENT_SECRET))
    assert told.exit_code == 0, told.output
    told = typed(bare, config, "provider", lines=("", "", "", ""))
    assert told.exit_code == 0, "Enter keeps the secret that is set"
    assert "(Enter keeps" in told.stderr
    assert CLIENT_SECRET not in told.output


def test_an_authority_that_calls_itself_otherwise(bare: Shell, config: Path, provider: FakeOpenIdProvider) -> None:
    provider.issuer = "https://other.example"
    told = typed(bare, config, "provider", lines=("oidc", provider.transport_url, CLIENT_ID, CLIENT_SECRET, "n"))
    assert told.exit_code == 1
    assert "https://other.example: use exactly that" in told.stderr


async def test_slack_says_what_is_lacking(bare: Shell, config: Path) -> None:
    fake = FakeSlack(now=lambda: datetime.now(UTC))
    async with fake.running():
        environ: dict[str, Any] = {"DOORWARD_SLACK__API_BASE_URL": fake.api_base_url, "DOORWARD_PUBLIC_URL": URL}
        common = ("A1", SIGNING_SECRET, "123.456", "the-client-secret")

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


def test_teams_wants_the_secrets_value(bare: Shell, config: Path) -> None:
    fake = FakeTeams(now=lambda: datetime.now(UTC))
    with fake.running():
        environ: dict[str, Any] = {
            "DOORWARD_TEAMS__OPENID_METADATA_URL": f"{fake.url}/v1/.well-known/openidconfiguration",
            "DOORWARD_TEAMS__TOKEN_URL": fake.token_url,
        }
        told = typed(bare, config, "teams", lines=(APP_ID, "its-id", TENANT, "y", "", APP_PASSWORD, ""), **environ)
        assert told.exit_code == 0, told.output
        assert "copy the secret's value" in told.stderr
        assert "✓ signing keys" in told.stderr
        assert APP_PASSWORD not in told.output
        checked = typed(bare, config, "--check", **environ)
        assert "teams" in checked.stdout


def test_the_hr_system_of_the_demo_is_not_for_production(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("demo", "", "n"))
    assert told.exit_code == 1
    assert "refused in production" in told.stderr


def test_an_hr_system_this_version_does_not_speak_with(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("odoo", "E1001", "n"))
    assert told.exit_code == 1
    assert "DOORWARD_HR__KIND=odoo" in told.stderr


DEVELOPMENT: dict[str, Any] = {"DOORWARD_ENVIRONMENT": "development"}


def test_the_record_of_one_employee_is_read_live(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("demo", "E1001"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "✓ record of E1001: found; department sales, region eu, manager E1002." in told.stderr
    assert "✓ may: " in told.stderr
    assert "create leave" in told.stderr
    assert "one account for everybody" in told.stderr
    assert "employee" not in str(written(config)), "whose record was read is not kept"


@pytest.mark.parametrize(
    ("number", "fix"),
    [("E9999", "HR knows no E9999"), ("john", "john is no employee number"), ("'; --", "HR knows no '; --")],
)
def test_a_record_that_is_not_there_gets_the_fix(bare: Shell, config: Path, number: str, fix: str) -> None:
    told = typed(bare, config, "hr", lines=("demo", number, "y", "demo", "E1001"), **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert f"✗ record of {number}: {fix}" in told.stderr
    assert "✓ record of E1001" in told.stderr


def test_checking_hr_asks_nothing_and_reads_nobody(bare: Shell, config: Path) -> None:
    config.touch(mode=0o600)
    told = typed(bare, config, "hr", "--check", **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "connection" in told.stdout
    assert "record of" not in told.stdout


def test_it_speaks_the_language_of_the_shell(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "hr", lines=("demo", "E1001"), LC_ALL="de_DE.UTF-8", **DEVELOPMENT)
    assert told.exit_code == 0, told.output
    assert "HR-System" in told.stderr
    assert "✓ Datensatz von E1001: gefunden; Abteilung sales" in told.stderr
    told = typed(bare, config, "hr", lines=("demo", ""), LC_ALL="C.UTF-8", **DEVELOPMENT)
    assert "✓ connection: it answers" in told.stderr


def test_a_file_that_others_may_read_is_not_written_to(bare: Shell, config: Path) -> None:
    config.write_text("", encoding="utf-8")
    config.chmod(0o644)
    told = typed(bare, config, "provider")
    assert told.exit_code == 2
    assert "chmod 600" in told.stderr


def test_without_a_file_it_says_which_to_name(bare: Shell) -> None:
    told = CliRunner().invoke(app, ["setup", "all"], env=dict(bare.environ))
    assert told.exit_code == 2
    assert "DOORWARD_CONFIG=doorward.toml" in told.stderr
    told = CliRunner().invoke(app, ["setup", "slak"], env=dict(bare.environ))
    assert "slack" in told.stderr


def test_what_the_environment_sets_is_not_asked_for(bare: Shell, config: Path) -> None:
    told = typed(bare, config, "address", DOORWARD_PUBLIC_URL=URL)
    assert told.exit_code == 0, told.output
    assert "comes from DOORWARD_PUBLIC_URL" in told.stderr
    assert "public_url" not in written(config)


def test_on_a_terminal_a_secret_is_not_echoed(bare: Shell, config: Path, provider: FakeOpenIdProvider) -> None:
    """The same through a pseudo-terminal: what is typed for a secret does not appear on it."""
    import pty  # noqa: PLC0415 - only here

    pasted = ("oidc", provider.transport_url, CLIENT_ID, CLIENT_SECRET)
    environ = {**os.environ, **bare.environ, "DOORWARD_CONFIG": str(config), "TERM": "dumb"}
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "bot", "setup", "provider"], environ)  # noqa: S606
    shown = ""
    # Echoing is off once the blank after the colon is there.
    for prompt, line in zip(("[entra/oidc]", "Authority", "Client id", "Client secret: "), pasted, strict=True):
        while prompt not in shown.rpartition("\n")[2]:
            assert select.select([terminal], [], [], 20)[0], shown
            shown += os.read(terminal, 4096).decode()
        os.write(terminal, f"{line}\n".encode())
        shown += "\n"
    try:
        while piece := os.read(terminal, 4096):
            shown += piece.decode()
    except OSError:
        pass  # Linux says so when the other end is closed
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    os.close(terminal)
    assert "✗" not in shown
    assert CLIENT_ID in shown
    assert CLIENT_SECRET not in shown


def test_only_entra_is_asked_for_its_tenants(bare: Shell, config: Path, provider: FakeOpenIdProvider) -> None:
    tenant = "22222222-2222-2222-2222-222222222222"
    pasted = ("entra", provider.transport_url, CLIENT_ID, CLIENT_SECRET, tenant)
    told = typed(bare, config, "provider", lines=pasted)
    assert told.exit_code == 0, told.output
    assert "Tenants" in told.stderr
    idps = written(config)["idps"]
    assert isinstance(idps, dict)
    assert idps["company"]["tenant_ids"] == [tenant]
