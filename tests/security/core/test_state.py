"""What the log says of rows that carry authority: right after every journey, and contradicted by every hand at them."""

# ruff: noqa: S608 - an administrator types whatever they like

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.identity import Role, RoleGrant
from bot.domain.passkey import Passkey
from bot.domain.session import BrowserSession
from bot.ports.database import Transaction
from storage.journal import LIVELY
from storage.state_verification import StateFault, StateFaultKind, ToldState
from storage.tables.everything import metadata
from tests.fakes.world import World
from tests.security.core.attack import code_dialog
from tests.security.core.conftest import Sql

AUTHORITY = sorted(table.name for table in metadata.sorted_tables if "mac" in table.c)
WRITTEN = (
    *(
        "asked_requests",
        "authenticators",
        "browser_sessions",
        "grants",
        "guess_counts",
        "known_people",
        "links",
        "passkeys",
        "persons",
        "proofs",
        "proposals",
    ),
    *("recovery_codes", "role_grants", "sessions"),
)
"""The tables the day below writes to."""


async def faults(world: World) -> list[StateFault]:
    def read(tx: Transaction) -> list[StateFault]:
        told = ToldState()
        told.follow(tx.audit.records())
        return list(told.compare(tx.audit.state()))

    return await world.database.read(read)


async def a_day(world: World) -> None:
    """Sign-ins, a leave approved with a code, a wrong code, roles, a lock and its end, factors, a session that ends."""
    await code_dialog(world)
    await world.submit_code("mia", "000000")
    await world.submit_code("mia", world.code("mia"))
    await world.sign_in("sue")
    await world.enrol("sue")
    now, john, sue = world.clock.now(), world.identity("john"), world.identity("sue")

    def work(tx: Transaction) -> None:
        for number in (1, 2):
            grant = RoleGrant(
                id=f"g{number}", identity=sue, role=Role.AUDITOR, scope="Sales", granted_by="raj",
                granted_at=now, until=now + timedelta(days=1),
            )  # fmt: skip
            tx.roles.insert(grant)
        tx.roles.remove("g2")
        tx.recovery_codes.renew(sue, ["a" * 16, "b" * 16], now=now)
        tx.recovery_codes.renew(sue, ["c" * 16, "d" * 16], now=now)
        assert tx.recovery_codes.spend(sue, "c" * 16, now=now)
        tx.passkeys.insert(
            Passkey(id="p1", identity=sue, name="Key", public_key=b"key", sign_count=0, transports=(), created_at=now)
        )
        for number in (1, 2):
            tx.browsers.open(
                BrowserSession(
                    id=f"b{number}", identity=sue, opened_at=now, until=now + timedelta(hours=1), auth_time=now
                )
            )
        tx.browsers.end("b2")
        for locked in (True, False):
            person = tx.persons.find(john)
            assert person is not None
            tx.persons.save(replace(person, locked=locked, lock_reason="left" if locked else ""))

    await world.database.write(work)
    world.clock.advance(timedelta(minutes=2))
    assert "days" in await world.say("john", "balance")
    await world.sign_out("john")


async def test_the_log_is_right_about_a_day_on_two_replicas_of_either_engine(replicas: tuple[World, World]) -> None:
    first, second = replicas
    await a_day(first)
    await second.sign_in("john")
    await second.say("john", "balance")
    assert await faults(first) == []
    present = await first.database.read(lambda tx: {name.split(" ")[0] for name, _ in tx.audit.state()})
    assert present == set(WRITTEN), "the day writes to fewer tables than the attacks below need"


@pytest.mark.requirement("91")
async def test_deleted_rows_are_missing(here: World, sql: Sql) -> None:
    await a_day(here)
    for table in WRITTEN:
        rows = sql(f"SELECT * FROM {table}")
        sql(f"DELETE FROM {table}")
        assert _kinds(await faults(here)) == [(table, StateFaultKind.MISSING)] * len(rows)
        _put(sql, table, rows)
    assert await faults(here) == []


