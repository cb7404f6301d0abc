"""A database administrator cannot make authority: every edit of a row that carries it is found when the row is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Table

from bot.domain.limit import Limit
from bot.domain.proposal import ProposalState
from bot.domain.session import BrowserSession, Session
from bot.errors import IntegrityAlarm, Stale
from bot.ports.database import Transaction
from bot.ports.provisioning import ProvisionedKind
from storage.crypto import Keyring
from storage.database import open_database
from storage.tables import consent, effects, identity
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
    a_resource,
    a_role,
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

Use = Callable[[Transaction, datetime], Any]
GUESSES = (Limit(count=5, window_seconds=900),)


def _use_session(tx: Transaction, now: datetime) -> Session | None:
    return tx.sessions.use(JOHNS_CHAT, now=now + timedelta(seconds=90), limits=LIMITS).session


USES: dict[str, tuple[Use, ...]] = {
    "links": (
        _use_session,
        lambda tx, now: tx.links.find(JOHNS_CHAT),
        lambda tx, now: tx.links.of_identity(JOHN),
    ),
    "persons": (
        _use_session,
        lambda tx, now: tx.persons.find(JOHN),
        lambda tx, now: tx.persons.with_role("employee"),
        lambda tx, now: tx.persons.by_employee("E-john"),
        lambda tx, now: tx.persons.by_username("john"),
    ),
    "guess_counts": (
        lambda tx, now: tx.guesses.hit(JOHN, "chat", GUESSES, now),
        lambda tx, now: tx.guesses.give_back(JOHN, "chat", GUESSES, now),
        lambda tx, now: tx.guesses.left(JOHN, "chat", GUESSES, now),
    ),
    "told_accounts": (
        lambda tx, now: tx.told_accounts.of_identity(JOHN),
        lambda tx, now: tx.told_accounts.of_account("T1:U-john"),
    ),
    "role_grants": (
        lambda tx, now: tx.sessions.use(JOHNS_CHAT, now=now, limits=LIMITS).grants,
        lambda tx, now: tx.roles.of_identity(JOHN),
        lambda tx, now: tx.roles.everyone(),
        lambda tx, now: tx.persons.with_role("hr_manager"),
    ),
    "sessions": (
        _use_session,
        lambda tx, now: tx.sessions.of_identity(JOHN),
        lambda tx, now: tx.sessions.everyone(9),
    ),
    "browser_sessions": (lambda tx, now: tx.browsers.find("browser-1", now),),
    "proposals": (
        lambda tx, now: tx.proposals.find("proposal-1"),
        lambda tx, now: tx.proposals.confirm("proposal-1"),
        lambda tx, now: tx.proposals.finish("proposal-1", ProposalState.SPENT),
    ),
    "proofs": (
        lambda tx, now: tx.proofs.spend("proof-1", now=now),
        lambda tx, now: tx.proofs.unspent(JOHN, "digest-1", now=now),
    ),
    "authenticators": (
        lambda tx, now: tx.authenticators.of_identity(JOHN),
        lambda tx, now: tx.authenticators.seed("totp-1"),
        lambda tx, now: tx.authenticators.count_attempt("totp-1"),
        lambda tx, now: tx.authenticators.accept("totp-1", step=5, now=now),
    ),
    "passkeys": (
        lambda tx, now: tx.passkeys.of_identity(JOHN),
        lambda tx, now: tx.passkeys.used("passkey-1", sign_count=5, now=now),
    ),
    "recovery_codes": (
        lambda tx, now: tx.recovery_codes.left(JOHN),
        lambda tx, now: tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now),
    ),
    "enrolment_codes": (
        lambda tx, now: tx.enrolment_codes.spend(JOHN, ("HALF-1", "HALF-2"), now=now),
        lambda tx, now: tx.enrolment_codes.spend(JOHN, ("HALF-2", "HALF-1"), now=now),
    ),
    "grants": (lambda tx, now: tx.effects.find("effect-1"),),
    "asked_requests": (
        lambda tx, now: tx.approvals.asked("Leave::L-1"),
        lambda tx, now: tx.approvals.hold("Leave::L-1"),
        lambda tx, now: tx.approvals.open(limit=9),
        lambda tx, now: tx.approvals.of_owner("E-john"),
    ),
    "approvals": (
        lambda tx, now: tx.approvals.given("Leave::L-1", "1"),
        lambda tx, now: tx.approvals.close("Leave::L-1", "spent"),
    ),
    "substitutions": (
        lambda tx, now: tx.substitutions.of_approver("E-mia", since=now.date()),
        lambda tx, now: tx.substitutions.of_substitute("E-sue", since=now.date()),
        lambda tx, now: tx.substitutions.end("substitution-1", now),
    ),
    "break_glass": (
        lambda tx, now: tx.break_glass.hold("use-1"),
        lambda tx, now: tx.break_glass.unreviewed(),
    ),
    "changes": (
        lambda tx, now: tx.changes.hold("change-1"),
        lambda tx, now: tx.changes.waiting(a_change(now).wanted, now),
        lambda tx, now: tx.changes.open(now),
    ),
    "provisioned": (
        lambda tx, now: tx.provisioned.find("scim:corp", ProvisionedKind.GROUP, "resource-1"),
        lambda tx, now: tx.provisioned.listed("scim:corp", ProvisionedKind.GROUP),
        lambda tx, now: tx.provisioned.about(JOHN),
    ),
    "installations": (
        lambda tx, now: tx.installations.find("E1/T1"),
        lambda tx, now: tx.installations.of_enterprise("E1"),
        lambda tx, now: tx.installations.hold("E1/T1", now=now, seconds=0),
        lambda tx, now: tx.installations.replace(an_installation(now)),
    ),
}
APART = {"known_people"}
"""Of more rows than one, and tried in `test_stores_people`."""
TABLES: dict[str, Table] = {name: metadata.tables[name] for name in USES}
LOOKED_UP = {
    # What a row is looked up by: an edit can hide the row, so that some uses find nothing instead of raising.
    "links": ("channel", "identity"),
    "persons": ("identity", "username", "employee"),
    "guess_counts": ("identity",),
    "told_accounts": ("identity", "account"),
    "role_grants": ("id", "identity", "role"),
    "sessions": ("channel", "identity"),
    "browser_sessions": ("id",),
    "proposals": ("id",),
    "proofs": ("id", "identity", "binding", "state"),
    "authenticators": ("id", "identity"),
    "passkeys": ("id", "identity"),
    "recovery_codes": ("id", "identity"),
    "enrolment_codes": ("id",),
    "grants": ("id",),
    "installations": ("tenant", "enterprise"),
    "asked_requests": ("about", "owner", "state"),
    "approvals": ("about", "facts_version", "state"),
    "substitutions": ("id", "approver", "substitute", "ends", "ended_at"),
    "break_glass": ("id",),
    "changes": ("id", "capability", "target", "arguments", "until", "state"),
    "provisioned": ("id", "client", "kind", "identity", "deleted"),
}


def test_every_table_with_a_mac_is_tried() -> None:
    assert {table.name for table in metadata.sorted_tables if "mac" in table.c} == set(USES) | APART
    assert TABLES["links"] is identity.links
    assert TABLES["proofs"] is consent.proofs
    assert TABLES["grants"] is effects.grants


def fill(tx: Transaction, now: datetime) -> None:
    """One row in every table that carries authority."""
    sign_in(tx, now)
    tx.told_accounts.note(JOHN, "T1:U-john")
    tx.roles.insert(a_role(now))
    tx.browsers.open(BrowserSession(id="browser-1", identity=JOHN, opened_at=now, until=now + LIMITS.idle))
    tx.proposals.insert(a_proposal(now))
    tx.proofs.insert(a_proof(now))
    tx.authenticators.insert(an_authenticator(now), "SEED")
    tx.passkeys.insert(a_passkey(now))
    tx.enrolment_codes.give(JOHN, "HALF-1", by=MIA, until=now + LIMITS.idle)
    tx.recovery_codes.renew(JOHN, [RECOVERY_CODE], now=now)
    tx.effects.intend(an_effect(now))
    tx.provisioned.insert(a_resource(now))
    tx.installations.put(an_installation(now))
    tx.changes.insert(a_change(now))
    tx.break_glass.insert(a_use(now))
    tx.approvals.ask(an_asked_request(now))
    tx.approvals.give(an_approval(now))
    tx.substitutions.name(a_substitution(now))


async def outcomes(database: OpenDatabase, table: str, now: datetime) -> list[str]:
    """What each use of the row answers: `alarm`, `nothing`, or `served`."""

    async def one(use: Use) -> str:
        try:
            found = await database.write(lambda tx: use(tx, now))
        except IntegrityAlarm:
            return "alarm"
        except Stale:
            return "nothing"
        return "served" if found else "nothing"

    return [await one(use) for use in USES[table]]


async def edit(url: str, table: str, column: str) -> None:
    """Change one column of the table's row, keeping its type."""
    kind = TABLES[table].c[column].type
    if isinstance(kind, LargeBinary):
        replaced = "x'00ff'" if url.startswith("sqlite") else "'\\x00ff'::bytea"
    elif kind.python_type is int:
        replaced = f"coalesce({column}, 0) + 1"
    else:
        replaced = f"coalesce({column}, '') || 'x'"
    await by_hand(url, f"UPDATE {table} SET {column} = {replaced}")  # noqa: S608


