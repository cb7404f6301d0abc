"""Who may use the bot at all is policy, asked on every message before anything is done for that person."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bot.ports.database import Transaction
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

RULE = """
@id("company.pilot")
@reason("not_allowed")
forbid (principal, action == Action::"UseBot", resource)
when {{ {when} }};
"""
SENTENCE = "Doorward isn't open to you yet"


def company_policies(folder: Path, when: str) -> Path:
    """The policies we ship, and a rule of the company's own."""
    copy = folder / "policies"
    shutil.copytree(POLICIES, copy)
    (copy / "90-company.cedar").write_text(RULE.format(when=when), encoding="utf-8")
    return copy


@pytest.mark.parametrize(
    ("when", "john", "sue"),
    [
        ('principal.department != "sales"', True, False),
        ('principal.region == "us"', True, True),
        ('!(principal in Role::"support_rep")', False, True),
        ('context.session.workspace != "demo"', True, True),
        ('["demo"].contains(context.session.workspace) && context.session.platform == "playground"', False, False),
    ],
)
async def test_department_region_role_and_workspace_decide(
    tmp_path: Path, clock: FixedClock, when: str, john: bool, sue: bool
) -> None:
    async with world(tmp_path, clock, policies=company_policies(tmp_path, when)) as here:
        for name, let_in in (("john", john), ("sue", sue)):
            await here.sign_in(name)
            assert (SENTENCE not in await here.say(name, "who am I")) is let_in


async def test_whoever_is_kept_out_hears_one_sentence_and_it_is_written_down(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, policies=company_policies(tmp_path, "true")) as here:
        await here.sign_in("john")
        heard = await here.say("john", "I need three days of leave from tomorrow")
        assert heard.count(SENTENCE) == 1
        assert "---" not in heard
        [record] = await here.audit(principal=here.identity("john").key, type_prefix="access")
        event = record.event
        assert (event.action, event.decision, event.rules) == ("UseBot", "deny", ("company.pilot",))
        assert event.resource == ""


async def test_a_change_of_department_counts_with_the_next_message(tmp_path: Path, clock: FixedClock) -> None:
    when = 'principal.department == "legal"'
    async with world(tmp_path, clock, policies=company_policies(tmp_path, when)) as here:
        await here.sign_in("john")
        assert SENTENCE not in await here.say("john", "who am I")

        def moves(tx: Transaction) -> None:
            person = tx.persons.find(here.identity("john"))
            assert person is not None
            tx.persons.save(replace(person, department="legal"))

        await here.database.write(moves)
        assert SENTENCE in await here.say("john", "who am I")


async def test_a_button_and_a_command_are_no_way_past(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, policies=company_policies(tmp_path, "true")) as here:
        await here.sign_in("john")
        assert SENTENCE in await here.command("john", "sessions")
        assert SENTENCE in await here.command("john", "sign-out")
        assert len(await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john")))) == 1


async def test_a_locked_person_hears_that(here: World) -> None:
    await here.sign_in("john")

    def lock(tx: Transaction) -> None:
        person = tx.persons.find(here.identity("john"))
        assert person is not None
        tx.persons.save(replace(person, locked=True))

    await here.database.write(lock)
    assert "locked" in await here.say("john", "help")
