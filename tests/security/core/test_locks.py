"""What an administrator locked stays locked, whatever was typed as the reason and whoever says that it is over."""

from __future__ import annotations

import pytest

from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.services.signals import Signals
from tests.fakes.world import World
from tests.functional.test_changes import asks


async def told(office: World, kind: SignalKind) -> None:
    who = office.identity("john")
    source = SignalSource(channel="scim:corp", issuer=who.issuer)
    signals = Signals(database=office.database, clock=office.clock)
    signal = Signal(source=source, id=str(kind), happenings=(Happening(kind=kind, subject=who),))
    assert await signals.receive(signal)


async def is_locked(office: World) -> bool:
    person = await office.database.read(lambda tx: tx.persons.find(office.identity("john")))
    assert person is not None
    return person.locked


@pytest.mark.requirement("31", "91")
@pytest.mark.parametrize("reason", ["", " left the company", " signal:scim:corp"])
async def test_no_signal_unlocks_whom_an_administrator_locked(office: World, reason: str) -> None:
    """Not even with the very words that `links check` shows of a lock by that source."""
    await asks(office, "raj", f"lock john{reason}")
    assert await is_locked(office)
    await told(office, SignalKind.ACCOUNT_ENABLED)
    assert await is_locked(office)


@pytest.mark.requirement("31", "91")
async def test_an_administrators_lock_outlives_the_suspension_it_came_after(office: World) -> None:
    await told(office, SignalKind.ACCOUNT_DISABLED)
    await asks(office, "raj", "lock john signal:scim:corp")
    await told(office, SignalKind.ACCOUNT_ENABLED)
    assert await is_locked(office)
