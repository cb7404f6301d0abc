"""The one way to a database: its address says which engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import Misconfigured
from storage.crypto import Keyring
from storage.sqlite import SqliteDatabase

if TYPE_CHECKING:
    from storage.postgres import PostgresDatabase


def open_database(url: str, *, keys: Keyring) -> SqliteDatabase | PostgresDatabase:
    """The database at `sqlite:///path` or `postgresql://…`; connects with its first work, so it always opens.

    Raises `Misconfigured`.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteDatabase(sqlite_path(parsed), keys)
    # SQLAlchemy's asynchronous engine brings its whole ORM: who embeds the database need not load and hold that.
    from storage.postgres import PostgresDatabase  # noqa: PLC0415

    return PostgresDatabase(parsed, keys)


def parse_url(url: str) -> URL:
    """The address in its parts. Raises `Misconfigured`, without the address: it may hold a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured("the database's address is malformed; it is sqlite:///path or postgresql://…") from None
    if parsed.drivername not in ("sqlite", "postgresql"):
        raise Misconfigured(
            f"{parsed.drivername!r} is no database we know; the address is sqlite:///path or postgresql://…"
        )
    return parsed


def sqlite_path(url: URL) -> Path:
    """The file of an embedded database. Raises `Misconfigured`: one in memory could not be read beside the writer."""
    if not url.database or url.database == ":memory:":
        raise Misconfigured("an embedded database is a file: sqlite:///path")
    return Path(url.database)
