"""Raw SQL at every table that carries authority: named by the state check, and what was swapped is refused at use."""

# ruff: noqa: S608 - an administrator types whatever they like

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from sqlalchemy import LargeBinary

from bot.domain.approval import RequestState
from bot.domain.identity import Person
from bot.domain.limit import Limit
from bot.domain.proposal import ProposalState
from bot.domain.secret import Secret
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.ports.provisioning import ProvisionedKind
from storage.journal import LIVELY
from storage.state_verification import StateFaultKind, ToldState
from storage.tables.everything import metadata
from tests.contract.stores import (
    JOHN,
    JOHNS_CHAT,
    LIMITS,
    MIA,
    MIAS_CHAT,
    RECOVERY_CODE,
    OpenDatabase,
    a_change,
    a_passkey,
    a_proof,
    a_proposal,
    a_substitution,
    a_use,
    an_approval,
    an_asked_request,
    an_authenticator,
    an_effect,
    an_installation,
    by_hand,
    sign_in,
)
from tests.contract.test_stores_integrity import fill

TABLES = {table.name: table for table in metadata.sorted_tables if "mac" in table.c}
KEYS = {name: next(iter(table.primary_key)).name for name, table in TABLES.items()}
Change = Callable[[Transaction, datetime], Any]
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What compares rows with the log is one code for both engines; what writes and reads them is tried on each above."""
Fault = tuple[str, StateFaultKind]
SEAL = frozenset({"version", "mac_key", "mac"})
NEVER_CHANGED = {"grants"}
"""A grant's row is spent by being there: there is no earlier copy of it."""


def _person(tx: Transaction) -> Person:
    person = tx.persons.find(JOHN)
    assert person is not None
    return person


def _recover(tx: Transaction, now: datetime) -> None:
    assert tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now)


def _provisioned(tx: Transaction, now: datetime) -> None:
    found = tx.provisioned.find("scim:corp", ProvisionedKind.GROUP, "resource-1")
    assert found is not None
    assert tx.provisioned.replace(replace(found, active=False, changed_at=now + timedelta(seconds=1)))


USED: dict[str, Change] = {
    # What our own code does to the row that `fill` made: used up, ended, taken back, or simply another value.
    "links": lambda tx, now: tx.links.remove(JOHNS_CHAT),
    "persons": lambda tx, now: tx.persons.save(replace(_person(tx), locked=True, lock_reason="left")),
    "known_people": lambda tx, now: sign_in(tx, now, MIAS_CHAT, MIA),
    "guess_counts": lambda tx, now: tx.guesses.hit(JOHN, "chat", (Limit(count=5, window_seconds=900),), now),
    "told_accounts": lambda tx, now: tx.told_accounts.note(JOHN, "T1:U-other"),
    "role_grants": lambda tx, now: tx.roles.remove("role-1"),
    "sessions": lambda tx, now: tx.sessions.end(JOHNS_CHAT),
    "browser_sessions": lambda tx, now: tx.browsers.end("browser-1"),
    "proposals": lambda tx, now: tx.proposals.finish("proposal-1", ProposalState.SPENT),
    "proofs": lambda tx, now: tx.proofs.spend("proof-1", now=now),
    "authenticators": lambda tx, now: tx.authenticators.accept("totp-1", step=5, now=now),
    "passkeys": lambda tx, now: tx.passkeys.used("passkey-1", sign_count=5, now=now),
    "recovery_codes": _recover,
    "enrolment_codes": lambda tx, now: tx.enrolment_codes.give(JOHN, "HALF-9", by=MIA, until=now + LIMITS.idle),
    "provisioned": _provisioned,
    "installations": lambda tx, now: tx.installations.put(an_installation(now, token=Secret("xoxe.xoxb-2"))),
    "changes": lambda tx, now: tx.changes.save(a_change(now, agreed=(MIA.key, JOHN.key), version=1)),
    "break_glass": lambda tx, now: tx.break_glass.save(a_use(now, reviews=(), version=1)),
    "asked_requests": lambda tx, now: tx.approvals.ask(an_asked_request(now, state=RequestState.WITHDRAWN)),
    "approvals": lambda tx, now: tx.approvals.close("Leave::L-1", "void"),
    "substitutions": lambda tx, now: tx.substitutions.end("substitution-1", now),
}


def test_every_table_that_carries_authority_is_used_up() -> None:
    assert set(USED) | NEVER_CHANGED == set(TABLES)


