"""The database for replicas: PostgreSQL through asyncpg."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import asyncpg
import stamina
from sqlalchemy import URL, CursorResult
from sqlalchemy import Connection as CoreConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.errors import Stale, StorageUnavailable
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.journal import Journal
from storage.statement import Row, Statement, Value
from storage.transaction import StoreTransaction, Vault

T = TypeVar("T")
CONNECTIONS = 10
CONNECT_SECONDS = 3.0
POOL_SECONDS = 2.0
ATTEMPTS = 5
ATTEMPTS_SECONDS = 8.0
"""A busy server is waited for so long; who has less time (an acknowledgement, a dialog) gives up by itself."""
STATEMENTS = 512
_SERVER_SETTINGS = {
    "application_name": "doorward",
    "timezone": "UTC",
    "lock_timeout": "2s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "15s",
}
_ROLLED_BACK = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, a lock that was not had in time: the server has undone everything (PostgreSQL
appendix A)."""
_CANNOT_CONNECT = (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)


class PostgresConnection:
    """Runs statements in an asyncpg transaction (see `storage.statement.Connection`)."""

    def __init__(self, connection: CoreConnection, *, read_only: bool) -> None:
        self._connection = connection
        self.read_only = read_only
        self.concurrent = True
        self.journal = Journal()

    def row(self, statement: Statement, **values: Value) -> Row | None:
        row = self._run(statement, values).fetchone()
        return None if row is None else tuple(row)

    def rows(self, statement: Statement, **values: Value) -> list[Row]:
        rows = [tuple(row) for row in self._run(statement, values).fetchall()]
        if statement.mark is not None:
            self.journal.note(statement.mark.deleted(rows))
        return rows

    def change(self, statement: Statement, **values: Value) -> int:
        count = self._run(statement, values).rowcount
        if statement.mark is not None and count:
            self.journal.note(statement.mark.changes(values))
        return count

    def _run(self, statement: Statement, values: dict[str, Value]) -> CursorResult[*tuple[Value, ...]]:
        compiled = statement.postgresql
        return self._connection.exec_driver_sql(compiled.text, tuple(compiled.arguments(values)))


class _Undone(Exception):
    """Nothing was committed for certain, and another attempt may go through."""


class PostgresDatabase:
    """See `bot.ports.database.Database`. `work` may run more than once: it has no effect outside its transaction."""

    def __init__(self, url: URL, keys: Keyring) -> None:
        self._vault = Vault(keys)
        self._engine: AsyncEngine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=CONNECTIONS,
            max_overflow=0,
            hide_parameters=True,
            pool_timeout=POOL_SECONDS,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "prepared_statement_cache_size": STATEMENTS,
                "server_settings": _SERVER_SETTINGS,
            },
        )
        self._reading = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in a transaction, READ COMMITTED: what it decides on, it locks.

        Repeated while it is certain that nothing was committed (lost before COMMIT, deadlock, a lock not had in time).
        A connection lost during COMMIT leaves the outcome in doubt: `StorageUnavailable` with the code
        `storage.in_doubt`, never repeated here.
        """
        return await self._persistently(self._engine, work, read_only=False)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one snapshot, read-only."""
        return await self._persistently(self._reading, work, read_only=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    async def _persistently(self, engine: AsyncEngine, work: Callable[[Transaction], T], *, read_only: bool) -> T:
        try:
            async for attempt in stamina.retry_context(
                on=_Undone,
                attempts=ATTEMPTS,
                timeout=ATTEMPTS_SECONDS,
                wait_initial=0.02,
                wait_max=0.5,
                wait_jitter=0.05,
            ):
                with attempt:
                    return await self._once(engine, work, read_only=read_only)
        except _Undone as exc:
            raise StorageUnavailable(str(exc)) from None
        raise AssertionError("stamina gives up by raising")

    async def _once(self, engine: AsyncEngine, work: Callable[[Transaction], T], *, read_only: bool) -> T:
        def run(connection: CoreConnection) -> T:
            transaction = StoreTransaction(PostgresConnection(connection, read_only=read_only), self._vault)
            result = work(transaction)
            transaction.settle()
            return result

        async with AsyncExitStack() as stack:
            try:
                connection = await stack.enter_async_context(engine.connect())
            except _CANNOT_CONNECT as exc:
                raise _Undone(_described(exc)) from None
            try:
                result = await connection.run_sync(run)
            except DBAPIError as exc:
                raise _before_commit(exc) from None
            try:
                await connection.commit()
            except DBAPIError as exc:
                raise _at_commit(exc) from None
            return result


def _before_commit(error: DBAPIError) -> Exception:
    if isinstance(error, IntegrityError):
        return Stale("a unique key is taken, or something referred to is gone")
    if error.connection_invalidated or _state(error) in _ROLLED_BACK:
        return _Undone(_described(error))
    return StorageUnavailable(_described(error))


def _at_commit(error: DBAPIError) -> Exception:
    if _state(error) in _ROLLED_BACK:
        return _Undone(_described(error))
    return StorageUnavailable(_described(error), code="storage.in_doubt")


def _state(error: BaseException) -> str | None:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state if isinstance(state, str) else None


def _described(error: BaseException) -> str:
    """The kind of error and its SQLSTATE. The server's own text quotes values, so it goes no further than here."""
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__name__} {_state(error) or ''}".rstrip()
