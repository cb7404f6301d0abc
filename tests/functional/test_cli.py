"""The shell as a person and a script use it: every verb's help, data and exit status, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from typer.main import get_command
from typer.testing import CliRunner, Result

from bot.bootstrap.shell_output import harmless
from bot.cli import app
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.audit import AuditEvent, EventType
from bot.domain.effect import Effect, EffectState
from bot.domain.grant import Grant
from bot.domain.identity import (
    ChannelIdentity,
    Issuer,
    Link,
    LinkedIdentity,
    Person,
    Platform,
    Role,
    RoleGrant,
    Subject,
)
from bot.domain.messages import Place, PlaceKind
from bot.domain.session import Session
from bot.ports.database import Transaction
from policy.sources import POLICIES
from storage.audit_log import CHUNK
from storage.crypto import Keyring
from storage.database import open_database
from storage.migration import migrate
from tests.postgres import PostgresCluster

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
CONTRACT = [
    *("seq", "time", "type", "principal", "channel", "action", "resource", "decision", "rules", "policy_hash"),
    *("correlation", "code"),
]
JOHN = LinkedIdentity(issuer=Issuer("https://login.company.test"), subject=Subject("john"))
CHANNEL = ChannelIdentity(platform=Platform.SLACK, tenant="T1", account="U1")
VERBS = {
    *("demo", "serve", "migrate", "check", "config show", "manifest slack", "keys init"),
    *("policy validate", "policy test", "policy explain", "policy diff", "policy replay"),
    *("audit search", "audit export", "audit verify"),
    *("roles list", "links list", "sessions list", "effects show"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A shell in a folder of its own, with one installation's settings."""

    environ: Mapping[str, str]
    folder: Path
    sql: Callable[[str], object]
    """What a database administrator could do."""

    def __call__(self, *arguments: str, **environ: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env={**self.environ, **environ})

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def write(self, work: Callable[[Transaction], object]) -> None:
        asyncio.run(self._write(work))

    async def _write(self, work: Callable[[Transaction], object]) -> None:
        keys = Keyring.load(self.folder / "keys.json", now=NOON)
        database = open_database(self.environ["DOORWARD_DATABASE_URL"], keys=keys)
        try:
            await database.write(work)
        finally:
            await database.close()


def run_sqlite(path: Path) -> Callable[[str], object]:
    def sql(statement: str) -> None:
        import sqlite3  # noqa: PLC0415 - only here

        with sqlite3.connect(path) as raw:
            raw.execute(statement)
        raw.close()

    return sql


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Nothing is set but where the database would be."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("DOORWARD_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "doorward.db"
    return Shell(environ={"DOORWARD_DATABASE_URL": f"sqlite:///{path}"}, folder=tmp_path, sql=run_sqlite(path))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shell(request: pytest.FixtureRequest, bare: Shell) -> Iterator[Shell]:
    """An installation with keys and an empty database."""
    Keyring.generate().save(bare.folder / "keys.json")
    keys = {"DOORWARD_KEYS__FILE": str(bare.folder / "keys.json")}
    if request.param == "sqlite":
        migrate(bare.environ["DOORWARD_DATABASE_URL"])
        yield Shell(environ={**bare.environ, **keys}, folder=bare.folder, sql=bare.sql)
        return
    cluster: PostgresCluster = request.getfixturevalue("postgres_cluster")
    with cluster.database(build=migrate) as url:
        name = make_url(url).database or ""
        yield Shell(
            environ={"DOORWARD_DATABASE_URL": url, **keys},
            folder=bare.folder,
            sql=lambda statement: cluster.sql(statement, database=name),
        )


def event(number: int, **fields: Any) -> AuditEvent:
    known: dict[str, Any] = {
        "time": NOON + timedelta(minutes=number),
        "type": EventType.ACCESS_DECIDED,
        "principal": JOHN.key,
        "channel": CHANNEL.key,
        "action": "ViewPayslip",
        "resource": f"Payslip::E{number}",
        "decision": "deny",
        "rules": ("a", "b"),
        "policy_hash": "f00d",
        "correlation": f"c{number}",
        "code": "not_owner",
    }
    return AuditEvent(**{**known, **fields})


def record(shell: Shell, count: int) -> None:
    def work(tx: Transaction) -> None:
        for number in range(1, count + 1):
            tx.audit.append(event(number))

    shell.write(work)