class Administrator:
    """Somebody at the database, with copies of what was there."""

    def __init__(self, database: OpenDatabase, url: str) -> None:
        self.database, self.url = database, url

    async def type(self, statement: str) -> list[tuple[Any, ...]]:
        return await by_hand(self.url, statement)

    async def copies(self, name: str, tables: Iterable[str]) -> None:
        for table in tables:
            await self.type(f"CREATE TABLE {name}_{table} AS SELECT * FROM {table}")

    async def put_back(self, name: str, table: str) -> None:
        """Every row of a copy, over whatever is there now."""
        key = KEYS[table]
        await self.type(f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {name}_{table})")
        await self.type(f"INSERT INTO {table} SELECT * FROM {name}_{table}")

    async def only(self, name: str, table: str) -> None:
        """The rows of a copy and no others, as a test leaves them after an attack."""
        await self.type(f"DELETE FROM {table}")
        await self.type(f"INSERT INTO {table} SELECT * FROM {name}_{table}")

    async def named(self) -> list[Fault]:
        def read(tx: Transaction) -> list[Fault]:
            told = ToldState()
            told.follow(tx.audit.records())
            return sorted((fault.table, fault.kind) for fault in told.compare(tx.audit.state()))

        return await self.database.read(read)


@pytest.fixture
async def administrator(database: OpenDatabase, database_url: str, now: datetime) -> Administrator:
    """One row in every table."""
    await database.write(lambda tx: fill(tx, now))
    return Administrator(database, database_url)


async def use_up(administrator: Administrator, tables: Iterable[str], now: datetime) -> None:
    """Use up each row, with copies of `before` and `after`."""
    tables = tuple(tables)
    await administrator.copies("before", tables)
    for table in tables:
        await administrator.database.write(partial(_used, table, now))
        assert await administrator.named() == [], f"{table}: what we do ourselves is in the log"
    await administrator.copies("after", tables)


def _used(table: str, now: datetime, tx: Transaction) -> None:
    USED[table](tx, now)


@pytest.mark.requirement("91")
async def test_an_earlier_copy_of_any_row_put_back_is_named(administrator: Administrator, now: datetime) -> None:
    await use_up(administrator, USED, now)
    was_gone = set()
    for table in USED:
        await administrator.put_back("before", table)
        found = await administrator.named()
        assert {name for name, _ in found} == {table}, f"{table}: {found}"
        assert StateFaultKind.MISSING not in {kind for _, kind in found}
        was_gone |= {name for name, kind in found if kind is StateFaultKind.INSERTED}
        await administrator.only("after", table)
        assert await administrator.named() == []
    assert was_gone >= {"links", "role_grants", "sessions", "browser_sessions"}, "a row that was deleted is put in"


@ON_SQLITE
@pytest.mark.requirement("91")
async def test_earlier_copies_of_two_rows_that_are_put_back_together_are_both_named(
    administrator: Administrator, now: datetime
) -> None:
    together = ("proofs", "proposals", "authenticators", "guess_counts", "passkeys", "recovery_codes", "approvals")
    await use_up(administrator, together, now)
    for pair in combinations(together, 2):
        for table in pair:
            await administrator.put_back("before", table)
        assert {name for name, _ in await administrator.named()} == set(pair)
        for table in pair:
            await administrator.only("after", table)


@ON_SQLITE
@pytest.mark.requirement("91")
async def test_a_deleted_a_copied_and_an_edited_row_of_any_table_are_named(administrator: Administrator) -> None:
    await administrator.type("DELETE FROM effects")  # they refer to grants
    await administrator.copies("kept", TABLES)
    for table, columns in TABLES.items():
        key, names = KEYS[table], [name for name in columns.c.keys() if name != KEYS[table]]  # noqa: SIM118
        rows = len(await administrator.type(f"SELECT 1 FROM {table}"))
        await administrator.type(f"DELETE FROM {table}")
        assert await administrator.named() == [(table, StateFaultKind.MISSING)] * rows
        await administrator.only("kept", table)
        copied = ", ".join(names)
        await administrator.type(
            f"INSERT INTO {table} ({key}, {copied}) SELECT {key} || 'x', {copied} FROM kept_{table} LIMIT 1"
        )
        assert await administrator.named() == [(table, StateFaultKind.INSERTED)]
        await administrator.only("kept", table)
        for name in set(names) - LIVELY.get(table, frozenset()) - SEAL:
            await administrator.type(f"UPDATE {table} SET {name} = {_other(administrator.url, table, name)}")
            assert await administrator.named() == [(table, StateFaultKind.DIFFERENT)] * rows, f"{table} {name}"
            await administrator.only("kept", table)


