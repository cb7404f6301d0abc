"""Passkeys and recovery codes: a credential is one person's, a counter never goes back, a code counts once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.domain.identity import LinkedIdentity, Subject
from bot.ports.database import Transaction
from tests.contract.stores import JOHN, MIA, RECOVERY_CODE, OpenDatabase, a_passkey, an_authenticator, by_hand
from tests.contract.test_stores_consent import in_parallel

SUE = LinkedIdentity(issuer=JOHN.issuer, subject=Subject("sue"))
MINUTE = timedelta(minutes=1)


async def test_a_passkey_comes_back_as_it_was_bound(database: OpenDatabase, now: datetime) -> None:
    assert await database.write(lambda tx: tx.passkeys.insert(a_passkey(now)))
    assert await database.write(lambda tx: tx.passkeys.insert(a_passkey(now + MINUTE, "passkey-2", name="key ring")))
    found = await database.read(lambda tx: tx.passkeys.of_identity(JOHN))
    assert found == [a_passkey(now), a_passkey(now + MINUTE, "passkey-2", name="key ring")]
    assert await database.read(lambda tx: tx.passkeys.of_identity(MIA)) == []


async def test_a_credential_is_bound_once_to_whomever(database: OpenDatabase, now: datetime) -> None:
    assert await database.write(lambda tx: tx.passkeys.insert(a_passkey(now)))
    assert not await database.write(lambda tx: tx.passkeys.insert(a_passkey(now, identity=MIA)))
    assert [item.identity for item in await database.read(lambda tx: tx.passkeys.of_identity(JOHN))] == [JOHN]


@pytest.mark.requirement("32")
async def test_a_counter_value_counts_once_among_replicas(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.passkeys.insert(a_passkey(now)))
    used = await in_parallel((database, replica), lambda tx: tx.passkeys.used("passkey-1", sign_count=7, now=now))
    assert used.count(True) == 1
    assert not await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=6, now=now))
    assert not await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=0, now=now))
    assert await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=8, now=now + MINUTE))
    (present,) = await database.read(lambda tx: tx.passkeys.of_identity(JOHN))
    assert (present.sign_count, present.last_used_at) == (8, now + MINUTE)


async def test_an_authenticator_that_never_counts_is_used_again_and_again(
    database: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.passkeys.insert(a_passkey(now)))
    for _ in range(3):
        assert await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=0, now=now))


async def test_a_removed_passkey_is_gone(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.passkeys.insert(a_passkey(now)))
    assert await database.write(lambda tx: tx.passkeys.remove("passkey-1"))
    assert not await database.write(lambda tx: tx.passkeys.remove("passkey-1"))
    assert not await database.write(lambda tx: tx.passkeys.used("passkey-1", sign_count=1, now=now))


@pytest.mark.requirement("39")
async def test_a_recovery_code_counts_once_for_its_person(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.recovery_codes.renew(JOHN, [RECOVERY_CODE, "other"], now=now))
    assert not await database.write(lambda tx: tx.recovery_codes.spend(MIA, RECOVERY_CODE, now=now))
    spent = await in_parallel((database, replica), lambda tx: tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now))
    assert spent.count(True) == 1
    assert await database.read(lambda tx: tx.recovery_codes.left(JOHN)) == 1


@pytest.mark.requirement("39")
async def test_new_recovery_codes_end_the_old_ones(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.recovery_codes.renew(JOHN, [RECOVERY_CODE], now=now))
    await database.write(lambda tx: tx.recovery_codes.renew(JOHN, ["other"], now=now))
    assert not await database.write(lambda tx: tx.recovery_codes.spend(JOHN, RECOVERY_CODE, now=now))
    assert await database.write(lambda tx: tx.recovery_codes.forget(JOHN)) == 1
    assert not await database.write(lambda tx: tx.recovery_codes.spend(JOHN, "other", now=now))


@pytest.mark.requirement("39")
async def test_the_database_holds_no_recovery_code(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: tx.recovery_codes.renew(JOHN, [RECOVERY_CODE], now=now))
    (row,) = await by_hand(database_url, "SELECT * FROM recovery_codes")
    assert RECOVERY_CODE not in str(row)


DAY = timedelta(days=1)


def two_halves(tx: Transaction, now: datetime) -> None:
    tx.enrolment_codes.give(JOHN, "HALF-1", by=MIA, until=now + DAY)
    tx.enrolment_codes.give(JOHN, "HALF-2", by=SUE, until=now + DAY)


async def test_two_halves_from_two_people_count_once(
    database: OpenDatabase, replica: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: two_halves(tx, now))
    spent = await in_parallel(
        (database, replica), lambda tx: tx.enrolment_codes.spend(JOHN, ("HALF-2", "HALF-1"), now=now)
    )
    assert [who for who in spent if who is not None] == [(SUE.key, MIA.key)]


@pytest.mark.parametrize(
    ("halves", "who", "late"),
    [
        (("HALF-1", "HALF-1"), JOHN, False),
        (("HALF-1", "HALF-3"), JOHN, False),
        (("HALF-1", "HALF-2"), MIA, False),
        (("HALF-1", "HALF-2"), JOHN, True),
    ],
)
async def test_anything_else_counts_for_nothing_and_uses_nothing_up(
    database: OpenDatabase, now: datetime, halves: tuple[str, str], who: LinkedIdentity, late: bool
) -> None:
    await database.write(lambda tx: two_halves(tx, now))
    then = now + DAY if late else now
    assert await database.write(lambda tx: tx.enrolment_codes.spend(who, halves, now=then)) is None
    assert await database.write(lambda tx: tx.enrolment_codes.spend(JOHN, ("HALF-1", "HALF-2"), now=now)) is not None


async def test_one_administrator_cannot_give_both_halves(database: OpenDatabase, now: datetime) -> None:
    await database.write(lambda tx: tx.enrolment_codes.give(JOHN, "HALF-1", by=MIA, until=now + DAY))
    await database.write(lambda tx: tx.enrolment_codes.give(JOHN, "HALF-2", by=MIA, until=now + DAY))
    assert await database.write(lambda tx: tx.enrolment_codes.spend(JOHN, ("HALF-1", "HALF-2"), now=now)) is None


async def test_the_database_holds_no_half(database: OpenDatabase, database_url: str, now: datetime) -> None:
    await database.write(lambda tx: two_halves(tx, now))
    assert "HALF-" not in str(await by_hand(database_url, "SELECT * FROM enrolment_codes"))


async def test_a_confirmation_notes_from_when_it_counts_and_no_later_code_changes_that(
    database: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "SEED"))
    await database.write(lambda tx: tx.authenticators.accept("totp-1", step=1, now=now, counts_from=now + DAY))
    await database.write(lambda tx: tx.authenticators.accept("totp-1", step=2, now=now, counts_from=now))
    (found,) = await database.read(lambda tx: tx.authenticators.of_identity(JOHN))
    assert found.counts_from == now + DAY


async def test_wrong_codes_from_chat_are_counted_apart_until_one_is_right(
    database: OpenDatabase, now: datetime
) -> None:
    await database.write(lambda tx: tx.authenticators.insert(an_authenticator(now), "SEED"))
    await database.write(lambda tx: tx.authenticators.count_attempt("totp-1", from_chat=True))
    counted = await database.write(lambda tx: tx.authenticators.count_attempt("totp-1"))
    assert (counted.failures, counted.chat_failures) == (2, 1)
    await database.write(lambda tx: tx.authenticators.accept("totp-1", step=10**9, now=now))
    (found,) = await database.read(lambda tx: tx.authenticators.of_identity(JOHN))
    assert (found.failures, found.chat_failures) == (0, 0)
