"""Guessing codes from two processes at once, killed and started again: what they spent stays spent."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.totp import MAX_CONSECUTIVE_FAILURES
from bot.services import step_up
from bot.services.step_up import CodePath, CodeRefusal
from bot.texts.sentences import voice
from storage.codec import identity_key
from tests.fakes.world import World
from tests.security.core.attack import keys_of, wrong_code

APART = timedelta(minutes=75)
"""Slow enough for the limits of a quarter of an hour and of a day, whatever order they come in."""
BEFORE_THE_KILL = 20
SAY = voice("en").say
FAILED, OFF = (SAY(f"factors.told.{what}", factor=SAY("factors.methods.totp")) for what in ("failed", "off"))


class Guessers:
    """Two processes on one database, each with its own share of the guesses."""

    def __init__(self, here: World, folder: Path) -> None:
        self.here = here
        self.keys = folder / "keys.json"
        self.url = f"sqlite:///{folder / 'world.db'}"
        self.results: list[str] = []
        # Real processes share the time of day: neither is hours ahead of the other, only their order is open.
        self.abreast = asyncio.Barrier(2)

    async def start(self) -> Process:
        who = identity_key(self.here.identity("mia"))
        words = ("-m", "tests.security.core.guesser", self.url, str(self.keys), who)
        return await asyncio.create_subprocess_exec(sys.executable, *words, stdin=PIPE, stdout=PIPE)

    async def guess(self, process: Process, lines: list[str]) -> None:
        """One line in, one result out."""
        assert process.stdin is not None
        assert process.stdout is not None
        for line in lines:
            await self.abreast.wait()
            process.stdin.write(f"{line}\n".encode())
            self.results.append((await process.stdout.readline()).decode().strip())

    async def run(self, lines: list[str]) -> None:
        """A share, with a kill and a new process on the way."""
        first = await self.start()
        await self.guess(first, lines[:BEFORE_THE_KILL])
        first.kill()
        await first.wait()
        second = await self.start()
        await self.guess(second, lines[BEFORE_THE_KILL:])
        assert second.stdin is not None
        second.stdin.close()
        await second.wait()


@pytest.mark.requirement("34")
async def test_guesses_of_two_processes_killed_and_started_again_disable_the_authenticator(
    here: World, tmp_path: Path
) -> None:
    await here.sign_in("mia")
    await here.enrol("mia")
    keys_of(here.database).save(tmp_path / "keys.json")
    guesses = []
    for _ in range(MAX_CONSECUTIVE_FAILURES + 10):
        here.clock.advance(APART)
        guesses.append(f"{here.clock.now().isoformat()} {wrong_code(here, 'mia')}")
    both = Guessers(here, tmp_path)
    await asyncio.gather(both.run(guesses[::2]), both.run(guesses[1::2]))

    assert len(both.results) == len(guesses)
    assert set(both.results) <= {CodeRefusal.WRONG, CodeRefusal.DISABLED, CodeRefusal.THROTTLED}
    assert both.results.count(CodeRefusal.WRONG) <= MAX_CONSECUTIVE_FAILURES - 1
    [authenticator] = await here.database.read(lambda tx: tx.authenticators.of_identity(here.identity("mia")))
    assert authenticator.disabled
    here.clock.advance(timedelta(days=2))
    right = await here.database.write(
        lambda tx: step_up.check_code(
            tx, here.identity("mia"), here.code("mia"), path=CodePath.PAGE, now=here.clock.now()
        )
    )
    assert right is CodeRefusal.DISABLED
    while await here.core.delivery.take_over():
        pass
    told = [posted.card.headline for posted in here.chat.seen_by(here.channel("mia"))]
    assert told.count(OFF) == 1, "its owner is told, once"
    assert FAILED in told
