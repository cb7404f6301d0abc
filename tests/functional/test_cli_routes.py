"""`doorward check` of the approvals' routes: whom they name is compared with whom the database knows."""

from __future__ import annotations

import json
from dataclasses import replace

from bot.domain.identity import LinkedIdentity, Subject
from tests.fakes.shell import JOHN, Shell
from tests.functional.test_cli import person


def checked(shell: Shell, *given: object) -> list[dict[str, str]]:
    """What is said of the routes."""
    environ = {
        "DOORWARD_SLACK__TEAM_IDS": "T1",
        "DOORWARD_SLACK__HR_CHANNEL": "C9",
        "DOORWARD_APPROVALS__ROUTES": json.dumps(given),
    }
    rows = json.loads(shell("check", "--json", **environ).stdout)
    return [row for row in rows if row["part"] == "routes"]


def test_whom_nobody_knows_is_named_with_the_nearest(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(person()))
    (found,) = checked(shell, {"stages": [["manager", "person:jon"], "person:John"]})
    assert found["problem"].endswith("route 1: nobody who ever signed in is called jon; did you mean john?")
    (found,) = checked(shell, {"stages": ["person:completely-else"]})
    assert found["problem"].endswith("is called completely-else"), "nothing is near"
    assert checked(shell, {"stages": ["person:john"]}) == []
    assert checked(shell) == []


def test_one_of_two_is_nobody(shell: Shell) -> None:
    other = LinkedIdentity(issuer=JOHN.issuer, subject=Subject("another"))
    shell.write(lambda tx: tx.persons.save(person()))
    shell.write(lambda tx: tx.persons.save(replace(person(), identity=other, provider="okta")))
    (found,) = checked(shell, {"stages": ["person:john"]})
    assert "2 people are called john; write john@<provider>" in found["problem"]
    assert checked(shell, {"stages": ["person:john@okta"]}) == []


def test_a_department_of_nobody_is_told_and_no_failure(shell: Shell) -> None:
    """Perhaps nobody of it came yet."""
    assert checked(shell, {"department": "sails", "stages": ["hr"]}) == [], "nobody at all is known"
    shell.write(lambda tx: tx.persons.save(person()))
    assert checked(shell, {"department": "sales", "region": "eu", "stages": ["hr"]}) == []
    found = checked(shell, {"department": "sails", "region": "EU", "stages": ["hr"]})
    assert [row["note"].rpartition("route 1: ")[2] for row in found] == [
        "nobody who signed in is of the department sails; did you mean sales?",
        "nobody who signed in is of the region EU; did you mean eu?",
    ]
    assert not any(row["problem"] for row in found)
