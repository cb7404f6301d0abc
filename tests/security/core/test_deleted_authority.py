"""Rows that say who else is asked: deleting one does not make an administrator alone, nor an account the first one."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.change import DELAY
from bot.domain.identity import Role, RoleGrant
from bot.errors import HandleSpent, IntegrityAlarm, NotAllowed
from bot.ports.database import Transaction
from bot.services import changes, first_administrator
from bot.services.audit_trail import Scribe
from bot.services.first_administrator import RECOVERY, SETUP
from bot.services.sessions import remember_person
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Stage, web_stage
from tests.fakes.world import World
from tests.functional.test_changes import asks, roles, second
from tests.security.core.attack import alarms
from tests.security.core.conftest import Sql

MIA = "https://id.example#mia"
RAJ = "https://id.example#raj"


def shell(here: World) -> Scribe:
    return Scribe(time=here.clock.now(), channel="shell", correlation=secrets.token_hex(8))


async def offered(here: World, kind: str) -> str:
    return await here.database.write(lambda tx: first_administrator.offer(tx, kind, shell(here)))


async def alone(here: World) -> bool:
    return await here.database.read(lambda tx: changes.is_single(tx, here.clock.now()))


@pytest.mark.requirement("91", "57")
@pytest.mark.parametrize(
    "hand",
    [
        "DELETE FROM role_grants WHERE identity = ?",
        "DELETE FROM persons WHERE identity = ?",
        "UPDATE role_grants SET identity = identity || 'x' WHERE identity = ?",
    ],
)
async def test_the_second_administrators_rows_deleted_leave_nobody_alone(office: World, sql: Sql, hand: str) -> None:
    await second(office)
    sql(hand, MIA)
    assert not await alone(office)
    before = await alarms(office)
    said = await asks(office, "raj", "roles grant john administrator")
    assert "administrator's yes" in said
    assert await alarms(office) > before, "said aloud"
    office.clock.advance(DELAY * 1.1)
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()


@pytest.mark.requirement("91", "57")
async def test_a_day_that_runs_is_not_run_out_by_a_second_one_who_vanished(office: World, sql: Sql) -> None:
    assert "only one administrator" in await asks(office, "raj", "roles grant john administrator")
    await second(office)
    sql("DELETE FROM role_grants WHERE identity = ?", MIA)
    office.clock.advance(DELAY * 1.1)
    await office.core.carrying_out.run()
    assert await roles(office, "john") == set()


@pytest.mark.requirement("91", "57")
async def test_administrators_by_their_provider_are_missed_as_well(office: World, sql: Sql) -> None:
    await provided(office, "mia")
    assert not await alone(office)
    sql("DELETE FROM persons WHERE identity = ?", MIA)
    assert not await alone(office)


@pytest.mark.requirement("91", "57")
async def test_a_role_that_waits_for_somebody_new_is_missed_as_well(office: World, sql: Sql) -> None:
    now, sue = office.clock.now(), office.identity("sue")
    grant = RoleGrant(
        id="g1", identity=sue, role=Role.ADMINISTRATOR, scope="*", granted_by="shell", granted_at=now, until=None
    )
    await office.database.write(lambda tx: tx.roles.insert(grant))
    assert await alone(office), "whoever was never here says no yes"
    sql("DELETE FROM role_grants WHERE identity = ?", sue.key)
    assert not await alone(office)


@pytest.mark.requirement("91", "57")
async def test_without_the_administrators_rows_no_first_one_is_made(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    link = await offered(here, SETUP)
    assert await here.database.read(lambda tx: first_administrator.look(tx, link, here.clock.now())) == SETUP
    again = await offered(here, SETUP)
    await here.database.write(lambda tx: first_administrator.claim(tx, link, here.identity("john"), shell(here)))
    sql("DELETE FROM role_grants")
    with pytest.raises(NotAllowed, match="recover"):
        await offered(here, SETUP)
    with pytest.raises(HandleSpent):
        await here.database.read(lambda tx: first_administrator.look(tx, again, here.clock.now()))
    assert await offered(here, RECOVERY), "with its day and its alarm"


@pytest.mark.requirement("91", "57")
async def test_a_role_that_was_taken_is_missed_by_nobody(office: World) -> None:
    await second(office)
    await provided(office, "john")

    def taken(tx: Transaction) -> None:
        for grant in tx.roles.of_identity(office.identity("mia")):
            tx.roles.remove(grant.id)

    await office.database.write(taken)
    await provided(office, "john", without=True)
    assert await alone(office)
    assert await alarms(office) == 0


async def provided(here: World, name: str, *, without: bool = False) -> None:
    """The provider says that somebody is administrator, or no longer."""
    claims = here.directory.claims(name)
    told = frozenset(claims.roles) if without else frozenset({*claims.roles, Role.ADMINISTRATOR.value})
    said = replace(claims, roles=told)
    await here.database.write(lambda tx: remember_person(tx, "test", said, here.clock.now()))


@pytest.mark.requirement("91", "31")
@pytest.mark.parametrize("left", ["role_grants", "sessions"])
async def test_an_emptied_house_with_a_role_left_in_it_takes_nobody_for_new(here: World, sql: Sql, left: str) -> None:
    """Who was locked would be made anew, unlocked, and find the role that waited."""
    await here.sign_in("raj")
    await here.sign_in("john")
    if left == "role_grants":
        await second(here, "john")
    for table in ("persons", "known_people", "links", "authenticators", "passkeys", "guess_counts"):
        sql(f"DELETE FROM {table}")  # noqa: S608 - an administrator types whatever they like
    sql("DELETE FROM recovery_codes")
    sql("DELETE FROM audit WHERE type = 'session.opened'")
    claims = here.directory.claims("john")
    with pytest.raises(IntegrityAlarm):
        await here.database.write(lambda tx: remember_person(tx, "test", claims, here.clock.now()))


# Links


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


def _typed(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "doorward.db", timeout=5)) as raw, raw:
        raw.execute(statement)


@pytest.mark.requirement("91", "18")
@pytest.mark.parametrize("when", ["before", "while the page waits"])
async def test_the_first_accounts_link_deleted_makes_no_other_the_first(
    stage: Stage, tmp_path: Path, when: str
) -> None:
    """A thief of the company password, with a friend at the database, and no factor."""
    own = stage.browser()
    await stage.link(own, "john")
    await stage.enrol(own, "john")
    if when == "before":
        _typed(tmp_path, "DELETE FROM links")
    thief = stage.browser("203.0.113.99")
    naming = await stage.to_naming_page(thief, "mia", company="john")
    _typed(tmp_path, "DELETE FROM links")
    answer = await thief.press(naming, decision="link")
    assert answer.status_code in {401, 403, 422}, answer.text
    assert await stage.database.read(lambda tx: tx.links.find(stage.channel("mia"))) is None
    done = await thief.press(naming, decision="link", code=stage.code("john"))
    assert done.status_code == 200, "the factor is enough, as ever"


async def test_after_the_last_link_was_removed_the_next_one_is_the_first(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    await stage.database.write(lambda tx: tx.links.remove(stage.channel("john")))
    page = await stage.to_naming_page(stage.browser(), "john")
    assert 'name="code"' not in page.text