@pytest.mark.requirement("91")
@pytest.mark.parametrize("table", USES)
async def test_an_edit_of_any_column_is_found(
    database: OpenDatabase, database_url: str, now: datetime, table: str
) -> None:
    await database.write(lambda tx: fill(tx, now))
    await by_hand(database_url, f"CREATE TABLE kept AS SELECT * FROM {table}")  # noqa: S608
    for column in reversed(TABLES[table].c.keys()):
        if table == "grants" and column == "id":
            await by_hand(database_url, "DELETE FROM effects")  # refers to it
        await edit(database_url, table, column)
        answers = await outcomes(database, table, now)
        if column in LOOKED_UP[table]:
            assert set(answers) <= {"alarm", "nothing"}, column
        else:
            assert set(answers) == {"alarm"}, column
        await by_hand(database_url, f"UPDATE {table} SET {column} = (SELECT {column} FROM kept)")  # noqa: S608


@pytest.mark.requirement("91")
@pytest.mark.parametrize("table", USES)
async def test_a_row_that_is_put_in_is_found(
    database: OpenDatabase, database_url: str, now: datetime, table: str
) -> None:
    """The administrator has a copy of every row, MAC and all, and gives it to somebody else."""
    await database.write(lambda tx: fill(tx, now))
    moved = {"channel": MIAS_CHAT.key, "identity": MIA.key, "id": "another", "tenant": "T9", "about": "Leave::L-2"}
    columns = TABLES[table].c.keys()
    (key,) = [column.name for column in TABLES[table].primary_key]
    values = ", ".join(f"'{moved[column]}'" if column == key else column for column in columns)
    await by_hand(database_url, f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table}")  # noqa: S608

    (row,) = await by_hand(database_url, f"SELECT count(*) FROM {table}")  # noqa: S608
    assert row == (2,)
    alarms = {
        "links": lambda tx: tx.links.find(MIAS_CHAT),
        "persons": lambda tx: tx.persons.find(MIA),
        "role_grants": lambda tx: tx.roles.of_identity(JOHN),
        "sessions": lambda tx: tx.sessions.of_identity(JOHN),
        "proposals": lambda tx: tx.proposals.find("another"),
        "proofs": lambda tx: tx.proofs.spend("another", now=now),
        "authenticators": lambda tx: tx.authenticators.seed("another"),
        "installations": lambda tx: tx.installations.find("T9"),
    }
    if table in alarms:
        with pytest.raises(IntegrityAlarm):
            await database.write(alarms[table])


