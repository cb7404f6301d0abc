"""People by name: in capitals or not, and asked back where two providers have somebody of one name."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Issuer, LinkedIdentity, Person, Subject
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.shell import Shell
from tests.fakes.world import World, world
from tests.functional.test_changes import second
from tests.functional.test_cli_links import identity, shell, somebody

OKTA = "https://okta.example"
__all__ = ["shell"]
THEIRS = LinkedIdentity(issuer=Issuer(OKTA), subject=Subject("00u1"))


@pytest.fixture
async def office(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Raj administers by code; a mia at each of two providers, and Bob, whose name is in capitals."""
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    file = policies / "40-admin.cedar"
    file.write_text(file.read_text().replace("context.proof.phishing_resistant && ", ""))
    async with world(tmp_path, clock, policies=policies) as here:
        for name in ("raj", "mia", "john"):
            await here.sign_in(name)
        await here.enrol("raj")
        await second(here, "sarah")  # who is alone needs a passkey, whatever policy says
        signed = here.directory.sign_in("sue")
        for name, issuer, subject in (("Mia", OKTA, "00u1"), ("Bob.Ö", OKTA, "00u2")):
            claims = replace(signed.claims, issuer=issuer, subject=subject, username=name, employee_number=subject)
            await here.sign_in(name, replace(signed, claims=claims), provider="okta")
        yield here


async def person(here: World, name: str) -> Person:
    found = await here.database.read(lambda tx: tx.persons.find(here.identity(name)))
    assert found is not None
    return found


async def with_code(here: World) -> None:
    here.clock.advance(timedelta(seconds=30))
    await here.press("raj", here.last("raj"), "Enter a code")
    await here.submit_code("raj", here.code("raj"))


def choices(here: World) -> list[str]:
    return [action.label for action in here.last("raj").card.actions]


COMMANDS = (
    *("lock {}", "unlock {}", "roles grant {} auditor", "roles revoke {} auditor", "roles list {}"),
    *("sessions revoke {}", "sessions end-company {}", "enrolment code {}", "links revoke {} slack:T1:U1"),
    *("audit search principal:{} type:session", "policy explain {} ViewPayslip"),
)


@pytest.mark.parametrize("name", ["mia", "MIA"])
async def test_every_command_asks_which_before_a_proof(office: World, name: str) -> None:
    for command in COMMANDS:
        said = await office.command("raj", command.format(name))
        assert f"More than one person is called {name}" in said, command
        labels = choices(office)
        assert [label.partition(" · ")[0] for label in labels] == ["mia@test", "Mia@okta"], command
        assert labels[1].endswith(", at okta"), command
    assert not (await person(office, "mia")).locked
    assert not (await person(office, "Mia")).locked


@pytest.mark.parametrize("typed", ["Mia@okta", "mia@OKTA"])
async def test_the_exact_name_reaches_the_one_and_is_what_is_signed(office: World, typed: str) -> None:
    said = await office.command("raj", f"lock {typed}")
    assert typed in said
    await with_code(office)
    assert "Mia@okta is locked" in office.last("raj").text
    assert (await person(office, "Mia")).locked
    assert not (await person(office, "mia")).locked


async def test_a_press_chooses_and_nothing_else_changes(office: World) -> None:
    await office.command("raj", "lock mia")
    await office.press("raj", office.last("raj"), choices(office)[1])
    await office.submit_code("raj", office.code("raj"))
    assert (await person(office, "Mia")).locked
    assert not (await person(office, "mia")).locked


@pytest.mark.parametrize("typed", ["bob.ö", "BOB.Ö", "Bob.Ö", "bob.ö@okta", "https://okta.example#00u2"])
async def test_a_name_in_capitals_is_reached_however_it_is_typed(office: World, typed: str) -> None:
    await office.command("raj", f"lock {typed}")
    await with_code(office)
    assert (await person(office, "Bob.Ö")).locked


async def test_who_may_not_know_is_not_told_that_there_are_two(office: World) -> None:
    assert await office.command("john", "lock mia") == await office.command("john", "lock nobody")


async def test_a_substitute_of_a_shared_name_is_asked_back_and_chosen_by_a_press(office: World) -> None:
    await office.enrol("john")
    said = await office.command("john", "substitute mia 2026-12-21 2026-12-23")
    assert "More than one person is called mia" in said
    card = office.last("john")
    labels = [action.label for action in card.card.actions]
    assert [label.partition(" · ")[0] for label in labels] == ["mia@test", "Mia@okta"]
    assert not await office.audit(type_prefix="proof.")
    await office.press("john", card, labels[0])
    await office.submit_code("john", office.code("john"))
    assert "Mia" in office.last("john", "decides in place of").text
    office.clock.advance(timedelta(seconds=30))
    await office.command("john", "substitute mia@OKTA 2026-12-28 2026-12-30")
    await office.press("john", office.last("john"), "Enter a code")
    await office.submit_code("john", office.code("john"))
    named = await office.database.read(
        lambda tx: [item.substitute for item in tx.substitutions.of_approver("E1001", since=date(2026, 12, 1))]
    )
    mias = await person(office, "mia")
    assert named == [mias.employee, "00u1"]


async def test_a_change_that_waits_names_the_one(office: World) -> None:
    await office.command("raj", "roles grant Mia@okta administrator")
    await with_code(office)
    (waits,) = await office.database.read(lambda tx: tx.changes.open(office.clock.now()))
    assert waits.wanted.target == THEIRS.key
    assert "Mia@okta" in office.last("raj").text


def test_the_shell_names_everybody_it_may_be(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(somebody("mia", "E1", provider="entra")))
    twin = replace(somebody("Mia", "E2", provider="okta"), identity=THEIRS)
    shell.write(lambda tx: tx.persons.save(twin))
    for verb in (("lock", "mia"), ("roles", "grant", "MIA", "auditor"), ("sessions", "revoke", "mia")):
        result = shell(*verb)
        assert result.exit_code == 2, verb
        assert f"mia@entra ({identity('mia').key}), Mia@okta ({THEIRS.key})" in " ".join(result.stderr.split()), verb
    result = shell("audit", "search", "--principal", "mia")
    assert (result.exit_code, "2 people are called mia" in result.stderr) == (2, True)
    assert shell("audit", "search", "--principal", "nobody").exit_code == 2
    assert shell("audit", "search", "--principal", "mia@okta").exit_code == 0
    done = shell("lock", "mia@OKTA", "--json")
    assert (done.exit_code, "Mia@okta" in done.stdout) == (0, True)
