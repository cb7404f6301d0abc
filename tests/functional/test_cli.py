"""The shell as a person and a script use it: help, settings, first steps, records, on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from bot.bootstrap.shell_examples import USAGES
from bot.bootstrap.shell_output import harmless
from bot.cli import app
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.audit import EventType
from bot.domain.effect import Effect, EffectState
from bot.domain.grant import Grant
from bot.domain.identity import (
    Person,
    Platform,
    Role,
    RoleGrant,
)
from bot.domain.messages import Place, PlaceKind
from bot.domain.session import Session
from bot.ports.database import Transaction
from storage.crypto import Keyring
from tests.fakes.shell import CHANNEL, JOHN, NOON, Shell, event, link

ROOT = Path(__file__).resolve().parents[2]


def verbs(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb under a command; Typer brings a Click of its own, without public types."""
    for word, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, command


VERBS: dict[str, Any] = dict(verbs(get_command(app)))


class TestHelp:
    def test_every_verb_ends_its_help_in_how_it_is_used(self) -> None:
        assert set(VERBS) == set(USAGES)

    @pytest.mark.parametrize("name", sorted(VERBS))
    def test_a_verb_says_what_it_does_and_what_each_option_is(self, bare: Shell, name: str) -> None:
        result = bare(*name.split(), "--help")
        assert result.exit_code == 0
        assert result.stderr == ""
        command = VERBS[name]
        assert len(command.help or "") > 20
        assert command.help.splitlines()[0][0].isupper()
        for parameter in command.params:
            assert getattr(parameter, "help", None), parameter.name
        for said in (f"For example: doorward {name}", "Needs: ", "Exit status: 0 done, "):
            assert said in result.stdout
        assert result.stdout.count("or example: doorward") == 1

    @pytest.mark.parametrize("name", sorted(USAGES))
    def test_an_example_can_be_typed(self, name: str) -> None:
        typed = shlex.split(USAGES[name].example.partition(" > ")[0])
        words = name.split()
        assert typed[: len(words)] == words
        VERBS[name].make_context(name, typed[len(words) :])  # raises for what it does not take

    def test_an_example_that_cannot_be_typed_would_be_found(self) -> None:
        with pytest.raises(Exception, match="No such option"):
            VERBS["roles grant"].make_context("roles grant", ["mia", "auditor", "--department", "x"])

    def test_the_program_runs_from_anywhere(self, tmp_path: Path) -> None:
        environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "bot", "policy", "validate"],
            env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")
        assert "may be put in force" in done.stderr

    def test_an_unknown_verb_is_2(self, bare: Shell) -> None:
        assert bare("frobnicate").exit_code == 2


