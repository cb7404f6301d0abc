"""Refresh tokens that rotate: one refresh at a time for a person, on however many replicas."""

import asyncio
from datetime import timedelta

import pytest

from bot.errors import ProviderUnavailable
from bot.services.audit_trail import Scribe
from bot.services.revalidation import AWAY_SECONDS, FRESH_SECONDS, HOLD_SECONDS
from tests.fakes.world import World

MESSAGES = 25
"""On each replica."""


@pytest.mark.requirement("25")
async def test_fifty_messages_at_expiry_on_two_replicas_make_one_refresh_and_no_failure(
    replicas: tuple[World, World],
) -> None:
    here, second = replicas
    await here.sign_in("sue")
    here.directory.rotates, here.directory.answers_after = True, 0.2
    here.clock.advance(timedelta(minutes=16))
    sent = [
        replica.core.ingress.accept(here.message("sue", text="customer Northwind Traders"))
        for _ in range(MESSAGES)
        for replica in replicas
    ]
    # A slow acknowledgement is the platform's business: what was stored is worked on all the same.
    await asyncio.gather(*sent, return_exceptions=True)
    await here.core.ingress.drain(30)
    await second.core.ingress.drain(30)
    assert (here.directory.asked, here.directory.reused) == (1, 0)
    answers = [posted.text for posted in here.chat.posts]
    assert answers
    assert all("Northwind Traders" in answer for answer in answers)


@pytest.mark.requirement("25")
async def test_a_replica_that_died_while_it_asked_holds_nobody_up_for_long(here: World) -> None:
    await here.sign_in("sue")
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("sue")))
    assert person is not None
    at = here.clock.now()
    assert await here.database.write(lambda tx: tx.tokens.hold(person.identity, now=at, seconds=HOLD_SECONDS))
    assert not await here.database.write(lambda tx: tx.tokens.hold(person.identity, now=at, seconds=HOLD_SECONDS))
    here.clock.advance(timedelta(seconds=HOLD_SECONDS))
    scribe = Scribe(time=here.clock.now(), channel="test", correlation="test")
    asked = await here.core.pipeline.rechecking.revalidator.check(person, scribe)
    assert asked.idp_checked_at == here.clock.now()


async def test_a_provider_that_is_away_gives_the_hold_back(here: World) -> None:
    await here.sign_in("sue")
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("sue")))
    assert person is not None
    scribe = Scribe(time=here.clock.now(), channel="test", correlation="test")
    here.directory.away = True
    with pytest.raises(ProviderUnavailable):
        await here.core.pipeline.rechecking.revalidator.check(person, scribe)
    here.directory.away = False
    await here.core.pipeline.rechecking.revalidator.check(person, scribe)
    assert here.directory.asked == 1


@pytest.mark.requirement("29", "45")
async def test_what_is_not_sensitive_is_believed_for_a_minute(here: World) -> None:
    await here.sign_in("sue")
    here.clock.advance(timedelta(seconds=FRESH_SECONDS))
    assert "Northwind" in await here.say("sue", "customer Northwind Traders")
    assert here.directory.asked == 0
    here.clock.advance(timedelta(seconds=1))
    here.directory.roles["sue"] = frozenset({"employee"})
    assert "Northwind Traders" not in await here.say("sue", "customer Northwind Traders"), "the role is gone at once"
    assert here.directory.asked == 1
    here.directory.disabled.add("sue")
    here.clock.advance(timedelta(seconds=FRESH_SECONDS + 1))
    assert "Northwind" not in await here.say("sue", "balance")
    assert not await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("sue")))


@pytest.mark.requirement("30")
async def test_a_provider_that_is_away_is_waited_for_once_and_low_risk_reading_goes_on(here: World) -> None:
    await here.sign_in("john")
    here.directory.away = True
    here.clock.advance(timedelta(seconds=FRESH_SECONDS + 1))
    for _ in range(3):
        assert "14 days" in await here.say("john", "balance")
    assert here.directory.refused == 1
    here.clock.advance(timedelta(seconds=AWAY_SECONDS))
    here.directory.away = False
    await here.say("john", "balance")
    assert (here.directory.refused, here.directory.asked) == (1, 1)


@pytest.mark.requirement("29", "45")
async def test_somebody_without_a_token_keeps_nobody_else_from_being_asked_about(here: World) -> None:
    """Whoever lost theirs (or took it out of the database) could hold the provider to be away for everybody."""
    await here.sign_in("mia")
    await here.sign_in("sue")
    await here.database.write(lambda tx: tx.tokens.destroy(here.identity("mia")))
    here.clock.advance(timedelta(seconds=FRESH_SECONDS + 1))
    here.directory.disabled.add("sue")
    await here.say("mia", "balance")
    assert "Northwind" not in await here.say("sue", "customer Northwind Traders")
    assert here.directory.asked == 1
    assert not await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("sue")))
