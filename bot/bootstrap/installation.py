"""What an installation stands on: its keys and its database, as the shell opens them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from bot.bootstrap.keys import loaded, wrapping
from bot.errors import Misconfigured
from bot.ports.database import Database, Transaction
from bot.settings.tree import Settings
from storage.crypto import Keyring
from storage.database import open_database, parse_url, sqlite_path
from storage.key_file import KeyFile

T = TypeVar("T")


def keyring(settings: Settings, now: datetime) -> Keyring:
    """The keys of this installation. Raises `Misconfigured`, naming the setting; `KeysUnavailable`."""
    return loaded(settings, now)


def make_keys(settings: Settings, file: Path | None, now: datetime) -> Path:
    """Write a new keys file, never over another. Raises `Misconfigured`, `KeysUnavailable`."""
    path = file or settings.keys.file
    if path is None:
        raise Misconfigured("name the file to write: `doorward keys init FILE`, or set DOORWARD_KEYS__FILE")
    if path.exists() or path.is_symlink():
        raise Misconfigured(f"{path} is there already; without its keys nothing that they sealed can be read again")
    KeyFile(path, wrapping(settings), clock=lambda: now).save(Keyring.generate(now=now))
    return path


def database_file(settings: Settings) -> Path | None:
    """The file of an embedded database, None for a server. Raises `Misconfigured`: no such file, malformed address."""
    url = parse_url(settings.database_url.get_secret_value())
    if url.get_backend_name() != "sqlite":
        return None
    path = sqlite_path(url)
    if not path.exists():
        raise Misconfigured(f"DOORWARD_DATABASE_URL: there is no database at {path}; `doorward migrate` makes one")
    return path


@asynccontextmanager
async def opened(settings: Settings, keys: Keyring) -> AsyncIterator[Database]:
    """The database, closed at the end; an embedded one is never made by looking at it. Raises `Misconfigured`."""
    database_file(settings)
    database = open_database(settings.database_url.get_secret_value(), keys=keys)
    try:
        yield database
    finally:
        await database.close()


def on_database(settings: Settings, keys: Keyring, work: Callable[[Database], Awaitable[T]]) -> T:
    """Run some work of the shell on the database. Raises `Misconfigured`, `StorageUnavailable`."""

    async def run() -> T:
        async with opened(settings, keys) as database:
            return await work(database)

    return asyncio.run(run())


def looked_up(settings: Settings, keys: Keyring, look: Callable[[Transaction], T]) -> T:
    """What one read finds. Raises `Misconfigured`, `StorageUnavailable`, `IntegrityAlarm`."""
    return on_database(settings, keys, lambda database: database.read(look))
