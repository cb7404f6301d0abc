"""Settings from environment and file: what is taken, what is refused, and that no refusal quotes a secret."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import Misconfigured
from bot.settings.chats import Slack
from bot.settings.directories import Idp
from bot.settings.systems import SystemKind
from bot.settings.tree import Environment, Settings, load, names

IDP = {
    "DOORWARD_IDPS__COMPANY__AUTHORITY": "https://login.company.test",
    "DOORWARD_IDPS__COMPANY__CLIENT_ID": "doorward",
}


def slack(**environ: str) -> Slack:
    found = load({f"DOORWARD_SLACK__{name}": value for name, value in environ.items()}).slack
    assert found is not None
    return found


def idp(**environ: str) -> Idp:
    return load({**IDP, **{f"DOORWARD_IDPS__COMPANY__{name}": value for name, value in environ.items()}}).idps[
        "company"
    ]


def refusal(environ: dict[str, str]) -> str:
    with pytest.raises(Misconfigured) as refused:
        load(environ)
    return refused.value.detail


def test_production_is_the_default() -> None:
    settings = load({})
    assert settings.environment is Environment.PRODUCTION
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.slack, settings.teams) == (None, None)


def test_nothing_but_what_is_given_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOORWARD_PORT", "1")
    assert Settings().port == load({}).port == 8080
    assert load().port == 1


@pytest.mark.parametrize("written", ["T1,T2", " T1 , T2 ,", '["T1", "T2"]'])
def test_a_list_is_commas_or_json(written: str) -> None:
    assert slack(TEAM_IDS=written).team_ids == ("T1", "T2")
    assert idp(TENANT_IDS=written).tenant_ids == ("T1", "T2")


def test_an_empty_list_stays_empty() -> None:
    assert slack(TEAM_IDS="", SIGNING_SECRET="").signing_secret == ()


def test_a_signing_secret_may_have_an_end() -> None:
    written = '["new", {"value": "old", "until": "2030-01-31T00:00:00Z"}]'
    new, old = slack(SIGNING_SECRET=written).signing_secret
    assert (new.get_secret_value(), new.until) == ("new", None)
    assert (old.get_secret_value(), old.until) == ("old", datetime(2030, 1, 31, tzinfo=UTC))


def test_an_end_without_a_time_zone_is_refused() -> None:
    said = refusal({"DOORWARD_SLACK__SIGNING_SECRET": '[{"value": "old", "until": "2030-01-31T00:00:00"}]'})
    assert "DOORWARD_SLACK__SIGNING_SECRET" in said


def test_role_claims_keep_their_capitals() -> None:
    assert idp(ROLE_CLAIMS='{"Groups": {"A-1": "hr_manager"}}').role_claims == {"Groups": {"A-1": "hr_manager"}}


def test_an_empty_path_is_none() -> None:
    assert load({"DOORWARD_KEYS__FILE": ""}).keys.file is None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "doorward.toml"
    path.write_text("""
port = 1
public_url = "https://file"
[slack]
team_ids = ["T9"]
bot_token = "from-file"
[hr]
kind = "odoo"
""")
    return path


def test_the_environment_comes_before_the_file_name_by_name(file: Path) -> None:
    settings = load({"DOORWARD_CONFIG": str(file), "DOORWARD_PORT": "2", "DOORWARD_SLACK__BOT_TOKEN": "from-env"})
    assert (settings.port, settings.public_url, settings.hr.kind) == (2, "https://file", SystemKind.ODOO)
    assert settings.slack is not None
    assert settings.slack.team_ids == ("T9",)
    assert settings.slack.bot_token.get_secret_value() == "from-env"


def test_an_unknown_name_in_the_file_is_refused_with_the_nearest(file: Path) -> None:
    file.write_text('[slack]\nbot_tokem = "x"\n')
    said = refusal({"DOORWARD_CONFIG": str(file)})
    assert said == "DOORWARD_SLACK__BOT_TOKEM is not a setting; did you mean DOORWARD_SLACK__BOT_TOKEN?"


@pytest.mark.parametrize("content", [None, "port = = 1", "\x00"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "doorward.toml"
    if content is not None:
        path.write_text(content)
    assert refusal({"DOORWARD_CONFIG": str(path)}).startswith(f"DOORWARD_CONFIG={path}: ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("DOORWARD_PROT", "DOORWARD_PORT"),
        ("doorward_prot", "DOORWARD_PORT"),
        ("DOORWARD_SLACK__SIGNING_SECRETS", "DOORWARD_SLACK__SIGNING_SECRET"),
        ("DOORWARD_IDPS__COMPANY__CLIENTID", "DOORWARD_IDPS__<NAME>__CLIENT_ID"),
        ("DOORWARD_CONFIGURATION", "DOORWARD_CONFIG"),
        ("DOORWARD_SLACK", "DOORWARD_SLACK__APP_ID"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(name: str, nearest: str) -> None:
    assert refusal({name: "1"}) == f"{name} is not a setting; did you mean {nearest}?"


def test_the_tests_own_variables_are_let_be() -> None:
    assert load({"DOORWARD_TEST_PROFILE": "chaos", "PATH": "/bin"}).port == 8080


def test_every_name_is_taken() -> None:
    assert "DOORWARD_SLACK__SIGNING_SECRET" in names()
    assert not [name for name in names() if name.endswith("__VALUE")]


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({"DOORWARD_PORT": "SENTINEL"}, "DOORWARD_PORT"),
        ({"DOORWARD_PORT": "65536"}, "DOORWARD_PORT"),
        ({"DOORWARD_ENVIRONMENT": "SENTINEL"}, "DOORWARD_ENVIRONMENT"),
        ({"DOORWARD_HR__KIND": "SENTINEL"}, "DOORWARD_HR__KIND"),
        ({"DOORWARD_SESSION__IDLE_SECONDS": "3601"}, "DOORWARD_SESSION__IDLE_SECONDS"),
        ({"DOORWARD_SESSION__ABSOLUTE_SECONDS": "86401"}, "DOORWARD_SESSION__ABSOLUTE_SECONDS"),
        ({"DOORWARD_SLACK__SIGNING_SECRET": '["SENTINEL'}, "DOORWARD_SLACK__SIGNING_SECRET"),
        ({"DOORWARD_SLACK__SIGNING_SECRET": '[{"valeu": "SENTINEL"}]'}, "DOORWARD_SLACK__SIGNING_SECRET"),
        ({**IDP, "DOORWARD_IDPS__COMPANY__ROLE_CLAIMS": "SENTINEL"}, "DOORWARD_IDPS__COMPANY__ROLE_CLAIMS"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name_and_never_quoted(environ: dict[str, str], setting: str) -> None:
    said = refusal(environ)
    assert setting in said
    assert "SENTINEL" not in said


def test_everything_that_is_wrong_is_told_at_once() -> None:
    said = refusal({"DOORWARD_PORT": "x", "DOORWARD_HR__KIND": "y"})
    assert [line.partition(":")[0] for line in said.splitlines()] == ["DOORWARD_PORT", "DOORWARD_HR__KIND"]


def test_settings_show_no_secret() -> None:
    settings = load(
        {
            "DOORWARD_SLACK__SIGNING_SECRET": "SENTINEL",
            "DOORWARD_TEAMS__APP_PASSWORD": "SENTINEL",
            "DOORWARD_DATABASE_URL": "postgresql://u:SENTINEL@h/d",
            **IDP,
            "DOORWARD_IDPS__COMPANY__CLIENT_SECRET": "SENTINEL",
        }
    )
    assert "SENTINEL" not in f"{settings!r}{settings}{settings.model_dump_json()}"
