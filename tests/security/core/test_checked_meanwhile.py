"""The provider's answer is about the moment it was asked: what the directory said under way is not painted over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Role
from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.ports.identity_provider import Revalidation
from bot.services.signals import Signals
from tests.fakes.clock import FixedClock
from tests.fakes.directory import FakeDirectory
from tests.fakes.world import World, world


@dataclass(slots=True, kw_only=True)
class Slow(FakeDirectory):
    """Between its answer and its arrival here, something happens, once."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def revalidate(self, *, subject: str, token_cache: bytes, now: datetime) -> Revalidation:
        answer = await FakeDirectory.revalidate(self, subject=subject, token_cache=token_cache, now=now)
        hook, self.meanwhile = self.meanwhile, None
        if hook is not None:
            await hook()
        return answer


async def tell(here: World, name: str, kind: SignalKind) -> None:
    """A signal of the company's directory."""
    subject = here.identity(name)
    source = SignalSource(channel="scim:corp", issuer=subject.issuer)
    signals = Signals(database=here.database, clock=here.clock)
    happenings = (Happening(kind=kind, subject=subject),)
    assert await signals.receive(Signal(source=source, id=f"{kind}-{name}", happenings=happenings))


@pytest.mark.requirement("30", "45")
async def test_a_change_told_while_the_provider_was_asked_has_it_asked_again(tmp_path: Path, clock: FixedClock) -> None:
    directory = Slow(clock=clock)
    async with world(tmp_path, clock, providers={"test": directory}) as here:
        await here.sign_in("sarah", directory.sign_in("sarah"))

        async def moved() -> None:
            directory.roles["sarah"] = frozenset({"employee"})
            await tell(here, "sarah", SignalKind.PROVISIONED_CHANGE)

        directory.meanwhile = moved
        clock.advance(timedelta(seconds=61))
        await here.say("sarah", "balance")
        person = await here.database.read(lambda tx: tx.persons.find(here.identity("sarah")))
        assert person is not None
        assert person.roles == {Role.EMPLOYEE}
        assert directory.asked == 2


@pytest.mark.requirement("31")
@pytest.mark.parametrize("kind", [SignalKind.SESSION_REVOKED, SignalKind.ACCOUNT_DISABLED])
async def test_who_was_ended_while_the_provider_was_asked_stays_ended(
    tmp_path: Path, clock: FixedClock, kind: SignalKind
) -> None:
    directory = Slow(clock=clock)
    async with world(tmp_path, clock, providers={"test": directory}) as here:
        await here.sign_in("john", directory.sign_in("john"))
        directory.meanwhile = lambda: tell(here, "john", kind)
        clock.advance(timedelta(seconds=61))
        assert "14 days" not in await here.say("john", "balance")
        assert not await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john")))
        assert await here.database.read(lambda tx: tx.tokens.load(here.identity("john"))) is None
        person = await here.database.read(lambda tx: tx.persons.find(here.identity("john")))
        assert person is not None
        assert person.idp_checked_at.year == 1970, "nothing that was answered before counts as asked since"


@pytest.mark.requirement("31")
async def test_who_was_disabled_by_two_sources_is_let_in_again_by_both_alone(here: World) -> None:
    await here.sign_in("john")
    subject = here.identity("john")
    signals = Signals(database=here.database, clock=here.clock)
    seen = []
    for number, (name, kind) in enumerate(
        [
            ("ssf:a", SignalKind.ACCOUNT_DISABLED),
            ("scim:b", SignalKind.ACCOUNT_DISABLED),
            ("ssf:a", SignalKind.ACCOUNT_ENABLED),
            ("ssf:a", SignalKind.ACCOUNT_ENABLED),
            ("scim:b", SignalKind.ACCOUNT_ENABLED),
        ]
    ):
        source = SignalSource(channel=name, issuer=subject.issuer)
        happenings = (Happening(kind=kind, subject=subject),)
        await signals.receive(Signal(source=source, id=str(number), happenings=happenings))
        person = await here.database.read(lambda tx: tx.persons.find(subject))
        assert person is not None
        seen.append(person.locked)
    assert seen == [True, True, True, True, False]
