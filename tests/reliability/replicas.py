"""`doorward serve` as operating system processes that a test starts, kills and starts again."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from storage.crypto import Keyring
from storage.key_file import InTheClear, KeyFile
from tests.fakes.slack_server import SIGNING_SECRET
from tests.fakes.slack_workspace import APP, BOT_TOKEN, TEAM

ROOT = Path(__file__).parents[2]
START_SECONDS = 180
"""A start is waited for generously: two replicas and their database may share one busy machine."""
DOORWARD = (sys.executable, "-m", "bot", "serve")


def key_file(folder: Path) -> KeyFile:
    """The installation's keys."""
    return KeyFile(folder / "keys.json", InTheClear(), clock=lambda: datetime.now(UTC))


def installation(folder: Path, url: str, api: str, **more: str) -> dict[str, str]:
    """The settings that all replicas share, with keys made for them."""
    file = key_file(folder)
    if not file.path.exists():
        file.save(Keyring.generate())
    return {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_PUBLIC_URL": "https://doorward.example",
        "DOORWARD_DATABASE_URL": url,
        "DOORWARD_KEYS__FILE": str(file.path),
        "DOORWARD_HR__FILE": str(folder / "hr.db"),
        "DOORWARD_SLACK__SIGNING_SECRET": SIGNING_SECRET,
        "DOORWARD_SLACK__BOT_TOKEN": BOT_TOKEN,
        "DOORWARD_SLACK__TEAM_IDS": TEAM,
        "DOORWARD_SLACK__APP_ID": APP,
        "DOORWARD_SLACK__API_BASE_URL": api,
        "DOORWARD_NOTICES__START": "00:00",
        "DOORWARD_NOTICES__END": "23:59:59",
        "DOORWARD_NOTICES__DAYS": "mon,tue,wed,thu,fri,sat,sun",
        **more,
    }


class DidNotStart(RuntimeError):
    """A process ended, or was not up in time."""


@dataclass(slots=True, kw_only=True)
class Replica:
    """One process on a port of its own, which it keeps when it is started again."""

    name: str
    folder: Path
    settings: Mapping[str, str]
    command: Sequence[str] = DOORWARD
    port: int = field(init=False)
    kills: int = 0
    slow_starts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _log: IO[bytes] | None = None
    _talk: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    @property
    def log(self) -> Path:
        """What it had to say."""
        return self.folder / f"{self.name}.log"

    async def start(self) -> None:
        """Start, and wait until it serves."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(ROOT), **self.settings}
        self._log = self.log.open("ab")
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            env=environ | {"DOORWARD_PORT": str(self.port)},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            line = b""
        if not line:
            await self._end(signal.SIGKILL)
            raise DidNotStart(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
        self._talk = asyncio.create_task(_kept(self._process.stdout, self._log))

    async def kill(self) -> None:
        """SIGKILL: whatever it was at stays as it is."""
        self.kills += 1
        await self._end(signal.SIGKILL)

    async def stop(self) -> float:
        """SIGTERM; the seconds until it was gone."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        await self._end(signal.SIGTERM)
        return loop.time() - since

    async def _end(self, order: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(order)
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._talk is not None:
            await self._talk
            self._talk = None
        if self._log is not None:
            self._log.close()


async def _kept(talk: asyncio.StreamReader, log: IO[bytes]) -> None:
    """Read what it says to its end: a pipe that nobody reads would stop whoever writes into it."""
    while line := await talk.readline():
        log.write(line)
        log.flush()


@asynccontextmanager
async def replicas(
    folder: Path, settings: Mapping[str, str], *, count: int = 2, command: Sequence[str] = DOORWARD
) -> AsyncIterator[list[Replica]]:
    """So many, started together; ended by SIGTERM."""
    made = [Replica(name=f"replica{n}", folder=folder, settings=settings, command=command) for n in range(count)]
    try:
        await asyncio.gather(*(one.start() for one in made))
        yield made
    finally:
        await asyncio.gather(*(one.stop() for one in made))
