"""`doorward setup`, as somebody at a keyboard uses it, against stand-ins that refuse what the real ones refuse."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app
from tests.fakes.entra_server import AUTHORITY, COMPANY_APP, COMPANY_SECRET, FakeEntra
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider
from tests.fakes.shell import Shell, typed, written
from tests.fakes.teams_server import APP_ID, APP_PASSWORD, TENANT, FakeTeams
from tests.fakes.terminal import run_in_terminal

URL = "https://doorward.example"


@pytest.fixture
def provider() -> Iterator[FakeOpenIdProvider]:
    made = FakeOpenIdProvider(lambda: datetime.now(UTC))
    made.issuer = made.transport_url
    yield made
    made.close()


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


def test_teams_wants_the_secrets_value(bare: Shell, config: Path) -> None:
    fake = FakeTeams(now=lambda: datetime.now(UTC))
    with fake.running():
        environ: dict[str, Any] = {
            "DOORWARD_TEAMS__OPENID_METADATA_URL": f"{fake.url}/v1/.well-known/openidconfiguration",
            "DOORWARD_TEAMS__TOKEN_URL": fake.token_url,
        }
        told = typed(
            bare, config, "teams", lines=(APP_ID, "its-id", TENANT, "", "y", "", APP_PASSWORD, "", ""), **environ
        )
        assert told.exit_code == 0, told.output
        assert "copy the secret's value" in told.stderr
        assert "✓ signing keys" in told.stderr
        assert APP_PASSWORD not in told.output
        checked = typed(bare, config, "--check", **environ)
        assert "teams" in checked.stdout


DEVELOPMENT: dict[str, Any] = {"DOORWARD_ENVIRONMENT": "development"}


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
    pasted = ("oidc", provider.transport_url, CLIENT_ID, CLIENT_SECRET)
    environ = {**bare.environ, "DOORWARD_CONFIG": str(config)}
    status, shown = run_in_terminal(["-m", "bot", "setup", "provider"], environ, pasted)
    assert status == 0, shown
    assert "✗" not in shown
    assert CLIENT_ID in shown
    assert CLIENT_SECRET not in shown


def test_only_entra_is_asked_for_its_tenants(bare: Shell, config: Path) -> None:
    fake = FakeEntra(now=lambda: datetime.now(UTC))
    with fake.running():
        reached: dict[str, Any] = {"DOORWARD_IDPS__COMPANY__TRANSPORT_URL": fake.transport_url}
        by_name = AUTHORITY.replace(TENANT, "company.onmicrosoft.com")
        pasted = ("entra", by_name, COMPANY_APP, COMPANY_SECRET, TENANT, "n")
        told = typed(bare, config, "provider", lines=pasted, **reached)
        assert f"calls itself {AUTHORITY}: use exactly that" in told.stderr, "without the version"
        told = typed(bare, config, "provider", lines=("", AUTHORITY, "", "", ""), **reached)
    assert told.exit_code == 0, told.output
    assert "Tenants" in told.stderr
    idps = written(config)["idps"]
    assert isinstance(idps, dict)
    assert idps["company"]["tenant_ids"] == [TENANT]


def test_a_single_tenants_bot_gets_its_token_there(bare: Shell, config: Path) -> None:
    fake = FakeTeams(now=lambda: datetime.now(UTC))
    with fake.running():
        environ: dict[str, Any] = {
            "DOORWARD_TEAMS__OPENID_METADATA_URL": f"{fake.url}/v1/.well-known/openidconfiguration",
            "DOORWARD_TEAMS__LOGIN_URL": "http://127.0.0.1:9/",
        }
        sso = f"api://botid-{APP_ID}"
        told = typed(bare, config, "teams", lines=(APP_ID, APP_PASSWORD, TENANT, APP_ID, sso, "n"), **environ)
    assert "begins with api://" in told.stderr
    assert "the token service says no answer" in told.stderr, "it asked where it is going to ask"
    teams = written(config)["teams"]
    assert isinstance(teams, dict)
    assert teams["token_url"] == f"http://127.0.0.1:9/{TENANT}/oauth2/v2.0/token"
    assert teams["sso_resource"] == sso


@pytest.mark.parametrize(
    ("pasted", "good"),
    [
        ("https://doorward.example", True),
        ("  “https://doorward.example/” ", True),
        ("\u200bhttps://doorward.example\u00a0", True),
        ("http://localhost:8080", True),
        ("http://doorward.example", False),
        ("http://localhost.example", False),
        ("doorward.example", False),
        ("https://doorward.example/slack/events", False),
        ("https://doorward.example/?a=b", False),
        ("https://", False),
        ("https://[", False),
    ],
)
def test_an_address_is_an_origin(bare: Shell, config: Path, pasted: str, good: bool) -> None:
    told = typed(bare, config, "address", lines=(pasted, "n"))
    assert (told.exit_code == 0) is good, told.output
    assert good or "without a path behind it" in told.stderr