def verbs(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every verb under a command; Typer brings a Click of its own, without public types."""
    for word, inner in getattr(command, "commands", {}).items():
        yield from verbs(inner, f"{name} {word}".strip())
    if not hasattr(command, "commands"):
        yield name, command


class TestHelp:
    def test_there_is_every_verb(self) -> None:
        assert {name for name, _ in verbs(get_command(app))} >= VERBS

    @pytest.mark.parametrize("name", sorted(VERBS))
    def test_a_verb_says_what_it_does_and_what_each_option_is(self, bare: Shell, name: str) -> None:
        result = bare(*name.split(), "--help")
        assert result.exit_code == 0
        assert result.stderr == ""
        command = dict(verbs(get_command(app)))[name]
        assert len(command.help or "") > 20
        for parameter in command.params:
            assert getattr(parameter, "help", None), parameter.name

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
        assert rows == {"settings": False, "policies": True, "keys": True, "database": True}
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


class TestPolicy:
    def test_what_is_shipped_holds(self, bare: Shell) -> None:
        assert bare.json("policy", "validate") == []
        report = bare.json("policy", "test")
        assert report["passed"] is True
        assert report["cases"] > 100

    @pytest.fixture
    def changed(self, bare: Shell) -> Path:
        """The shipped policies with every proof good for a second less."""
        folder = bare.folder / "policies"
        folder.mkdir()
        for path in POLICIES.glob("*.cedar"):
            text = path.read_text(encoding="utf-8")
            (folder / path.name).write_text(text.replace("age <= 300", "age <= 299"), encoding="utf-8")
        return folder

    def test_a_change_is_told(self, bare: Shell, changed: Path) -> None:
        assert bare("policy", "diff", "--policies", str(POLICIES)).exit_code == 0
        result = bare("policy", "diff", "--policies", str(changed), "--limit", "3", "--json")
        assert result.exit_code == 1
        rows = json.loads(result.stdout)
        assert len(rows) == 3
        assert all(row["before"] != row["after"] for row in rows)
        assert any("300s ago" in said for row in rows for said in row["circumstances"])

    def test_a_mistake_is_named_with_its_file(self, bare: Shell, changed: Path) -> None:
        (changed / "90-wrong.cedar").write_text("permit (principal, action, resource);")
        result = bare("policy", "validate", "--policies", str(changed))
        assert result.exit_code == 1
        assert result.stdout.startswith("90-wrong.cedar")
        assert bare("policy", "test", "--policies", str(changed)).exit_code == 2

    def test_a_case_that_fails_is_named(self, bare: Shell, changed: Path) -> None:
        (changed / "40-admin.cedar").unlink()
        result = bare("policy", "test", "--policies", str(changed))
        assert result.exit_code == 1
        assert "ALLOW/" in result.stdout

    def test_a_decision_is_explained(self, bare: Shell) -> None:
        told = bare.json("policy", "explain", "john_may_not_open_sarahs_payslip")
        assert (told["decision"], told["reason"]) == ("deny", "not_owner")
        standings = {one["rule"]: one["standing"] for one in told["policies"]}
        assert standings["hr.pay.department"] == "needs_role"
        table = bare("policy", "explain", "DENY/john_may_not_open_sarahs_payslip")
        assert "needs_role" in table.stdout

    def test_a_question_in_a_file_is_explained(self, bare: Shell) -> None:
        (bare.folder / "question.json").write_text(
            json.dumps({"principal": "john", "action": "ViewPayslip", "resource": "sarahs_payslip"})
        )
        assert bare.json("policy", "explain", "question.json")["decision"] == "deny"
        assert bare("policy", "explain", "nobody_asked_this").exit_code == 2
        assert bare("policy", "explain", "nowhere.json").exit_code == 2

    def test_recorded_decisions_are_replayed(self, bare: Shell) -> None:
        john = {"key": "k", "roles": ["employee"], "department": "sales", "region": "eu", "employee": "E1"}
        asked = {
            "principal": john,
            "action": "ViewLeaveBalance",
            "resource": {"type": "Employee", "id": "E1", "owner": "E1"},
        }
        recorded = bare.folder / "recorded.jsonl"
        recorded.write_text(json.dumps({**asked, "expect": {"decision": "permit", "rules": ["hr.leave.own"]}}) + "\n")
        assert bare.json("policy", "replay", str(recorded)) == []
        recorded.write_text(json.dumps({**asked, "expect": {"decision": "deny", "reason": "locked"}}) + "\n")
        result = bare("policy", "replay", str(recorded), "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)[0]["line"] == "recorded.jsonl:1"
        recorded.write_text("{\n")
        assert bare("policy", "replay", str(recorded)).exit_code == 2


class TestAudit:
    def test_search_finds_by_what_is_asked(self, shell: Shell) -> None:
        record(shell, 5)
        shell.write(lambda tx: tx.audit.append(event(6, type=EventType.LINK_MADE, decision="", principal="")))
        assert [row["seq"] for row in shell.json("audit", "search")] == [6, 5, 4, 3, 2, 1]
        assert [row["seq"] for row in shell.json("audit", "search", "--type", "link")] == [6]
        assert [row["seq"] for row in shell.json("audit", "search", "--resource", "Payslip::E3")] == [3]
        assert [row["seq"] for row in shell.json("audit", "search", "--decision", "deny", "--limit", "2")] == [5, 4]
        since, until = "2026-11-16T12:02:00", "2026-11-16T13:04:00+01:00"
        assert [row["seq"] for row in shell.json("audit", "search", "--since", since, "--until", until)] == [3, 2]
        (row,) = shell.json("audit", "search", "--correlation", "c4")
        assert list(row) == CONTRACT

    def test_a_search_that_finds_nothing_is_0(self, shell: Shell) -> None:
        result = shell("audit", "search", "--principal", "nobody")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_a_date_that_is_none_is_2(self, shell: Shell) -> None:
        assert shell("audit", "search", "--since", "yesterday").exit_code == 2

    def test_export_has_exactly_the_fields_of_the_contract(self, shell: Shell) -> None:
        record(shell, CHUNK + 2)
        lines = [json.loads(line) for line in shell("audit", "export").stdout.splitlines()]
        assert [line["seq"] for line in lines] == list(range(1, CHUNK + 3))
        assert all(set(line) == set(CONTRACT) for line in lines)
        header, *rows = csv.reader(io.StringIO(shell("audit", "export", "--format", "csv").stdout))
        assert header == CONTRACT
        assert [row[0] for row in rows] == [str(line["seq"]) for line in lines]
        (last,) = shell("audit", "export", "--from", str(CHUNK + 2), "--chain").stdout.splitlines()
        assert set(json.loads(last)) == {*CONTRACT, "previous", "hash"}

    def test_a_log_as_it_was_written_is_verified(self, shell: Shell) -> None:
        record(shell, CHUNK + 2)
        told = shell.json("audit", "verify")
        head = json.loads(shell("audit", "export", "--chain").stdout.splitlines()[-1])["hash"]
        assert told == {"records": CHUNK + 2, "head": head, "fault": None}

    def test_an_empty_log_is_verified(self, shell: Shell) -> None:
        assert shell.json("audit", "verify") == {"records": 0, "head": "", "fault": None}

    @pytest.mark.parametrize(
        ("tampering", "seq", "kind"),
        [
            ("UPDATE audit SET decision = 'allow' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET type = 'never.heard_of' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET rules = 'no list' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET hash = 'none' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET time = 9223372036854775807 WHERE seq = 3", 3, "edited"),
            ("DELETE FROM audit WHERE seq = 3", 3, "missing"),
            ("DELETE FROM audit WHERE seq = 1", 1, "missing"),
            ("UPDATE audit SET code = 'x' WHERE seq > 500", CHUNK + 1, "edited"),
            ("UPDATE audit SET seq = -3 WHERE seq = 3", -3, "repeated"),
        ],
    )
    def test_the_first_bad_record_is_named(self, shell: Shell, tampering: str, seq: int, kind: str) -> None:
        record(shell, 5 if seq < CHUNK else CHUNK + 2)
        shell.sql(tampering)
        result = shell("audit", "verify", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["fault"] == {"seq": seq, "kind": kind}
        assert shell("audit", "verify").stdout.startswith(f"record {seq} ")

    def test_a_record_moved_with_its_hash_is_named(self, shell: Shell) -> None:
        record(shell, 4)
        for old, new in ((2, 99), (3, 2), (99, 3)):
            shell.sql(f"UPDATE audit SET seq = {new} WHERE seq = {old}")  # noqa: S608 - numbers of this test
        assert json.loads(shell("audit", "verify", "--json").stdout)["fault"] == {"seq": 2, "kind": "misplaced"}

    def test_an_export_that_meets_what_it_cannot_read_says_so(self, shell: Shell) -> None:
        record(shell, 4)
        shell.sql("UPDATE audit SET type = 'never.heard_of' WHERE seq = 3")
        result = shell("audit", "export")
        assert result.exit_code == 1
        assert len(result.stdout.splitlines()) == 2
        assert "record 3" in result.stderr

    def test_verification_needs_no_keys_and_makes_no_database(self, shell: Shell) -> None:
        record(shell, 1)
        assert shell("audit", "verify", DOORWARD_KEYS__FILE="").exit_code == 0
        assert shell("audit", "verify", DOORWARD_DATABASE_URL="sqlite:///nowhere.db").exit_code == 2
        assert not (shell.folder / "nowhere.db").exists()


def link() -> Link:
    return Link(channel=CHANNEL, identity=JOHN, provider="company", linked_at=NOON)


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