@pytest.mark.requirement("91")
async def test_a_row_that_was_put_in_is_named(here: World, sql: Sql) -> None:
    await a_day(here)
    for table in WRITTEN:
        key, others = _columns(table)
        sql(f"INSERT INTO {table} ({key}, {others}) SELECT {key} || 'x', {others} FROM {table} LIMIT 1")
        [fault] = await faults(here)
        assert (fault.table, fault.kind, fault.seq) == (table, StateFaultKind.INSERTED, None)
        sql(f"DELETE FROM {table} WHERE {key} = ?", fault.row)


@pytest.mark.requirement("91")
async def test_a_changed_row_is_named_whatever_was_changed(here: World, sql: Sql) -> None:
    await a_day(here)
    for table in WRITTEN:
        rows = sql(f"SELECT * FROM {table}")
        use = LIVELY.get(table, frozenset())
        left_out = use | ({"version", "mac_key", "mac"} if use else set())
        for column in sorted(set(_columns(table)[1].split(", ")) - left_out):
            sql(f"UPDATE {table} SET {column} = CASE WHEN typeof({column}) = 'blob' THEN zeroblob(3) ELSE '7' END")
            assert _kinds(await faults(here)) == [(table, StateFaultKind.DIFFERENT)] * len(rows), column
            _put(sql, table, rows)
    assert await faults(here) == []


def _kinds(found: list[StateFault]) -> list[tuple[str, StateFaultKind]]:
    return [(fault.table, fault.kind) for fault in found]


def _columns(table: str) -> tuple[str, str]:
    (key,) = metadata.tables[table].primary_key
    return key.name, ", ".join(column.name for column in metadata.tables[table].columns if column is not key)


def _put(sql: Sql, table: str, rows: list[tuple[object, ...]]) -> None:
    for row in rows:
        sql(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


@pytest.mark.requirement("91")
async def test_an_older_row_that_is_put_back_is_named_though_its_mac_is_right(here: World, sql: Sql) -> None:
    """The lock is undone, the used code fresh, the proof unspent, the role back: all with rows we wrote ourselves."""
    await code_dialog(here)
    tables = ("authenticators", "persons", "proofs", "proposals", "role_grants", "sessions")
    grant = RoleGrant(
        id="g1", identity=here.identity("mia"), role=Role.AUDITOR, scope="*", granted_by="raj",
        granted_at=here.clock.now(), until=None,
    )  # fmt: skip
    await here.database.write(lambda tx: tx.roles.insert(grant))
    old = {table: sql(f"SELECT * FROM {table}") for table in tables}
    await here.submit_code("mia", here.code("mia"))

    def later(tx: Transaction) -> None:
        tx.roles.remove("g1")
        person = tx.persons.find(here.identity("mia"))
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="left"))
        tx.sessions.end_all(here.identity("mia"))

    await here.database.write(later)
    assert await faults(here) == []
    for table, rows in old.items():
        _put(sql, table, rows)
    named = {(fault.table, fault.kind) for fault in await faults(here)}
    assert named == {
        ("authenticators", StateFaultKind.DIFFERENT),
        ("persons", StateFaultKind.DIFFERENT),
        ("proposals", StateFaultKind.DIFFERENT),
        ("role_grants", StateFaultKind.INSERTED),
        ("sessions", StateFaultKind.INSERTED),
    }


async def test_what_mere_use_changes_writes_no_record(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "balance")
    before = len(await here.audit(type_prefix="state."))
    for _ in range(3):
        here.clock.advance(timedelta(seconds=61))
        await here.say("john", "balance")
    assert len(await here.audit(type_prefix="state.")) == before
    assert await faults(here) == []


async def test_an_undone_transaction_leaves_nothing_for_the_next(here: World) -> None:
    await here.sign_in("john")

    def undone(tx: Transaction) -> None:
        tx.sessions.end_all(here.identity("john"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await here.database.write(undone)
    await here.say("john", "balance")
    assert await faults(here) == []


def test_every_table_with_a_mac_is_known_here() -> None:
    assert set(WRITTEN) <= set(AUTHORITY)