class TestSettings:
    def test_show_masks_secrets_and_says_where_from(self, bare: Shell) -> None:
        file = bare.folder / "doorward.toml"
        file.write_text('port = 9000\n[slack]\nbot_token = "SENTINEL"\n')
        result = bare(
            *("config", "show", "--json"),
            DOORWARD_CONFIG=str(file),
            DOORWARD_SLACK__SIGNING_SECRET='["SENTINEL", {"value": "SENTINEL", "until": "2030-01-01T00:00:00Z"}]',
            DOORWARD_DATABASE_URL="postgresql://me:SENTINEL@db.test/doorward?password=SENTINEL",
            DOORWARD_IDPS__COMPANY__AUTHORITY="https://login.company.test",
            DOORWARD_IDPS__COMPANY__CLIENT_ID="doorward",
            DOORWARD_IDPS__COMPANY__CLIENT_SECRET="SENTINEL",
        )
        assert "SENTINEL" not in result.output
        rows = {row["setting"]: (row["value"], row["from"]) for row in json.loads(result.stdout)}
        assert rows["DOORWARD_PORT"] == (9000, f"file {file}")
        assert rows["DOORWARD_HOST"] == ("127.0.0.1", "default")
        assert rows["DOORWARD_SLACK__BOT_TOKEN"] == ("••••••", f"file {file}")
        assert rows["DOORWARD_SLACK__SIGNING_SECRET"] == (["••••••", "••••••"], "environment")
        assert rows["DOORWARD_IDPS__COMPANY__CLIENT_ID"] == ("doorward", "environment")
        assert rows["DOORWARD_IDPS__COMPANY__CLIENT_CERTIFICATE"] == ("", "default")
        assert rows["DOORWARD_DATABASE_URL"] == ("postgresql://me:***@db.test/doorward", "environment")

    def test_the_manifest_names_our_address(self, bare: Shell) -> None:
        given = bare("manifest", "slack", "--url", "https://doorward.company.test/")
        told = bare("manifest", "slack", DOORWARD_PUBLIC_URL="https://doorward.company.test")
        assert given.stdout == told.stdout
        assert "doorward.example.com" not in given.stdout
        made = json.loads(given.stdout)
        assert made["settings"]["interactivity"]["request_url"] == "https://doorward.company.test/slack/events"
        shipped = (ROOT / "manifest.json").read_text(encoding="utf-8")
        assert made == json.loads(shipped.replace("doorward.example.com", "doorward.company.test"))

    @pytest.mark.parametrize("url", ["", "http://doorward.company.test", "doorward.company.test"])
    def test_slack_calls_https_only(self, bare: Shell, url: str) -> None:
        result = bare("manifest", "slack", "--url", url)
        assert (result.exit_code, result.stdout) == (2, "")


class TestFirstSteps:
    def test_keys_database_check(self, bare: Shell) -> None:
        made = bare("keys", "init", "keys.json")
        assert (made.exit_code, made.stdout) == (0, "keys.json\n")
        file = bare.folder / "keys.json"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        before = file.read_bytes()
        assert bare("keys", "init", DOORWARD_KEYS__FILE="keys.json").exit_code == 2
        assert file.read_bytes() == before
        settings = {"DOORWARD_KEYS__FILE": "keys.json"}
        missing = json.loads(bare("check", "--json", **settings).stdout)
        assert [row["part"] for row in missing if "doorward migrate" in row["problem"]] == ["database"]
        assert not (bare.folder / "doorward.db").exists()
        assert bare("migrate").exit_code == bare("migrate").exit_code == 0
        rows = {row["part"]: row["good"] for row in json.loads(bare("check", "--json", **settings).stdout)}
        assert rows == {"settings": False, "policies": True, "keys": True, "database": True, "pay office": True}
        assert bare("check", **settings).exit_code == 1

    def test_check_is_0_where_serve_would_start(self, shell: Shell) -> None:
        ready = {"DOORWARD_ENVIRONMENT": "development", "DOORWARD_PUBLIC_URL": "http://127.0.0.1:8080"}
        assert shell("check", **ready).exit_code == 0

    def test_check_notices_keys_of_another_installation(self, shell: Shell) -> None:
        shell.write(lambda tx: tx.links.insert(link()))
        Keyring.generate().save(shell.folder / "other.json")
        result = shell("check", "--json", DOORWARD_KEYS__FILE="other.json")
        (row,) = [row for row in json.loads(result.stdout) if row["part"] == "database"]
        assert (result.exit_code, row["good"]) == (1, False)
        assert "links" in row["problem"]

    def test_a_database_that_does_not_answer_is_2(self, bare: Shell) -> None:
        url = "postgresql://me:SENTINEL@127.0.0.1:9/doorward"
        for verb in (("audit", "verify"), ("migrate",)):
            result = bare(*verb, DOORWARD_DATABASE_URL=url)
            assert result.exit_code == 2
            assert "SENTINEL" not in result.output

    def test_a_keys_file_is_not_written_into_nowhere(self, bare: Shell) -> None:
        assert bare("keys", "init", "nowhere/keys.json").exit_code == 2
        assert bare("keys", "init").exit_code == 2


