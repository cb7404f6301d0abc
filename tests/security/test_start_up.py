"""Start-up is refused half-configured, and demo and real parts never meet; every refusal names its setting."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.bootstrap.refusals import DEMO_MARK, problems, refuse_unready
from bot.cli import app
from bot.errors import Misconfigured
from bot.settings.tree import load
from storage.crypto import Keyring
from storage.database import open_database
from storage.migration import migrate

READY = {
    "DOORWARD_PUBLIC_URL": "https://doorward.company.test",
    "DOORWARD_KEYS__FILE": "keys.json",
    "DOORWARD_SLACK__SIGNING_SECRET": "made-up",
    "DOORWARD_SLACK__BOT_TOKEN": "xoxb-made-up",
    "DOORWARD_SLACK__TEAM_IDS": "T1",
    "DOORWARD_TEAMS__APP_ID": "made-up",
    "DOORWARD_TEAMS__APP_PASSWORD": "made-up",
    "DOORWARD_TEAMS__TENANT_IDS": "tenant",
    "DOORWARD_IDPS__COMPANY__KIND": "entra",
    "DOORWARD_IDPS__COMPANY__AUTHORITY": "https://login.microsoftonline.com/tenant",
    "DOORWARD_IDPS__COMPANY__CLIENT_ID": "made-up",
    "DOORWARD_IDPS__COMPANY__CLIENT_SECRET": "made-up",
    "DOORWARD_IDPS__COMPANY__TENANT_IDS": "tenant",
    "DOORWARD_HR__KIND": "odoo",
    "DOORWARD_CRM__KIND": "odoo",
}
WITH_GRAPH = READY | {
    "DOORWARD_IDPS__COMPANY__ROLE_CLAIMS": '{"groups": {"an-id": "employee"}}',
    "DOORWARD_IDPS__COMPANY__GRAPH__BASE_URL": "https://graph.microsoft.com",
}
COMPLETE = sorted(setting for setting in READY if not setting.endswith("__KIND"))
CHANGED = [
    ("DOORWARD_SLACK__SIGNING_SECRET", '["made-up", ""]'),
    ("DOORWARD_SLACK__API_BASE_URL", "http://slack.com/api/"),
    ("DOORWARD_SLACK__API_BASE_URL", "https://slack.com.evil.test/api/"),
    ("DOORWARD_SLACK__API_BASE_URL", "https://slack.com@evil.test/api/"),
    ("DOORWARD_SLACK__API_BASE_URL", "https://slack.com:8443/api/"),
    ("DOORWARD_SLACK__API_BASE_URL", "http://127.0.0.1:9/api/"),
    ("DOORWARD_SLACK__API_BASE_URL", "https://["),
    ("DOORWARD_TEAMS__OPENID_METADATA_URL", "http://login.botframework.com/v1/.well-known/openidconfiguration"),
    ("DOORWARD_TEAMS__OPENID_METADATA_URL", "https://login.evil.test/v1/.well-known/openidconfiguration"),
    ("DOORWARD_TEAMS__OPENID_METADATA_URL", "http://127.0.0.1:9/"),
    ("DOORWARD_TEAMS__TOKEN_URL", "http://login.microsoftonline.com/token"),
    ("DOORWARD_IDPS__COMPANY__AUTHORITY", ""),
    ("DOORWARD_IDPS__COMPANY__AUTHORITY", "http://login.company.test"),
    ("DOORWARD_IDPS__COMPANY__AUTHORITY", "https://localhost:5000"),
    ("DOORWARD_IDPS__COMPANY__AUTHORITY", "https://idp.doorward.invalid/demo"),
    ("DOORWARD_IDPS__COMPANY__TRANSPORT_URL", "http://127.0.0.1:9"),
    ("DOORWARD_IDPS__COMPANY__CLIENT_CERTIFICATE", "beside the secret"),
    ("DOORWARD_IDPS__COMPANY__ATTRIBUTES__DEPARTMENT", "graph:department"),
    ("DOORWARD_IDPS__COMPANY__ATTRIBUTES__MANAGER", "scim"),
    ("DOORWARD_IDPS__COMPANY__STEP_UP_ACR_VALUES", "mfa"),
    ("DOORWARD_IDPS__COMPANY__PHISHING_RESISTANT_ACR_VALUES", "c2"),
    ("DOORWARD_BOOTSTRAP__ADMINISTRATORS", "group@partner:it-admins"),
    ("DOORWARD_PUBLIC_URL", "http://doorward.company.test"),
    ("DOORWARD_FACTORS__FIRST_ON_PASSWORD", "true"),
    ("DOORWARD_HR__KIND", "demo"),
    ("DOORWARD_CRM__KIND", "demo"),
]
FOR_TESTS_ONLY = {
    "DOORWARD_ENVIRONMENT": "development",
    "DOORWARD_PUBLIC_URL": "http://127.0.0.1:8080",
    "DOORWARD_SLACK__API_BASE_URL": "http://127.0.0.1:9/api/",
    "DOORWARD_TEAMS__OPENID_METADATA_URL": "http://127.0.0.1:9/openid",
    "DOORWARD_IDPS__COMPANY__TRANSPORT_URL": "http://127.0.0.1:9",
    "DOORWARD_HR__KIND": "demo",
    "DOORWARD_CRM__KIND": "demo",
}
REAL = [
    *sorted(READY.items()),
    ("DOORWARD_SLACK__APP_ID", "A1"),
    ("DOORWARD_DATABASE_URL", "sqlite:///real.db"),
    ("DOORWARD_ENVIRONMENT", "production"),
    ("DOORWARD_HOST", "0.0.0.0"),  # noqa: S104 - what must be refused
]


def refused(environ: dict[str, str]) -> list[str]:
    return list(problems(load(environ)))


def doorward(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        env={"PATH": "/usr/bin:/bin", **environ},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_what_is_complete_is_not_refused() -> None:
    assert refused(READY) == []
    refuse_unready(load(READY))


@pytest.mark.requirement("7")
@pytest.mark.parametrize("setting", COMPLETE)
@pytest.mark.parametrize("environment", ["production", "development"])
def test_an_empty_setting_is_refused_by_name(setting: str, environment: str) -> None:
    said = refused({**READY, setting: "", "DOORWARD_ENVIRONMENT": environment})
    assert len(said) == 1
    assert said[0].startswith(setting)


@pytest.mark.requirement("7")
def test_blank_is_empty() -> None:
    assert len(refused({**READY, "DOORWARD_SLACK__BOT_TOKEN": " ", "DOORWARD_TEAMS__APP_ID": " "})) == 2


@pytest.mark.requirement("95")
@pytest.mark.parametrize(("setting", "value"), CHANGED)
def test_production_refuses_by_name(setting: str, value: str) -> None:
    said = refused({**READY, setting: value})
    assert said
    assert all(setting in line for line in said)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DOORWARD_SLACK__API_BASE_URL", "https://slack-gov.com/api/"),
        (
            "DOORWARD_TEAMS__OPENID_METADATA_URL",
            "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
        ),
    ],
)
def test_production_takes_the_government_hosts(setting: str, value: str) -> None:
    assert refused({**READY, setting: value}) == []


def test_a_group_that_makes_administrators_is_one_providers() -> None:
    partner = {name.replace("COMPANY", "PARTNER"): value for name, value in READY.items() if "IDPS" in name}
    both = {**READY, **partner}
    named = "DOORWARD_BOOTSTRAP__ADMINISTRATORS"
    told = refused({**both, named: "group:it-admins"})
    assert any(named in line and "group@NAME:it-admins" in line for line in told)
    assert not any(named in line for line in refused({**both, named: "group@company:it-admins"}))
    assert not any(named in line for line in refused({**READY, named: "group:it-admins"}))


def test_development_takes_stand_ins() -> None:
    assert refused({**READY, **FOR_TESTS_ONLY}) == []
    assert len(refused({**READY, **FOR_TESTS_ONLY, "DOORWARD_ENVIRONMENT": "production"})) == 6


def test_production_without_any_chat_or_provider_is_refused() -> None:
    bare = {name: value for name, value in READY.items() if name.split("_")[1] not in {"SLACK", "TEAMS", "IDPS"}}
    assert [line.split("_")[1] for line in refused(bare)] == ["SLACK", "IDPS"]


@pytest.mark.requirement("7")
def test_serve_exits_with_2_and_every_name(run: CliRunner) -> None:
    result = run.invoke(app, ["serve"], env={**READY, "DOORWARD_PORT": "0", "DOORWARD_SLACK__SIGNING_SECRET": ""})
    assert result.exit_code == 2
    assert "DOORWARD_SLACK__SIGNING_SECRET is empty" in result.stderr
    assert result.stdout == ""


@pytest.mark.requirement("95")
@pytest.mark.parametrize(("setting", "value"), REAL)
def test_the_demo_refuses_every_real_setting_by_name(run: CliRunner, setting: str, value: str) -> None:
    environ = {setting: value}
    if setting.startswith("DOORWARD_IDPS__"):  # a provider without the rest would be refused for that
        environ = {"DOORWARD_IDPS__COMPANY__AUTHORITY": "https://a.test", "DOORWARD_IDPS__COMPANY__CLIENT_ID": "c"}
        environ[setting] = value
    result = run.invoke(app, ["demo", "--port", "0"], env=environ)
    assert result.exit_code == 2
    assert setting in result.stderr
    assert "unset it" in result.stderr
    assert value not in result.stderr or setting in {"DOORWARD_ENVIRONMENT", "DOORWARD_HOST"}


@pytest.mark.requirement("95")
def test_the_demo_refuses_a_real_setting_in_the_file(run: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "doorward.toml"
    file.write_text('[slack]\nbot_token = "xoxb-made-up"\n')
    result = run.invoke(app, ["demo", "--port", "0"], env={"DOORWARD_CONFIG": str(file)})
    assert (result.exit_code, "DOORWARD_SLACK__BOT_TOKEN" in result.stderr) == (2, True)


@pytest.mark.requirement("95")
def test_production_refuses_the_demos_database(run: CliRunner, tmp_path: Path) -> None:
    url, keys = f"sqlite:///{tmp_path / 'demo.db'}", Keyring.generate()
    keys.save(tmp_path / "keys.json")
    migrate(url)

    async def mark() -> None:
        database = open_database(url, keys=keys)
        await database.write(lambda tx: tx.jobs.set_mark(DEMO_MARK, "yes"))
        await database.close()

    asyncio.run(mark())
    environ = {**READY, "DOORWARD_DATABASE_URL": url, "DOORWARD_PORT": "0"}
    for verb, status in (("serve", 2), ("check", 1)):
        result = run.invoke(app, [verb], env=environ)
        assert result.exit_code == status
        assert "DOORWARD_DATABASE_URL: this database belongs to the demo" in result.output


@pytest.mark.parametrize("content", [None, "{", '{"form": 1, "keys": {}}'])
def test_serve_refuses_keys_that_are_not_there(run: CliRunner, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "keys.json").write_text(content)
    result = run.invoke(app, ["serve"], env={**READY, "DOORWARD_PORT": "0"})
    assert result.exit_code == 2
    assert "key" in result.stderr


def test_an_unknown_variable_stops_every_verb() -> None:
    result = doorward("check", DOORWARD_SLACK__SIGNING_SECRTE="SENTINEL")
    assert result.returncode == 2
    assert result.stderr == (
        "doorward: DOORWARD_SLACK__SIGNING_SECRTE is not a setting; did you mean DOORWARD_SLACK__SIGNING_SECRET?\n"
    )
    assert result.stdout == ""


def test_all_problems_are_one_refusal() -> None:
    with pytest.raises(Misconfigured) as caught:
        refuse_unready(load({**READY, "DOORWARD_PUBLIC_URL": "", "DOORWARD_HR__KIND": "demo"}))
    assert len(caught.value.detail.splitlines()) == 2


@pytest.mark.requirement("95")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DOORWARD_IDPS__COMPANY__GRAPH__BASE_URL", "https://graph.evil.test"),
        ("DOORWARD_IDPS__COMPANY__GRAPH__BASE_URL", "http://graph.microsoft.com"),
        ("DOORWARD_IDPS__COMPANY__GRAPH__BASE_URL", "https://graph.microsoft.com@evil.test"),
        ("DOORWARD_IDPS__COMPANY__GRAPH__TRANSPORT_URL", "http://127.0.0.1:9"),
        ("DOORWARD_IDPS__COMPANY__GRAPH__CLIENT_ID", "without a secret"),
        ("DOORWARD_IDPS__COMPANY__ROLE_CLAIMS", '{"roles": {"a": "employee"}, "groups": {}}'),
    ],
)
def test_production_asks_nobody_but_microsoft_about_entras_people(setting: str, value: str) -> None:
    refuse_unready(load(WITH_GRAPH))
    said = refused({**WITH_GRAPH, setting: value})
    assert said
    assert all(setting in line for line in said)
