"""`doorward links check`: real people, the role each gets and why, and what HR says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.identity import Employee, Issuer, LinkedIdentity, Person, Role, RoleGrant, Subject
from bot.ports.database import Transaction
from bot.ports.provisioning import Provisioned, ProvisionedKind
from bot.services.provisioned_attributes import ENTERPRISE
from storage.crypto import Keyring
from storage.migration import migrate
from tests.contract.test_entra import MANAGERS, STAFF
from tests.fakes.clock import FixedClock
from tests.fakes.graph import GRAPH, GRAPH_CLIENT, GRAPH_SECRET, TENANT, Account, FakeEntra, FakeGraph, fake_entra
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET
from tests.fakes.shell import NOON, Shell, run_sqlite

ISSUER = Issuer("https://login.company.test")
ROLES = {"roles": {"staff": "employee", "people-lead": "hr_manager"}}


def identity(name: str) -> LinkedIdentity:
    return LinkedIdentity(issuer=ISSUER, subject=Subject(name))


def somebody(name: str, number: str | None, **changes: Any) -> Person:
    known: dict[str, Any] = {
        "identity": identity(name),
        "provider": "company",
        "username": name,
        "display_name": name,
        "email": None,
        "roles": frozenset({Role.EMPLOYEE}),
        "department": "sales",
        "region": "eu",
        "manager": None,
        "employee": None if number is None else Employee(number),
        "idp_checked_at": NOON,
    }
    return Person(**{**known, **changes})


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    Keyring.generate(now=NOON).save(tmp_path / "keys.json")
    url = f"sqlite:///{tmp_path / 'doorward.db'}"
    migrate(url)
    environ = {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_DATABASE_URL": url,
        "DOORWARD_KEYS__FILE": str(tmp_path / "keys.json"),
        "DOORWARD_IDPS__COMPANY__AUTHORITY": ISSUER,
        "DOORWARD_IDPS__COMPANY__CLIENT_ID": "doorward",
        "DOORWARD_IDPS__COMPANY__CLIENT_SECRET": "secret",
        "DOORWARD_IDPS__COMPANY__ROLE_CLAIMS": json.dumps(ROLES),
    }
    return Shell(environ=environ, folder=tmp_path, sql=run_sqlite(tmp_path / "doorward.db"))


def checked(shell: Shell, *options: str, **environ: str) -> dict[str, Any]:
    result = shell("links", "check", "--json", *options, **environ)
    assert result.exit_code in (0, 1), result.stderr
    rows = json.loads(result.stdout)
    assert result.exit_code == (1 if any(row["problems"] for row in rows) else 0)
    return {row["username"]: row for row in rows}


def test_everybody_fine_is_exit_status_0_and_says_why(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(somebody("john", "E1001")))
    row = checked(shell)["john"]
    assert (row["roles"], row["hr"], row["problems"]) == ("employee", "ok", [])
    assert row["why"] == "employee: company: roles=staff"
    assert row["sources"]["employed"] == "hr"
    table = shell("links", "check")
    assert table.exit_code == 0
    assert "roles=staff" in table.stdout


def test_what_is_wrong_is_said_of_each(shell: Shell) -> None:
    def fill(tx: Transaction) -> None:
        people = (
            somebody("none", "E1001", roles=frozenset()),
            somebody("unnumbered", None),
            somebody("stranger", "E9999"),
            somebody("twin-1", "E1002"),
            somebody("twin-2", "E1002"),
            somebody("by-name", "sarah"),
            somebody("moved", "E1004", department="sales", region="us"),
            somebody("locked", "E1005", locked=True, department="support", region="us"),
            somebody("reports", "E1006", department="support", region="us", manager=Subject("moved")),
        )
        for person in people:
            tx.persons.save(person)
        tx.roles.insert(
            RoleGrant(
                id="r1", identity=identity("moved"), role=Role.AUDITOR, scope="*", granted_by="boss", granted_at=NOON
            )
        )

    shell.write(fill)
    rows = checked(shell)
    assert rows["none"]["problems"] == ["no role: they may do nothing"]
    assert (rows["unnumbered"]["hr"], rows["unnumbered"]["problems"]) == ("no employee number", ["no employee number"])
    assert rows["stranger"]["hr"] == "none"
    assert rows["twin-1"]["hr"] == rows["twin-2"]["hr"] == rows["by-name"]["hr"] == "ambiguous"
    assert rows["moved"]["problems"] == [
        "department is sales by the provider, support in HR",
        "region is us by the provider, eu in HR",
    ]
    assert rows["moved"]["why"] == "auditor: given here everywhere by boss; employee: company: roles=staff"
    assert rows["locked"]["problems"] == ["locked: by an administrator"]
    assert rows["reports"]["problems"] == ["manager is E1004 by the provider, E1003 in HR"]


def test_with_hr_as_the_source_of_managers_nothing_is_compared(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(somebody("boss", "E1004", department="support")))
    shell.write(lambda tx: tx.persons.save(somebody("john", "E1001", manager=Subject("boss"))))
    assert checked(shell)["john"]["problems"]
    assert checked(shell, DOORWARD_IDPS__COMPANY__ATTRIBUTES__MANAGER="hr")["john"]["problems"] == []


def test_a_role_that_no_mapping_gives_any_more_is_named(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(somebody("john", "E1001", roles=frozenset({Role.AUDITOR}))))
    assert "its mapping no longer does" in checked(shell)["john"]["why"]


def test_a_preview_has_whom_scim_told_of_before_they_sign_in(shell: Shell) -> None:
    document = json.dumps({ENTERPRISE: {"department": "sales", "employeeNumber": "E1003"}})

    def fill(tx: Transaction) -> None:
        tx.persons.save(somebody("john", "E1001"))
        for name in ("john", "sarah", "gone"):
            tx.provisioned.insert(
                Provisioned(
                    id=f"id-{name}",
                    client="scim:corp",
                    kind=ProvisionedKind.USER,
                    name=name,
                    external_id=name,
                    identity=identity(name),
                    active=name != "gone",
                    document=document,
                    created_at=NOON,
                    changed_at=NOON,
                )
            )

    shell.write(fill)
    scim = {"DOORWARD_SCIM__CORP__ISSUER": ISSUER, "DOORWARD_SCIM__CORP__TOKEN": "0123456789012345678901"}
    assert set(checked(shell, **scim)) == {"john"}
    rows = checked(shell, "--preview", **scim)
    assert set(rows) == {"john", "sarah", "gone"}
    assert rows["john"]["known_by"] == "sign-in"
    assert (rows["sarah"]["known_by"], rows["sarah"]["roles"]) == ("scim:corp", "told at sign-in")
    assert rows["sarah"]["employee_number"] == "E1003"
    assert "not active in the directory" in rows["gone"]["problems"]


@pytest.fixture
def entra(clock: FixedClock) -> Iterator[tuple[FakeEntra, FakeGraph]]:
    with fake_entra(clock) as running:
        yield running


def test_a_preview_has_the_members_of_the_groups_in_entra(shell: Shell, entra: tuple[FakeEntra, FakeGraph]) -> None:
    login, graph = entra
    names = {"userPrincipalName": "john@company.test", "employeeId": "E1001", "department": "sales"}
    graph.accounts["1"] = Account(id="1", groups={STAFF, MANAGERS}, properties=names)
    graph.accounts["2"] = Account(id="2", groups={STAFF}, properties={"userPrincipalName": "x@company.test"})
    idp = {
        "KIND": "entra",
        "AUTHORITY": login.authority,
        "TRANSPORT_URL": login.transport_url,
        "TENANT_IDS": TENANT,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "ROLE_CLAIMS": json.dumps({"groups": {STAFF: "employee", MANAGERS: "line_manager"}}),
        "ATTRIBUTES__EMPLOYEE_NUMBER": "graph:employeeId",
        "ATTRIBUTES__DEPARTMENT": "graph:department",
        "GRAPH__CLIENT_ID": GRAPH_CLIENT,
        "GRAPH__CLIENT_SECRET": GRAPH_SECRET,
        "GRAPH__BASE_URL": GRAPH,
        "GRAPH__TRANSPORT_URL": graph.transport_url,
    }
    environ = {f"DOORWARD_IDPS__ENTRA__{name}": value for name, value in idp.items()}
    rows = checked(shell, "--preview", **environ)
    john = rows["john@company.test"]
    assert (john["known_by"], john["roles"], john["hr"]) == ("graph:entra", "employee, line_manager", "ok")
    assert john["why"] == f"employee: entra: groups={STAFF}; line_manager: entra: groups={MANAGERS}"
    assert rows["x@company.test"]["problems"] == ["no employee number"]
    graph.permissions.clear()
    refused = shell("links", "check", "--preview", **environ)
    assert refused.exit_code == 2
    assert "Graph refused" in refused.stderr


def test_people_of_one_slack_account_are_named(shell: Shell) -> None:
    def fill(tx: Transaction) -> None:
        for name, account in (("one", "T1:U1"), ("two", "T1:U1"), ("three", "T1:U3")):
            tx.persons.save(somebody(name, f"E-{name}"))
            tx.told_accounts.note(identity(name), account)

    shell.write(fill)
    rows = checked(shell)
    for name, other in (("one", "two"), ("two", "one")):
        assert f"has one Slack account with {identity(other).key} by the directory" in rows[name]["problems"]
    assert not any("Slack" in problem for problem in rows["three"]["problems"])