def person() -> Person:
    return Person(
        identity=JOHN,
        provider="company",
        username="john",
        display_name="John",
        email=None,
        roles=frozenset({Role.EMPLOYEE}),
        department="sales",
        region="eu",
        manager=None,
        employee=None,
        idp_checked_at=NOON,
    )


class TestRecords:
    def test_roles_links_and_sessions_are_listed(self, shell: Shell) -> None:
        now = datetime.now(UTC)

        def work(tx: Transaction) -> None:
            tx.persons.save(person())
            tx.links.insert(link())
            tx.roles.insert(
                RoleGrant(
                    id="g1", identity=JOHN, role=Role.AUDITOR, scope="*", granted_by="raj", granted_at=NOON, until=NOON
                )
            )
            tx.sessions.open(
                Session(
                    id="SENTINEL",
                    channel=CHANNEL,
                    identity=JOHN,
                    opened_at=now,
                    last_used_at=now,
                    absolute_until=now + timedelta(hours=1),
                    auth_time=None,
                    acr=None,
                    amr=(),
                )
            )

        shell.write(work)
        (grant,) = shell.json("roles", "list")
        assert (grant["username"], grant["role"], grant["in_force"]) == ("john", "auditor", False)
        (made,) = shell.json("links", "list")
        assert (made["channel"], made["principal"]) == (CHANNEL.key, JOHN.key)
        (session,) = shell.json("sessions", "list")
        assert (session["username"], session["alive"]) == ("john", True)
        assert "SENTINEL" not in json.dumps(session)
        for noun in ("roles", "links", "sessions"):
            assert "john" in shell(noun, "list").stdout

    def test_an_effect_is_shown_without_its_arguments(self, shell: Shell) -> None:
        action = CanonicalAction(
            principal=JOHN.key,
            capability="leave.request",
            action="RequestLeave",
            resource=ResourceRef(type="Employee", id="E1"),
            arguments={"note": "SENTINEL"},
            salt="00" * 16,
        )
        grant = Grant(
            id="grant-1",
            identity=JOHN,
            employee=None,
            action=action,
            digest=action.digest,
            policy_hash="f00d",
            issued_at=NOON,
            until=NOON,
            correlation="c1",
            mac="m",
        )
        place = Place(platform=Platform.SLACK, tenant="T1", conversation="D1", kind=PlaceKind.DIRECT)
        intended = Effect(
            id="effect-1",
            grant=grant,
            channel=CHANNEL,
            place=place,
            proposal_id=None,
            source=None,
            state=EffectState.INTENDED,
            attempts=1,
            intended_at=NOON,
        )
        shell.write(lambda tx: tx.effects.intend(intended))
        assert shell("effects", "show", "effect-1").exit_code == 1, "an effect of which the log says nothing"
        logged = event(1, type=EventType.EFFECT_INTENDED, action="RequestLeave", resource="Employee::E1")
        shell.write(lambda tx: tx.audit.append(replace(logged, correlation="c1", digest=action.digest)))
        told = shell.json("effects", "show", "effect-1")
        assert (told["state"], told["resource"], told["digest"]) == ("intended", "Employee::E1", action.digest)
        table = shell("effects", "show", "effect-1")
        assert "SENTINEL" not in table.stdout + json.dumps(told)
        assert shell("effects", "show", "effect-2").exit_code == 1

    def test_a_row_that_was_not_written_by_us_is_an_alarm(self, shell: Shell) -> None:
        shell.write(lambda tx: tx.links.insert(link()))
        shell.sql("UPDATE links SET provider = 'forged'")
        result = shell("links", "list")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "links" in result.stderr


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("\x1b[31mred\x9b0m\nnext", "\\x1b[31mred\\x9b0m\\nnext"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("jöhn [bold]", "jöhn [bold]"),
        (("a", "b"), "a, b"),
        (None, ""),
        (True, "yes"),
    ],
)
def test_what_is_shown_cannot_steer_a_terminal(value: object, shown: str) -> None:
    assert harmless(value) == shown
