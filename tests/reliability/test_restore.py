"""A backup is put back: it proves itself, its head says that it is older, and its rest is done once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap.core import compose
from bot.domain.leave import LeaveState
from bot.ports.database import Transaction
from storage.audit_verification import verify
from storage.crypto import Keyring
from storage.database import open_database
from storage.state_verification import StateFault, ToldState
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.security.core.attack import Wrapped, states, unmatched, with_hr


def backed_up(folder: Path) -> Path:
    """An online backup, as an operator takes it."""
    copy = folder / "backup.db"
    with closing(sqlite3.connect(folder / "world.db")) as live, closing(sqlite3.connect(copy)) as kept:
        live.backup(kept)
    return copy


async def head(here: World) -> str:
    """The hash of the newest record, where the log is as it was written."""
    records = await here.database.read(lambda tx: list(tx.audit.records()))
    assert verify(records) is None
    return records[-1].hash


def state_faults(tx: Transaction) -> list[StateFault]:
    """What `audit verify --state` would name."""
    told = ToldState()
    told.follow(tx.audit.records())
    return list(told.compare(tx.audit.state()))


async def finished(here: World) -> None:
    """Whoever takes over does what is left."""
    here.clock.advance(timedelta(seconds=61))
    await here.core.ingress.take_over()
    await here.core.reconciling.run()
    await here.core.delivery.take_over()


@pytest.mark.requirement("89", "79")
async def test_a_restored_backup_proves_itself_and_its_rest_is_done_once(tmp_path: Path, clock: FixedClock) -> None:
    async def crash() -> None:
        raise SystemError("the process is gone")

    keys = Keyring.generate()
    async with world(tmp_path, clock, keys=keys) as here:
        await here.sign_in("john")
        await here.say("john", "I'd like to take 21 to 23 December off")
        killed = with_hr(here, Wrapped(here.backend.hr, "create_leave", after=crash))
        await killed.press("john", here.last("john"), "Send request")
        copy = backed_up(tmp_path)
        await finished(here)
        assert await states(here) == [LeaveState.PENDING]
        kept = await head(here)

        database = open_database(f"sqlite:///{copy}", keys=keys)
        try:
            core = compose(replace(here.core.outside, database=database))
            restored = replace(here, core=core, database=database)
            assert await head(restored) != kept, "whoever kept the head sees that this is an older one"
            assert await restored.database.read(state_faults) == []
            assert await unmatched(restored) != set()
            await finished(restored)
            assert await states(restored) == [LeaveState.PENDING], "looked up, not done again"
            assert await unmatched(restored) == set()
            assert await restored.database.read(state_faults) == []
            await head(restored)
        finally:
            await database.close()
