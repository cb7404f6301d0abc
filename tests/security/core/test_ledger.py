"""Somebody whose row is deleted is not made again, whatever else is deleted with it; and no guesses come back."""

# ruff: noqa: S608 - an administrator types whatever they like

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Acquaintance
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.services import throttling
from bot.services.sessions import remember_person
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_changes import asks, keyed
from tests.security.core.attack import alarms, code_dialog
from tests.security.core.conftest import Sql
from tests.security.core.test_state import faults

JOHN = "https://id.example#john"
TRACES = ("links", "sessions", "browser_sessions", "authenticators", "passkeys", "recovery_codes", "role_grants")


async def lock(here: World, name: str) -> None:
    def locked(tx: Transaction) -> None:
        person = tx.persons.find(here.identity(name))
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="left"))

    await here.database.write(locked)


def erase(sql: Sql, *tables: str, log: str = "UPDATE audit SET principal = '', resource = '', state = '{}'") -> None:
    """The row, every trace of the person, and what the log has of them."""
    for table in ("persons", "guess_counts", *tables):
        sql(f"DELETE FROM {table} WHERE identity = ?", JOHN)
    sql(log)


async def comes_back(here: World) -> None:
    claims = here.directory.claims("john")
    await here.database.write(lambda tx: remember_person(tx, "test", claims, here.clock.now()))


@pytest.mark.requirement("91", "31")
@pytest.mark.parametrize("log", ["UPDATE audit SET principal = '', resource = '', state = '{}'", "DELETE FROM audit"])
async def test_a_locked_person_without_row_links_or_log_is_not_made_again(here: World, sql: Sql, log: str) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await lock(here, "john")
    erase(sql, *TRACES, log=log)
    with pytest.raises(IntegrityAlarm):
        await comes_back(here)
    assert sql("SELECT count(*) FROM persons WHERE identity = ?", JOHN) == [(0,)]


@pytest.mark.requirement("91", "31")
@pytest.mark.parametrize(
    "hand",
    [
        "DELETE FROM known_people WHERE members <> '[]'",
        "DELETE FROM known_people",
        "UPDATE known_people SET members = '[]'",
        "UPDATE known_people SET bucket = bucket || 'x'",
        "UPDATE known_people SET mac = zeroblob(32)",
    ],
)
async def test_the_ledger_edited_or_deleted_lets_nobody_be_made_again(here: World, sql: Sql, hand: str) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await lock(here, "john")
    erase(sql, *TRACES)
    sql(hand)
    with pytest.raises(IntegrityAlarm):
        await comes_back(here)
    assert await here.say("mia", "balance"), "who is there goes on"


@pytest.mark.requirement("91", "31")
@pytest.mark.parametrize("left", ["links", "authenticators", "guess_counts", "audit"])
async def test_with_nobody_there_at_all_one_trace_of_anybody_is_enough(here: World, sql: Sql, left: str) -> None:
    await here.sign_in("mia")
    await here.enrol("mia")
    await here.sign_in("john")
    sql("UPDATE audit SET type = 'session.opened' WHERE seq = (SELECT max(seq) FROM audit)")
    for table in {"persons", "known_people", "links", "authenticators", "guess_counts", "audit"} - {left}:
        sql(f"DELETE FROM {table}")
    sql("DELETE FROM links WHERE identity = ?", JOHN)
    sql("UPDATE audit SET principal = ''")
    with pytest.raises(IntegrityAlarm):
        await comes_back(here)


@pytest.mark.requirement("91")
async def test_a_ledger_row_put_back_from_before_is_named(here: World, sql: Sql) -> None:
    before = sql("SELECT * FROM known_people")
    await here.sign_in("mia")
    before = sql("SELECT * FROM known_people")
    await here.sign_in("john")
    for row in before:
        sql("UPDATE known_people SET members = ?2, version = ?3, mac_key = ?4, mac = ?5 WHERE bucket = ?1", *row)
    (fault,) = await faults(here)
    assert (fault.table, fault.kind) == ("known_people", "different")