@pytest.mark.requirement("91")
async def test_a_lock_cannot_be_lifted_by_hand(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    person = await database.read(lambda tx: tx.persons.find(JOHN))
    assert person is not None
    (before,) = await by_hand(database_url, "SELECT * FROM persons")
    await by_hand(database_url, "UPDATE persons SET locked = 1, lock_reason = 'x'")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.persons.save(person))
    await by_hand(database_url, "UPDATE persons SET locked = 0, lock_reason = ''")
    assert await by_hand(database_url, "SELECT * FROM persons") == [before]
    assert await database.write(lambda tx: tx.persons.find(JOHN)) == person


@pytest.mark.requirement("91")
async def test_a_spent_proof_cannot_be_made_unspent(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.proofs.insert(a_proof(now)))
    assert await database.write(lambda tx: tx.proofs.spend("proof-1", now=now))
    await by_hand(database_url, "UPDATE proofs SET state = 'unspent', version = 1")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: tx.proofs.spend("proof-1", now=now))


@pytest.mark.requirement("91")
async def test_rows_of_another_installation_are_refused(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    await database.write(lambda tx: sign_in(tx, now))
    other = open_database(database_url, keys=Keyring.generate())
    try:
        with pytest.raises(IntegrityAlarm):
            await other.write(lambda tx: tx.sessions.use(JOHNS_CHAT, now=now, limits=LIMITS))
    finally:
        await other.close()


@pytest.mark.requirement("91")
async def test_what_was_verified_is_read_again_at_every_use(
    database: OpenDatabase, database_url: str, now: datetime
) -> None:
    """Verified rows are remembered by their content: an edit behind the memory's back is still found."""
    await database.write(lambda tx: sign_in(tx, now))
    for _ in range(3):
        await database.write(lambda tx: _use_session(tx, now))
    await by_hand(database_url, "UPDATE persons SET department = 'board'")
    with pytest.raises(IntegrityAlarm):
        await database.write(lambda tx: _use_session(tx, now))


@pytest.mark.requirement("91")
@pytest.mark.parametrize(
    "table", [*("links", "role_grants", "sessions", "proofs", "authenticators"), *("passkeys", "recovery_codes")]
)
async def test_deleting_a_row_gives_no_right(
    database: OpenDatabase, database_url: str, now: datetime, table: str
) -> None:
    await database.write(lambda tx: fill(tx, now))
    before = await database.write(lambda tx: tx.sessions.use(JOHNS_CHAT, now=now, limits=LIMITS))
    await by_hand(database_url, f"DELETE FROM {table}")  # noqa: S608
    after = await database.write(lambda tx: tx.sessions.use(JOHNS_CHAT, now=now, limits=LIMITS))
    assert len(after.grants) <= len(before.grants)
    if table in ("links", "sessions"):
        assert after.session is None
    if table == "proofs":
        assert not await database.write(lambda tx: tx.proofs.spend("proof-1", now=now))
    if table == "authenticators":
        assert await database.read(lambda tx: tx.authenticators.of_identity(JOHN)) == []
    if table == "passkeys":
        assert not await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=5, now=now))
    if table == "recovery_codes":
        assert not await database.write(lambda tx: tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now))
