"""Administrators' sessions are shorter, from the message on that makes them one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.bootstrap.limits import session_limits
from bot.domain.identity import ChannelIdentity, Platform, Role, RoleGrant
from bot.domain.session import SessionLimits, SessionState
from bot.errors import Misconfigured
from bot.jobs import Jobs
from bot.ports.database import Transaction
from bot.services.token_revocation import TokenRevocation
from bot.settings.people import SessionSettings
from bot.settings.tree import load
from tests.fakes.world import LIMITS, World

SHORTER = replace(
    LIMITS, roles={Role.ADMINISTRATOR: SessionLimits(idle=timedelta(minutes=15), absolute=timedelta(hours=4))}
)


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
async def test_an_administrators_limit_is_never_the_longer_one(here: World, idle: int, expected: int) -> None:
    limits = session_limits(SessionSettings(idle_seconds=idle))
    await here.sign_in("raj")
    assert (await idle_of(here, "raj", limits)) == timedelta(seconds=expected)


async def idle_of(here: World, name: str, limits: SessionLimits, platform: Platform | None = None) -> timedelta:
    person = await here.database.read(lambda tx: tx.persons.find(here.identity(name)))
    assert person is not None
    return limits.of(person, (), here.clock.now(), platform).idle


async def test_roles_and_platforms_have_limits_of_their_own_and_the_shortest_holds(here: World) -> None:
    settings = load(
        {
            "DOORWARD_SESSION__ROLES": '{"hr_manager": {"idle_seconds": 1200}}',
            "DOORWARD_SESSION__PLATFORMS": '{"teams": {"idle_seconds": 600, "absolute_seconds": 7200}}',
        }
    )
    limits = session_limits(settings.session)
    for name in ("john", "sarah", "raj"):
        await here.sign_in(name)
    found = {
        (name, platform): (await idle_of(here, name, limits, platform)).total_seconds()
        for name in ("john", "sarah", "raj")
        for platform in (Platform.SLACK, Platform.TEAMS)
    }
    assert found == {
        ("john", Platform.SLACK): 3600,
        ("john", Platform.TEAMS): 600,
        ("sarah", Platform.SLACK): 1200,
        ("sarah", Platform.TEAMS): 600,
        ("raj", Platform.SLACK): 900,
        ("raj", Platform.TEAMS): 600,
    }


async def test_a_platforms_limit_ends_a_session_at_use(here: World) -> None:
    limits = replace(LIMITS, platforms={Platform.PLAYGROUND: replace(LIMITS, idle=timedelta(minutes=10))})
    await here.sign_in("john")
    here.clock.advance(timedelta(minutes=10))
    now = here.clock.now()
    standing = await here.database.write(lambda tx: tx.sessions.use(here.channel("john"), now=now, limits=limits))
    assert standing.state is SessionState.IDLE


def jobs(here: World, limits: SessionLimits) -> Jobs:
    return Jobs(
        database=here.database,
        clock=here.clock,
        limits=limits,
        delivery=here.core.delivery,
        ingress=here.core.ingress,
        reconciling=here.core.reconciling,
        letterbox=here.core.letterbox,
        watching=here.core.watching,
        carrying_out=here.core.carrying_out,
        reminding=here.core.reminding,
        revocation=TokenRevocation(database=here.database, providers={}, clock=here.clock),
    )


async def open_of(here: World, *names: str) -> list[str]:
    def work(tx: Transaction) -> list[str]:
        return [name for name in names if tx.sessions.of_identity(here.identity(name))]

    return await here.database.read(work)


async def test_the_sweep_ends_administrators_sessions_by_their_own_limits(here: World) -> None:
    for name in ("john", "raj", "mia"):
        await here.sign_in(name)
    now = here.clock.now()
    lasting, over = (
        RoleGrant(
            id=f"r-{name}",
            identity=here.identity(name),
            role=Role.ADMINISTRATOR,
            scope="*",
            granted_by="raj",
            granted_at=now,
            until=until,
        )
        for name, until in (("john", None), ("mia", now + timedelta(minutes=1)))
    )
    await here.database.write(lambda tx: tx.roles.insert(lasting))
    await here.database.write(lambda tx: tx.roles.insert(over))
    here.clock.advance(timedelta(minutes=14, seconds=59))
    assert await jobs(here, SHORTER).end_idle_sessions() == 0
    here.clock.advance(timedelta(seconds=1))
    assert await jobs(here, SHORTER).end_idle_sessions() == 2
    assert await open_of(here, "john", "raj", "mia") == ["mia"]
    ended = await here.audit(type_prefix="session.ended")
    assert {item.event.code for item in ended} == {"session.idle"}


async def test_the_sweep_counts_a_shorter_overall_limit_from_the_opening(here: World) -> None:
    limits = replace(LIMITS, platforms={Platform.PLAYGROUND: replace(LIMITS, absolute=timedelta(minutes=50))})
    await here.sign_in("john")
    for _ in range(5):
        here.clock.advance(timedelta(minutes=10))
        assert await open_of(here, "john")
        await here.say("john", "balance")
    elsewhere = replace(LIMITS, platforms={Platform.TEAMS: replace(LIMITS, absolute=timedelta(minutes=1))})
    assert await jobs(here, elsewhere).end_idle_sessions() == 0
    assert await jobs(here, limits).end_idle_sessions() == 1
    (ended,) = await here.audit(type_prefix="session.ended")
    assert ended.event.code == "session.absolute"


def test_a_limit_beyond_what_is_allowed_is_refused() -> None:
    with pytest.raises(Misconfigured):
        load({"DOORWARD_SESSION__PLATFORMS": '{"teams": {"idle_seconds": 36000}}'})
