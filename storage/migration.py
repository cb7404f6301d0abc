"""Bringing a database to the newest schema, and asking whether it is there."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import StorageUnavailable
from storage.database import parse_url, sqlite_path
from storage.sqlite import make_file

T = TypeVar("T")
_MIGRATION_LOCK = 0x0D00_A0D1_0001
SCRIPTS = "storage:migrations"


def migrate(url: str) -> None:
    """Upgrade the database to the newest schema, in one transaction, alone among replicas.

    Raises `Misconfigured`, `StorageUnavailable`. Blocks.
    """
    _on(parse_url(url), _upgrade)


def is_current(url: str) -> bool:
    """Whether the database has the newest schema. Raises `Misconfigured`, `StorageUnavailable`. Blocks."""
    return _on(parse_url(url), _revision) == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _on(url: URL, work: Callable[[Connection], T]) -> T:
    try:
        if url.get_backend_name() == "sqlite":
            return _on_sqlite(url, work)
        # The driver is asynchronous; in a thread of its own it does not matter whether a loop runs here.
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(lambda: asyncio.run(_on_postgresql(url, work))).result()
    except (SQLAlchemyError, OSError) as exc:
        raise StorageUnavailable(f"the database cannot be migrated ({type(exc).__name__})") from exc


def _on_sqlite(url: URL, work: Callable[[Connection], T]) -> T:
    make_file(sqlite_path(url))
    engine = create_engine(url, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None  # the driver would commit before each CREATE

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        return work(connection)


async def _on_postgresql(url: URL, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(url.set(drivername="postgresql+asyncpg"), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
