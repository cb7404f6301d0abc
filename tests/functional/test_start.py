"""The start card: what each person may do now, from policy, and a sentence of its own for whatever is in the way."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from adapters.idp.demo.people import PEOPLE
from bot.capabilities.catalogue import BY_NAME
from bot.domain.messages import EventKind
from bot.domain.start import StartState
from bot.ports.database import Transaction
from bot.texts.sentences import voice
from tests.fakes.chat import direct
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

THINGS = {
    "john": ["Leave balance", "Ask for leave", "Payslip"],
    "mia": ["Leave balance", "Ask for leave", "Payslip"],
    "sarah": ["Waiting for me", "Leave balance", "Ask for leave", "Payslip"],
    "sue": ["Customer", "Leave balance", "Ask for leave"],
    "raj": ["Audit", "Roles", "Everybody's sessions"],
    "ada": ["Audit", "Roles", "Leave balance"],
}


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


@pytest.mark.parametrize("name", THINGS)
async def test_three_things_each_person_may_do_now(here: World, name: str) -> None:
    await here.sign_in(name)
    await here.say(name, "start")
    labels = [action.label for action in here.last(name).card.actions]
    assert labels == [*THINGS[name], "Everything I can do"]


async def test_without_words_a_command_is_the_start_card(here: World) -> None:
    await here.sign_in("john")
    told = await here.command("john", "")
    assert "Hello, John" in told
    assert "Nothing waits" not in told, "who decides nothing is told nothing of deciding"
    assert "None yet" in told


async def test_what_waits_comes_first_and_requests_are_listed(here: World) -> None:
    for name in ("john", "mia"):
        await here.sign_in(name)
    assert "Nothing waits for you" in await here.say("mia", "start")
    await here.say("john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john"), "Send request")
    assert "waiting" in await here.say("john", "start")
    assert "John" in await here.say("mia", "start")
    card = here.last("mia").card
    assert card.actions[0].label == "Waiting for me"
    await here.press("mia", here.last("mia"), "Waiting for me")
    assert "1 request waits" in here.last("mia").text
    finished = {item.event.action for item in await here.audit(type_prefix="effect.finished")}
    assert {"ListWaiting", "ListLeaves"} <= finished, "each look has its grant and its record"


async def test_help_shows_only_what_the_person_may_do(here: World) -> None:
    for name in ("john", "sue", "raj", "mia"):
        await here.sign_in(name)
    john, sue, raj, mia = [await here.say(name, "help") for name in ("john", "sue", "raj", "mia")]
    assert "my payslip" in john or "payslip:" in john
    assert not any(word in john for word in ("roles", "lock", "customer", "approve"))
    assert "customer" in sue
    assert "roles" not in sue
    assert all(word in raj for word in ("roles grant", "lock", "audit search"))
    assert "customer" not in raj
    assert "approve" in mia


async def test_somebody_not_signed_in_gets_the_sign_in_and_nothing_else(here: World) -> None:
    who = here.channel("john")
    shown = await here.core.start_page.started(who, direct(who))
    assert shown.state is StartState.NOT_SIGNED_IN
    assert [action.label for action in shown.card.actions] == ["Sign in"]
    assert not shown.prompts
    await here.core.ingress.accept(here.message("john", EventKind.PRESS, handle=shown.card.actions[0].handle))
    await here.core.ingress.drain(10)
    assert "/signin/start" in here.last("john").card.actions[0].url


async def test_opening_the_home_leaves_what_waits_in_the_conversation(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take some days off")
    who = here.channel("john")
    await here.core.start_page.started(who, direct(who))
    assert "Monday, 21 December 2026" in await here.say("john", "21 to 23 December")


async def test_the_hr_system_is_away(here: World) -> None:
    await here.sign_in("john")
    here.backend.faults.fail_next(times=5)
    told = await here.say("john", "start")
    assert "HR system does not answer" in told
    assert "asked for nothing" not in told, "what cannot be known is not said"
    labels = [action.label for action in here.last("john").card.actions]
    assert labels == ["Try again", "Everything I can do"], "nothing is offered that cannot be answered"


async def test_no_hr_record_belongs_to_the_account(here: World) -> None:
    await here.sign_in("john")

    def forget(tx: Transaction) -> None:
        person = tx.persons.find(here.identity("john"))
        assert person is not None
        tx.persons.save(replace(person, employee=None))

    await here.database.write(forget)
    told = await here.say("john", "start")
    assert "no record of the HR system" in told
    assert "Ask HR" in await here.say("john", "balance")
    assert "Ask HR" in await here.say("john", "my payslip")


async def test_there_is_no_payslip_at_all_yet(here: World) -> None:
    await here.sign_in("john")
    assert "None yet; it opens here" not in await here.say("john", "start")
    for table in ("payslip_line", "payslip"):
        await here.backend._database.write(partial(_emptied, table))
    told = await here.say("john", "start")
    assert "None yet; it opens here after your first payroll" in told
    labels = [action.label for action in here.last("john").card.actions]
    assert "Payslip" not in labels, "nothing is offered that is not there"
    assert len(labels) == 4
    assert not [record for record in await here.audit() if record.event.action == "ViewPayslip"], "none was opened"


async def test_there_is_no_payslip_yet(here: World) -> None:
    await here.sign_in("john")
    told = await here.say("john", "my payslip for January 2019")
    assert "no payslip of yours for that month" in told
    assert "other people" not in told


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_suggested_prompt_is_understood_as_what_it_says(here: World, language: str) -> None:
    names = {name for person in PEOPLE for name in _things(person.username)}
    for name in sorted(names):
        title = voice(language).say(BY_NAME[name].title_key)
        heard = here.core.pipeline.hearing._understanding.understand(
            title, today=here.clock.now().date(), locale=language, is_command=False
        )
        partial = getattr(heard, "partial", None) or heard
        assert getattr(partial, "capability", None) == name, title


def _things(username: str) -> set[str]:
    titles = {voice("en").say(entry.title_key): name for name, entry in BY_NAME.items()}
    return {titles[title] for title in THINGS[username]}


def _emptied(table: str, connection: sqlite3.Connection) -> None:
    connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
