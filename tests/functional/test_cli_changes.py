"""Verbs of the shell that change authority: they propose, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from bot.domain.change import Wanted
from bot.domain.identity import Role
from bot.ports.database import Transaction
from tests.contract.stores import a_person
from tests.fakes.shell import JOHN, NOON, Shell, link


@pytest.fixture
def staffed(shell: Shell) -> Shell:
    def work(tx: Transaction) -> None:
        tx.persons.save(dataclasses.replace(a_person(NOON), identity=JOHN, username="john"))
        tx.links.insert(link())

    shell.write(work)
    return shell


@pytest.mark.parametrize(
    ("arguments", "capability", "needed"),
    [
        (("roles", "grant", "john", "auditor"), "grant_role", 2),
        (("roles", "grant", "john", "support_rep", "--scope", "sales"), "grant_role", 1),
        (("roles", "revoke", "john", "administrator"), "revoke_role", 2),
        (("lock", "john"), "lock_person", 1),
        (("unlock", "john"), "unlock_person", 1),
        (("sessions", "revoke", "john"), "revoke_sessions", 1),
        (("sessions", "revoke", "--tenant", "T1"), "revoke_tenant", 1),
        (("links", "revoke", "slack:T1:U1"), "revoke_link", 1),
    ],
)
def test_a_verb_only_proposes(staffed: Shell, arguments: tuple[str, ...], capability: str, needed: int) -> None:
    told = staffed(*arguments)
    assert told.exit_code == 0, told.stderr
    assert "Nothing is changed yet" in told.stderr
    (row,) = staffed.json("changes", "list")
    assert (row["change"], row["needed"], row["yes"], row["proposed_by"]) == (capability, needed, 0, "shell")
    assert staffed.json("roles", "list") == []
    assert len(staffed.json("links", "list")) == 1
    assert staffed("changes", "cancel", row["id"]).exit_code == 0
    assert staffed.json("changes", "list") == []
    assert staffed("changes", "cancel", row["id"]).exit_code == 2


def test_wrong_names_are_said(staffed: Shell) -> None:
    assert "nobody who ever signed in is called zoe" in staffed("lock", "zoe").stderr
    assert "root is no role" in staffed("roles", "grant", "john", "root").stderr
    assert "is linked to nobody" in staffed("links", "revoke", "slack:T1:U9").stderr
    assert staffed("sessions", "revoke").exit_code == 2


def test_two_are_the_same_change_whatever_the_order_of_their_arguments() -> None:
    one = Wanted(capability="grant_role", target=JOHN.key, arguments={"role": "auditor", "scope": "*"})
    other = Wanted(capability="grant_role", target=JOHN.key, arguments={"scope": "*", "role": "auditor"})
    assert one.key == other.key


def test_the_check_says_that_there_is_one_administrator_alone(staffed: Shell) -> None:
    assert "single-administrator" not in staffed("check").stdout
    alone = dataclasses.replace(a_person(NOON), identity=JOHN, username="john", roles=frozenset({Role.ADMINISTRATOR}))
    staffed.write(lambda tx: tx.persons.save(dataclasses.replace(alone, version=1)))
    assert "single-administrator" in staffed("check", "--json").stdout