def _other(url: str, table: str, column: str) -> str:
    kind = TABLES[table].c[column].type
    if isinstance(kind, LargeBinary):
        return "x'00ff'" if url.startswith("sqlite") else "'\\x00ff'::bytea"
    return f"coalesce({column}, 0) + 1" if kind.python_type is int else f"coalesce({column}, '') || 'x'"


def two(tx: Transaction, now: datetime) -> None:
    """A second row beside the one of `fill`, another person's where a row is somebody's."""
    sign_in(tx, now, MIAS_CHAT, MIA)
    tx.proposals.insert(a_proposal(now, "proposal-2", MIA))
    tx.proofs.insert(a_proof(now, "proof-2", MIA))
    tx.authenticators.insert(an_authenticator(now, "totp-2", MIA), "OTHER")
    tx.passkeys.insert(a_passkey(now, "passkey-2", identity=MIA))
    tx.recovery_codes.renew(MIA, ["Q" * 16], now=now)
    tx.effects.intend(an_effect(now, "effect-2", "grant-2"))
    tx.approvals.ask(an_asked_request(now, about="Leave::L-2"))
    tx.approvals.give(an_approval(now, id="approval-2", about="Leave::L-2"))
    tx.substitutions.name(a_substitution(now, id="substitution-2", approver="E-john"))
    tx.break_glass.insert(a_use(now, id="use-2", identity=MIA.key, employee="E-mia"))


SWAPPED: dict[str, tuple[str, Change]] = {
    "proposals": ("proposal-1", lambda tx, now: tx.proposals.find("proposal-1")),
    "proofs": ("proof-1", lambda tx, now: tx.proofs.spend("proof-1", now=now)),
    "authenticators": ("totp-1", lambda tx, now: tx.authenticators.count_attempt("totp-1")),
    "passkeys": ("passkey-1", lambda tx, now: tx.passkeys.used("passkey-1", sign_count=5, now=now)),
    "recovery_codes": ("", lambda tx, now: tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now)),
    "guess_counts": (JOHN.key, lambda tx, now: tx.guesses.hit(JOHN, "chat", (Limit(count=5, window_seconds=9),), now)),
    "grants": ("grant-1", lambda tx, now: tx.effects.find("effect-1")),
    "asked_requests": ("Leave::L-1", lambda tx, now: tx.approvals.hold("Leave::L-1")),
    "approvals": ("approval-1", lambda tx, now: tx.approvals.close("Leave::L-1", "spent")),
    "substitutions": ("substitution-1", lambda tx, now: tx.substitutions.end("substitution-1", now)),
    "break_glass": ("use-1", lambda tx, now: tx.break_glass.hold("use-1")),
}


@ON_SQLITE
@pytest.mark.requirement("91", "47", "57", "61")
@pytest.mark.parametrize("table", SWAPPED)
@pytest.mark.parametrize("what", ["the MACs", "all but the keys"])
async def test_what_is_swapped_between_two_rows_holds_in_neither(
    administrator: Administrator, now: datetime, table: str, what: str
) -> None:
    await administrator.database.write(lambda tx: two(tx, now))
    key = KEYS[table]
    mine, use = SWAPPED[table]
    mine = mine or (await administrator.type("SELECT id FROM recovery_codes WHERE identity LIKE '%john'"))[0][0]
    await administrator.copies("kept", [table])
    names = sorted(SEAL - {"version"}) if what == "the MACs" else [n for n in TABLES[table].c.keys() if n != key]  # noqa: SIM118
    for name in names:
        others = f"(SELECT {name} FROM kept_{table} k WHERE k.{key} <> {table}.{key} ORDER BY k.{key} LIMIT 1)"
        await administrator.type(f"UPDATE {table} SET {name} = {others}")
    with pytest.raises(IntegrityAlarm):
        await administrator.database.write(lambda tx: use(tx, now))
    await administrator.only("kept", table)
    await administrator.database.write(lambda tx: use(tx, now))
    assert (await administrator.type(f"SELECT count(*) FROM {table} WHERE {key} = '{mine}'"))[0][0] == 1
