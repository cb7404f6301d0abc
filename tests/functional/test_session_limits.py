"""Administrators' sessions are shorter, from the message on that makes them one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.bootstrap.limits import session_limits
from bot.domain.identity import ChannelIdentity, Role, RoleGrant
from bot.domain.session import SessionLimits, SessionState
from bot.settings.people import SessionSettings
from tests.fakes.world import LIMITS, World

SHORTER = replace(LIMITS, administrator=SessionLimits(idle=timedelta(minutes=15), absolute=timedelta(hours=4)))


async def state(here: World, channel: ChannelIdentity) -> SessionState:
    now = here.clock.now()
    standing = await here.database.write(lambda tx: tx.sessions.use(channel, now=now, limits=SHORTER))
    return standing.state


async def test_idle_is_shorter_for_administrators_alone(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("raj")
    here.clock.advance(timedelta(minutes=15))
    assert await state(here, here.channel("john")) is SessionState.ALIVE
    assert await state(here, here.channel("raj")) is SessionState.IDLE


async def test_the_overall_limit_is_shorter_too(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("raj")
    for _ in range(24):
        assert await state(here, here.channel("raj")) is SessionState.ALIVE
        assert await state(here, here.channel("john")) is SessionState.ALIVE
        here.clock.advance(timedelta(minutes=10))
    assert await state(here, here.channel("raj")) is SessionState.EXPIRED
    assert await state(here, here.channel("john")) is SessionState.ALIVE


async def test_whoever_is_made_administrator_has_the_shorter_ones_at_once(here: World) -> None:
    await here.sign_in("john")
    here.clock.advance(timedelta(minutes=20))
    grant = RoleGrant(
        id="r1",
        identity=here.identity("john"),
        role=Role.ADMINISTRATOR,
        scope="*",
        granted_by="raj",
        granted_at=here.clock.now(),
        until=here.clock.now() + timedelta(minutes=1),
    )
    await here.database.write(lambda tx: tx.roles.insert(grant))
    assert await state(here, here.channel("john")) is SessionState.IDLE
    here.clock.advance(timedelta(minutes=1))
    assert await state(here, here.channel("john")) is SessionState.ALIVE


@pytest.mark.parametrize(("idle", "expected"), [(600, 600), (1800, 900)])
def test_an_administrators_limit_is_never_the_longer_one(idle: int, expected: int) -> None:
    limits = session_limits(SessionSettings(idle_seconds=idle)).administrator
    assert limits is not None
    assert limits.idle == timedelta(seconds=expected)
