"""A rotation reaches every row there is, in any order and after any stop; tokens on their way out are kept sealed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Card
from bot.domain.challenge import Challenge
from bot.domain.interaction import Interaction
from bot.domain.notice import Kept, Notice
from bot.domain.reference import ConversationReference
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.ports.keys import KeysHeld
from bot.ports.mail import Letter, WaitingLetter
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.rekeying import kept_tables, sealed_columns
from storage.state_verification import StateFault, ToldState
from storage.tables.everything import metadata
from tests.contract.stores import JOHN, JOHNS_CHAT, MIA, OpenDatabase, a_message, an_item, by_hand
from tests.contract.test_stores_integrity import USES, fill, outcomes

NO_CIPHERTEXT = {"mac", "public_key"}
"""Bytes that are no secret."""
TOKENS = b'{"RefreshToken": "canary"}'


def fill_all(tx: Transaction, now: datetime) -> str:
    """At least one row in every table that has anything sealed or authenticated; a handle to look one up by."""
    fill(tx, now)
    tx.tokens.save(JOHN, TOKENS, expected_version=None, now=now)
    tx.revocations.put(MIA, "demo", TOKENS)
    about = Kept(id="notice-1", to=JOHNS_CHAT, about="Leave::L-1", created_at=now)
    told = Draft(card=Card(headline="h"))
    tx.notices.keep(about, Posting(draft=told, to=JOHNS_CHAT, place=a_message(now).place, notice=Notice.ACCOUNT_LINKED))
    tx.inbox.accept(a_message(now), lease_seconds=0)
    tx.outbox.put(an_item(now), lease_seconds=0)
    tx.pending.put(JOHNS_CHAT, a_message(now), until=now + timedelta(minutes=10))
    tx.challenges.put(JOHN.key, Challenge(provider="demo", claims="{}", until=now + timedelta(hours=1)))
    tx.references.put(ConversationReference(of="a", conversation="b", service="c"), now=now)
    letter = Letter(to="john@example.org", subject="s", text="t")
    tx.letters.put(WaitingLetter(id="letter-1", letter=letter, written_at=now), lease_seconds=0)
    until = now + timedelta(hours=1)
    return tx.interactions.create(Interaction(kind="k", payload={"a": "b"}, audience="x", until=until, version=1))


async def rewrite_all(database: OpenDatabase, *, limit: int = 100) -> tuple[int, int]:
    done, broken = 0, 0
    for table in await database.read(lambda tx: tx.keys.tables()):
        after: str | int | None = None
        while True:
            piece = await _piece(database, table, after, limit)
            done, broken, after = done + piece.done, broken + piece.broken, piece.last
            if after is None:
                break
    return done, broken


async def _piece(database: OpenDatabase, table: str, after: str | int | None, limit: int) -> Any:
    return await database.write(lambda tx: tx.keys.rewrite(table, after, limit=limit))


async def left(database: OpenDatabase) -> dict[str, int]:
    counts = await database.read(lambda tx: {table: tx.keys.older(table) for table in tx.keys.tables()})
    return {table: count for table, count in counts.items() if count}


def contradictions(tx: Transaction) -> list[StateFault]:
    """Rows that are not as the log says: what is signed anew is told there too."""
    told = ToldState()
    told.follow(tx.audit.records())
    return list(told.compare(tx.audit.state()))


def rotate(keys: Keyring) -> tuple[str, str]:
    old = keys.newest(Purpose.SEAL).id, keys.newest(Purpose.ROW_MAC).id
    keys.adopt(keys.rotated(Purpose.SEAL, older_until=None).rotated(Purpose.ROW_MAC, older_until=None))
    return old


def test_every_column_of_bytes_is_known_to_be_ciphertext_or_none() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.type.python_type is bytes and column.name not in NO_CIPHERTEXT
    }
    assert columns == {(table.name, name) for table in kept_tables() for name in sealed_columns(table)}


@pytest.mark.requirement("27")
@pytest.mark.parametrize("limit", [1, 100])
async def test_every_row_goes_under_the_new_keys_and_the_old_ones_can_go(
    database: OpenDatabase, keys: Keyring, now: datetime, limit: int
) -> None:
    handle = await database.write(lambda tx: fill_all(tx, now))
    tables = await database.read(lambda tx: set(tx.keys.tables()))
    old_seal, old_mac = rotate(keys)
    assert set(await left(database)) >= tables, "every table has a row to rotate"
    done, broken = await rewrite_all(database, limit=limit)
    assert done >= len(tables)
    assert broken == 0
    assert await left(database) == {}
    assert await database.read(contradictions) == []
    keys.adopt(keys.without(Purpose.SEAL, old_seal).without(Purpose.ROW_MAC, old_mac))
    use = await database.read(lambda tx: tx.keys.use())
    assert set(use) == {f"seal:{keys.newest(Purpose.SEAL).id}", f"row_mac:{keys.newest(Purpose.ROW_MAC).id}"}
    for table in USES:
        assert "alarm" not in await outcomes(database, table, now), table
    found = await database.read(lambda tx: tx.interactions.find(handle, now=now))
    assert found is not None
    assert found.payload == {"a": "b"}
    later = now + timedelta(seconds=1)
    assert await database.read(lambda tx: tx.tokens.load(JOHN)) == (TOKENS, 1)
    assert await database.write(lambda tx: tx.pending.take(JOHNS_CHAT, now=now)) is not None
    assert len(await database.write(lambda tx: tx.inbox.claim(now=later, lease_seconds=9, limit=9))) == 1
    assert len(await database.write(lambda tx: tx.outbox.claim(now=later, lease_seconds=9, limit=9))) == 1
    assert len(await database.write(lambda tx: tx.letters.claim(now=later, lease_seconds=9, limit=9))) == 1
    (revocation,) = await database.write(lambda tx: tx.revocations.claim(now=now, lease_seconds=9, limit=9))
    assert revocation.token_cache == TOKENS


@pytest.mark.requirement("27")
async def test_a_rotation_that_was_cut_off_goes_on_where_it_was(
    database: OpenDatabase, replica: OpenDatabase, keys: Keyring, now: datetime
) -> None:
    await database.write(lambda tx: fill_all(tx, now))
    rotate(keys)
    piece = await database.write(lambda tx: tx.keys.rewrite("persons", None, limit=1))
    assert (piece.done, piece.broken) == (1, 0)
    before = sum((await left(database)).values())
    done, _ = await rewrite_all(replica)
    assert done == before
    assert await left(replica) == {}


@pytest.mark.requirement("27", "91")
async def test_a_row_that_does_not_hold_is_never_made_to_hold(
    database: OpenDatabase, database_url: str, keys: Keyring, now: datetime
) -> None:
    await database.write(lambda tx: fill_all(tx, now))
    await by_hand(database_url, "UPDATE role_grants SET granted_by = 'nobody'")
    await by_hand(database_url, "UPDATE token_caches SET identity = 'https://login.example/acme#mia'")
    rotate(keys)
    _, broken = await rewrite_all(database)
    assert broken == 2
    assert await left(database) == {"role_grants": 1, "token_caches": 1}
    assert set(await outcomes(database, "role_grants", now)) == {"alarm"}
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: tx.tokens.load(MIA))


@pytest.mark.requirement("27")
async def test_what_was_verified_under_a_key_that_is_taken_away_holds_no_longer(
    database: OpenDatabase, keys: Keyring, now: datetime
) -> None:
    await database.write(lambda tx: fill_all(tx, now))
    assert await database.read(lambda tx: tx.links.find(JOHNS_CHAT))
    _, old_mac = rotate(keys)
    assert await database.read(lambda tx: tx.links.find(JOHNS_CHAT))
    keys.adopt(keys.without(Purpose.ROW_MAC, old_mac))
    with pytest.raises(IntegrityAlarm):
        await database.read(lambda tx: tx.links.find(JOHNS_CHAT))
    assert (await database.read(lambda tx: tx.keys.use()))["row_mac:?"] > 0


async def test_processes_say_what_they_hold_and_are_forgotten_when_they_go(
    database: OpenDatabase, now: datetime
) -> None:
    one = KeysHeld(reads=frozenset({"seal:a", "seal:b"}), writes=frozenset({"seal:a"}))
    await database.write(lambda tx: tx.keys.report("here:1", one, now=now))
    await database.write(lambda tx: tx.keys.report("here:2", one, now=now))
    later = now + timedelta(seconds=20)
    await database.write(lambda tx: tx.keys.report("here:1", one, now=later))
    since = now + timedelta(seconds=10)
    (holder,) = await database.read(lambda tx: tx.keys.holders(since=since))
    assert (holder.name, holder.held, holder.seen_at) == ("here:1", one, later)
    await database.write(lambda tx: tx.keys.leave("here:1"))
    assert await database.read(lambda tx: tx.keys.holders(since=since)) == []


@pytest.mark.requirement("28")
async def test_a_token_that_waits_to_be_revoked_is_claimed_once_at_a_time(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.revocations.put(JOHN, "demo", TOKENS))
    (one,) = await database.write(lambda tx: tx.revocations.claim(now=now, lease_seconds=60, limit=9))
    assert (one.identity, one.provider, one.attempts, one.first_at) == (JOHN, "demo", 1, now)
    assert await replica.write(lambda tx: tx.revocations.claim(now=now, lease_seconds=60, limit=9)) == []
    later = now + timedelta(seconds=60)
    (again,) = await replica.write(lambda tx: tx.revocations.claim(now=later, lease_seconds=60, limit=9))
    assert (again.attempts, again.first_at) == (2, now)
    await replica.write(lambda tx: tx.revocations.done(one.id))
    assert await database.read(lambda tx: tx.revocations.waiting()) == 0


@pytest.mark.requirement("26", "28")
@pytest.mark.parametrize("column", ["provider", "identity", "id", "cache"])
async def test_a_token_that_waits_goes_nowhere_once_its_row_is_edited(
    database: OpenDatabase, database_url: str, now: datetime, column: str
) -> None:
    await database.write(lambda tx: tx.revocations.put(JOHN, "demo", TOKENS))
    value = "substr(cache, 2)" if column == "cache" else "'https://evil.example#x'"
    await by_hand(database_url, f"UPDATE revocations SET {column} = {value}")  # noqa: S608
    assert await database.write(lambda tx: tx.revocations.claim(now=now, lease_seconds=9, limit=9)) == []


async def test_another_installation_reads_nothing(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: fill_all(tx, now))
    stranger = open_database(database_url, keys=Keyring.generate())
    try:
        use = await stranger.read(lambda tx: tx.keys.use())
        assert set(use) == {"seal:?", "row_mac:?"}
        done, broken = await rewrite_all(stranger)
        assert done == 0
        assert broken > 0
    finally:
        await stranger.close()
