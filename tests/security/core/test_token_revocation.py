"""Tokens that go out of use: here at once, at their provider until it has been told (RFC 7009)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from bot.ports.database import Transaction
from bot.services.sessions import end_everything
from bot.services.token_revocation import GIVEN_UP_AFTER, TokenRevocation
from tests.fakes.world import World
from tests.security.core.conftest import Sql


async def _codes(world: World) -> list[str]:
    return [record.event.code for record in reversed(await world.audit(type_prefix="revocation."))]


async def _waiting(world: World) -> int:
    return await world.database.read(lambda tx: tx.revocations.waiting())


def _job(world: World) -> TokenRevocation:
    return TokenRevocation(database=world.database, providers={"test": world.directory}, clock=world.clock)


@pytest.mark.requirement("28")
async def test_signing_out_ends_local_use_at_once_and_revokes_at_the_provider(here: World) -> None:
    await here.sign_in("john")
    await here.sign_out("john")
    assert await here.database.read(lambda tx: tx.tokens.load(here.identity("john"))) is None
    assert here.directory.revoked == []
    assert await _job(here).run() == 1
    assert here.directory.revoked == [b'{"username": "john"}']
    assert await _waiting(here) == 0
    assert await _codes(here) == ["revocation.done"]
    assert "14 days" not in await here.say("john", "balance")


@pytest.mark.requirement("28")
async def test_a_provider_that_is_away_is_asked_again_no_sooner_than_it_said_until_it_is_done(here: World) -> None:
    await here.sign_in("john")
    here.directory.away, here.directory.retry_after = True, 120
    await here.sign_out("john", "everywhere")
    job = _job(here)
    assert await job.run() == 0
    assert here.directory.refused == 1
    here.clock.advance(timedelta(seconds=119))
    await job.run()
    assert here.directory.refused == 1, "asked before the time it gave"
    here.clock.advance(timedelta(seconds=1))
    await job.run()
    assert here.directory.refused == 2
    here.directory.away = False
    here.clock.advance(timedelta(seconds=121))
    assert await job.run() == 1
    assert here.directory.revoked == [b'{"username": "john"}']
    assert await _codes(here) == ["revocation.waits", "revocation.done"]


@pytest.mark.requirement("28")
async def test_without_a_word_from_the_provider_the_pause_doubles_and_it_ends_one_day(here: World) -> None:
    await here.sign_in("john")
    here.directory.away = True
    await here.sign_out("john")
    job, asked_at = _job(here), []
    for _ in range(300):
        before = here.directory.refused
        await job.run()
        if here.directory.refused > before:
            asked_at.append(here.clock.now())
        if len(asked_at) == 5:
            break
        here.clock.advance(timedelta(seconds=1))
    assert [(later - earlier).seconds for earlier, later in pairwise(asked_at)] == [5, 10, 20, 40]
    here.clock.advance(GIVEN_UP_AFTER)
    assert await job.run() == 1
    assert await _waiting(here) == 0
    assert await _codes(here) == ["revocation.waits", "revocation.given_up"]


@pytest.mark.requirement("28")
async def test_where_the_provider_has_no_revocation_our_copy_is_destroyed_and_the_log_says_so(here: World) -> None:
    await here.sign_in("john")
    here.directory.revokes = False
    await here.sign_out("john")
    assert await _job(here).run() == 1
    assert await _waiting(here) == 0
    assert await _codes(here) == ["revocation.not_offered"]


@pytest.mark.requirement("28")
async def test_two_replicas_revoke_once(replicas: tuple[World, World]) -> None:
    one, two = replicas
    await one.sign_in("john")
    await one.sign_out("john")
    assert [await _job(one).run(), await _job(two).run()] == [1, 0]
    assert len(one.directory.revoked) == 1


@pytest.mark.requirement("28")
async def test_a_grant_that_the_provider_ended_itself_is_not_revoked_again(here: World) -> None:
    await here.sign_in("sue")
    here.directory.disabled.add("sue")
    here.clock.advance(timedelta(minutes=16))
    await here.say("sue", "customer Northwind Traders")
    assert await here.database.read(lambda tx: tx.tokens.load(here.identity("sue"))) is None
    assert await _waiting(here) == 0


@pytest.mark.requirement("28", "26")
async def test_a_moved_token_is_sent_nowhere_and_the_sign_out_goes_through(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    johns, mias = here.identity("john"), here.identity("mia")
    sql("UPDATE token_caches SET cache = (SELECT cache FROM token_caches WHERE identity = ?)", mias.key)

    def end(tx: Transaction) -> None:
        end_everything(tx, johns)

    await here.database.write(end)
    assert await _waiting(here) == 0
    assert await here.database.read(lambda tx: tx.sessions.of_identity(johns)) == []
    assert await here.database.read(lambda tx: tx.tokens.load(mias)) is not None


@pytest.mark.requirement("28", "26")
async def test_a_waiting_token_cannot_be_led_to_another_provider(here: World, sql: Sql) -> None:
    await here.sign_in("john")
    await here.sign_out("john")
    sql("UPDATE revocations SET provider = 'evil'")
    evil = TokenRevocation(database=here.database, providers={"evil": here.directory}, clock=here.clock)
    assert await evil.run() == 0
    assert here.directory.revoked == []