@pytest.mark.requirement("91")
async def test_an_administrator_clears_it_and_that_counts_once(tmp_path: Path, clock: FixedClock, sql: Sql) -> None:
    policies = tmp_path / "policies"
    shutil.copytree(POLICIES, policies)
    file = policies / "40-admin.cedar"
    file.write_text(file.read_text().replace("context.proof.phishing_resistant && ", ""))
    async with world(tmp_path, clock, policies=policies) as here:
        await here.sign_in("raj")
        await keyed(here, "raj")
        await here.sign_in("john")
        await lock(here, "john")
        erase(sql, *TRACES)
        with pytest.raises(IntegrityAlarm):
            await comes_back(here)
        assert "may sign in again" in await asks(here, "raj", f"unlock {JOHN}")
        known = await here.database.read(lambda tx: tx.persons.acquaintance(here.identity("john")))
        assert known is Acquaintance.READMITTED
        await here.sign_in("john")
        assert "days" in await here.say("john", "balance")
        erase(sql, *TRACES)
        with pytest.raises(IntegrityAlarm):
            await comes_back(here)


@pytest.mark.requirement("91")
async def test_nobody_is_let_in_anew_whose_row_is_there(here: World) -> None:
    await here.sign_in("john")
    assert not await here.database.write(lambda tx: tx.persons.readmit(here.identity("john")))
    assert not await here.database.write(lambda tx: tx.persons.readmit(here.identity("sue")))


# Guesses


@pytest.mark.requirement("34", "91")
@pytest.mark.parametrize(
    "hand",
    [
        "DELETE FROM guess_counts",
        "UPDATE guess_counts SET counts = '{}'",
        "UPDATE guess_counts SET mac = zeroblob(32)",
        "UPDATE guess_counts SET identity = identity || 'x'",
    ],
)
async def test_counts_that_are_taken_away_give_no_guess(here: World, sql: Sql, hand: str) -> None:
    await code_dialog(here)
    for _ in range(3):
        await here.submit_code("mia", "000000")
    sql(hand)
    before = await alarms(here)
    refused = 0
    for _ in range(3):
        here.clock.advance(timedelta(seconds=30))
        try:
            await here.submit_code("mia", here.code("mia"))
        except IntegrityAlarm:
            refused += 1
    assert refused == 3 or await alarms(here) > before, "said aloud"
    [authenticator] = await here.database.read(lambda tx: tx.authenticators.of_identity(here.identity("mia")))
    assert authenticator.failures == 3, "no code was compared"
    assert not await here.audit(type_prefix="effect.finished", resource="Leave::1")


@pytest.mark.requirement("34", "91")
async def test_another_persons_counts_do_not_stand_in(here: World, sql: Sql) -> None:
    await here.sign_in("sue")
    await code_dialog(here)
    for _ in range(5):
        await here.submit_code("mia", "000000")
    mia, sue = here.identity("mia").key, here.identity("sue").key
    sql("DELETE FROM guess_counts WHERE identity = ?", mia)
    sql("UPDATE guess_counts SET identity = ? WHERE identity = ?", mia, sue)
    with pytest.raises(IntegrityAlarm):
        await here.database.write(lambda tx: throttling.allows_code(tx, here.identity("mia"), "chat", here.clock.now()))


@pytest.mark.requirement("34", "91")
async def test_the_open_counters_give_no_code_back(here: World, sql: Sql) -> None:
    await code_dialog(here)
    for _ in range(5):
        await here.submit_code("mia", "000000")
        sql("DELETE FROM throttle")
    now, mia = here.clock.now(), here.identity("mia")
    assert await here.database.read(lambda tx: throttling.codes_left(tx, mia, "chat", now)) == 0
    assert not await here.database.write(lambda tx: throttling.allows_code(tx, mia, "chat", now))
