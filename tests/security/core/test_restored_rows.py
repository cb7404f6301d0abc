"""Older rows put back, alone and together: what was consented to once is done once, and what is missing is named."""

# ruff: noqa: S608 - an administrator types whatever they like

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.audit import EventType
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.errors import IntegrityAlarm
from bot.ports.database import Transaction
from bot.services import factors, passkeys, recovery
from bot.services.audit_trail import Scribe
from bot.services.recovery import RecoveryRefusal
from tests.fakes.world import World
from tests.security.core.attack import alarms, code_dialog, effects_done, press_of, sent, states
from tests.security.core.conftest import Sql
from tests.security.core.test_state import faults

CONSENT = ("proposals", "proofs", "interactions", "authenticators", "guess_counts", "sessions", "inbox", "approvals")
"""Everything one consent touches besides what it writes: grant, effect and log."""


def copies(sql: Sql, *tables: str) -> dict[str, list[tuple[object, ...]]]:
    return {table: sql(f"SELECT * FROM {table}") for table in tables}


def put_back(sql: Sql, kept: dict[str, list[tuple[object, ...]]]) -> None:
    for table, rows in kept.items():
        sql(f"DELETE FROM {table}")
        for row in rows:
            sql(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


async def asked(here: World) -> str:
    """John's question to himself whether to send his request; its handle."""
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    return here.last("john").button("Send request").handle


@pytest.mark.requirement("91", "61")
async def test_a_spent_proposal_put_back_with_all_around_it_is_not_done_again(here: World, sql: Sql) -> None:
    handle = await asked(here)
    kept = copies(sql, *CONSENT)
    await sent(here, press_of(here, "john", handle))
    assert await states(here) == [LeaveState.PENDING]
    await here.backend._database.write(
        lambda connection: connection.execute("UPDATE leave SET state='refused' WHERE state='pending'")
    )
    put_back(sql, kept)
    await sent(here, press_of(here, "john", handle))
    assert len(await effects_done(here, "RequestLeave")) == 1, "nothing keeps it from being asked for but our own check"
    assert await states(here) == [LeaveState.REFUSED]
    assert await alarms(here) == 1
    assert {fault.table for fault in await faults(here)} >= {"proposals"}


@pytest.mark.requirement("91", "47", "32")
async def test_a_spent_code_put_back_with_all_around_it_approves_nothing_again(here: World, sql: Sql) -> None:
    await code_dialog(here)
    kept = copies(sql, *CONSENT)
    code = here.code("mia")
    await here.submit_code("mia", code)
    assert await states(here) == [LeaveState.APPROVED]
    await here.backend._database.write(
        lambda connection: connection.execute("UPDATE leave SET state='pending', version=1 WHERE state='approved'")
    )
    put_back(sql, kept)
    await here.submit_code("mia", code)
    assert len(await effects_done(here, "ApproveLeave")) == 1
    assert await alarms(here) == 1
    assert {fault.table for fault in await faults(here)} >= {"proposals"}


@pytest.mark.requirement("91", "47")
async def test_a_used_ceremony_put_back_is_good_for_its_own_digest_alone(here: World, sql: Sql) -> None:
    """Handles stand in no log: what a restored one is worth is what its row is bound to."""
    await here.sign_in("mia")
    mia, now = here.identity("mia"), here.clock.now()
    begun = await here.database.write(lambda tx: passkeys.begin(tx, mia, signs="digest", now=now))
    kept = copies(sql, "interactions")

    def challenge(tx: Transaction, signs: str = "digest") -> bytes | None:
        return passkeys._take(tx, mia, begun.handle, signs, here.clock.now())

    assert await here.database.write(challenge) == begun.challenge
    assert await here.database.write(challenge) is None
    put_back(sql, kept)
    assert await faults(here) == [], "this the log does not tell"
    assert await here.database.write(lambda tx: challenge(tx, "another")) != begun.challenge
    put_back(sql, kept)
    here.clock.advance(timedelta(seconds=passkeys.CEREMONY_SECONDS))
    assert await here.database.write(challenge) is None, "its end is sealed with it"


@pytest.mark.requirement("91", "38")
async def test_a_used_permit_put_back_is_its_persons_and_over_after_ten_minutes(here: World, sql: Sql) -> None:
    await here.sign_in("mia")
    await here.sign_in("john")
    await here.enrol("mia")
    await here.enrol("john")
    mia, john, now = here.identity("mia"), here.identity("john"), here.clock.now()
    handle = await here.database.write(lambda tx: factors.permit(tx, mia, now))
    kept = copies(sql, "interactions")

    async def may(who: object) -> bool:
        return await here.database.write(
            lambda tx: factors.may_bind(tx, who, handle, here.clock.now(), spend=True)  # type: ignore[arg-type]
        )

    assert not await may(john)
    assert await may(mia)
    assert not await may(mia)
    put_back(sql, kept)
    assert not await may(john)
    sql("UPDATE interactions SET audience = ?", john.key)
    with pytest.raises(IntegrityAlarm):
        await may(john)
    put_back(sql, kept)
    here.clock.advance(timedelta(seconds=factors.PERMIT_SECONDS))
    assert not await may(mia)


# Recovery codes


@pytest.mark.requirement("91", "39")
@pytest.mark.parametrize("then", ["used", "made anew"])
async def test_a_recovery_code_that_was_taken_back_and_is_put_back_is_an_alarm(
    here: World, sql: Sql, then: str
) -> None:
    await here.sign_in("mia")
    mia = here.identity("mia")

    def scribe() -> Scribe:
        return Scribe(time=here.clock.now(), channel="web", correlation="c", principal=mia.key)

    codes = await here.database.write(lambda tx: recovery.renew(tx, mia, scribe()))
    kept = copies(sql, "recovery_codes")
    here.clock.advance(timedelta(minutes=1))

    def use(tx: Transaction, code: str = codes[0]) -> RecoveryRefusal | None:
        refusal = recovery.spend(tx, mia, code, here.clock.now())
        if refusal is None:  # as our page does it
            tx.audit.append(scribe().event(EventType.RECOVERY_CODE_USED, decision="allow"))
            factors.remove_all(tx, mia, scribe())
        return refusal

    if then == "used":
        assert await here.database.write(use) is None
    else:
        await here.database.write(lambda tx: recovery.renew(tx, mia, scribe()))
    assert await here.database.write(lambda tx: use(tx, codes[1])) is RecoveryRefusal.WRONG
    put_back(sql, kept)
    here.clock.advance(timedelta(minutes=1))
    for code in codes[:2]:
        with pytest.raises(IntegrityAlarm):
            await here.database.write(lambda tx, c=code: use(tx, c))  # type: ignore[misc]  # a loop's own value
    assert {fault.table for fault in await faults(here)} == {"recovery_codes"}


# Effects whose rows are not as we wrote them


async def unknown(here: World) -> None:
    """A request for leave whose answer never came."""
    handle = await asked(here)
    here.backend.faults.drop_reply_after_write()
    await sent(here, press_of(here, "john", handle))
    assert not await effects_done(here, "RequestLeave")
    here.clock.advance(timedelta(seconds=40))


async def named(here: World) -> list[str]:
    return [record.event.resource for record in await here.audit(type_prefix="integrity.alarm")]


@pytest.mark.requirement("91", "80")
@pytest.mark.parametrize(
    "hand",
    [
        "UPDATE proposals SET mac = zeroblob(32)",
        "UPDATE proposals SET digest = 'x'",
        "UPDATE proposals SET mac_key = 'none'",
        "UPDATE persons SET mac = zeroblob(32) WHERE identity LIKE '%john'",
    ],
)
async def test_an_effect_whose_proposal_or_person_is_altered_is_settled_and_named(
    here: World, sql: Sql, hand: str
) -> None:
    await unknown(here)
    sql(hand)
    [(effect,)] = sql("SELECT id FROM effects WHERE state = 'unknown'")
    assert await here.core.reconciling.run() == 1
    finished = (await here.audit(type_prefix="effect.finished"))[0].event
    assert (finished.action, finished.code) == ("RequestLeave", "reconciled.done")
    assert await states(here) == [LeaveState.PENDING]
    assert await named(here) == [f"Effect::{effect}"], "once"
    assert await here.core.reconciling.run() == 0


@pytest.mark.requirement("91", "80")
@pytest.mark.parametrize(
    "hand",
    [
        "UPDATE grants SET mac = zeroblob(32) WHERE id IN (SELECT grant_id FROM effects WHERE state = 'unknown')",
        "DELETE FROM grants WHERE id IN (SELECT grant_id FROM effects WHERE state = 'unknown')",
    ],
)
async def test_an_effect_whose_grant_is_altered_or_gone_is_named_once_and_nothing_is_done_on_it(
    here: World, sql: Sql, hand: str
) -> None:
    await unknown(here)
    [(effect,)] = sql("SELECT id FROM effects WHERE state = 'unknown'")
    sql(hand)
    for _ in range(3):
        assert await here.core.reconciling.run() == 0
    assert await named(here) == [f"Effect::{effect}"]
    assert sql("SELECT state FROM effects WHERE id = ?", effect) == [("unknown",)]


@pytest.mark.requirement("91", "80")
async def test_altered_grants_take_nobodys_place_in_the_queue(here: World, sql: Sql) -> None:
    """As many of them as are looked at in one round, all older."""
    await unknown(here)
    effect, grant = (", ".join(row[1] for row in sql(f"PRAGMA table_info({table})")) for table in ("effects", "grants"))
    for number in range(25):
        copied = grant.replace("id,", f"'old-{number}',", 1)
        sql(f"INSERT INTO grants ({grant}) SELECT {copied} FROM grants LIMIT 1")
        copied = effect.replace("id, grant_id", f"'old-{number}', 'old-{number}'").replace("intended_at", "1", 1)
        sql(f"INSERT INTO effects ({effect}) SELECT {copied} FROM effects WHERE state = 'unknown' LIMIT 1")
    assert await here.core.reconciling.run() == 1
    assert len(await named(here)) == 25


# Break-glass


@pytest.mark.requirement("91", "57")
async def test_a_deleted_use_of_break_glass_is_named_within_a_day(here: World, sql: Sql) -> None:
    event = Scribe(time=here.clock.now(), channel="c", correlation="c").event(EventType.BREAK_GLASS_USED, code="use-1")
    await here.database.write(lambda tx: tx.audit.append(event))
    await here.core.jobs._reminding.run()
    assert await named(here) == ["BreakGlass::use-1"]
    await here.core.jobs._reminding.run()
    assert len(await named(here)) == 1
    here.clock.advance(timedelta(days=1))
    await here.core.jobs._reminding.run()
    assert len(await named(here)) == 2, "every day that it is not there"


async def test_a_press_with_a_restored_inbox_row_is_handled_once(here: World, sql: Sql) -> None:
    """What was in the inbox when it was copied is handled again, and meets a proposal that is spent."""
    handle = await asked(here)
    message = here.message("john", EventKind.PRESS, handle=handle)
    kept: dict[str, list[tuple[object, ...]]] = {}

    def peeked(tx: Transaction) -> None:
        tx.inbox.accept(message, lease_seconds=0)

    await here.database.write(peeked)
    kept = copies(sql, "inbox")
    here.clock.advance(timedelta(seconds=61))
    await here.core.ingress.take_over()
    await here.core.ingress.drain(10)
    put_back(sql, kept)
    await here.core.ingress.take_over()
    await here.core.ingress.drain(10)
    assert len(await effects_done(here, "RequestLeave")) == 1
