"""The demo system's own SQLite file: writes under BEGIN IMMEDIATE on one thread, reads on a second connection."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TypeVar

from adapters.connectors.demo import seed_bank, seed_crm, seed_hr
from adapters.connectors.demo.schema import LABEL, SCHEMA
from bot.errors import Misconfigured
from bot.ports.connectors import ConnectorUnavailable, OutcomeUnknown

BUSY_SECONDS = 4.0
"""Shorter than any deadline, so that a lock held elsewhere ends in a clean refusal."""

Answer = TypeVar("Answer")


class DemoDatabase:
    """Opens, labels and seeds the file; raises `Misconfigured` for a file that is not a demo backend."""

    def __init__(self, path: Path | None, today: date) -> None:
        self._connection = _connect(path, BUSY_SECONDS)
        if path is not None:
            self._connection.execute("PRAGMA journal_mode = WAL")
        self._prepare(path, today)
        # With a write-ahead log a reader waits for nobody, and a read takes less than handing it to a thread would.
        self._reader = self._connection if path is None else _connect(path, 0)
        self._thread = None if path is None else ThreadPoolExecutor(max_workers=1, thread_name_prefix="demo-backend")

    def _prepare(self, path: Path | None, today: date) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        tables = self._connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        if not tables:
            for statement in SCHEMA.split(";"):
                self._connection.execute(statement)
            self._connection.execute("INSERT INTO label VALUES (?)", (LABEL,))
            seed_hr.fill(self._connection, today)
            seed_crm.fill(self._connection, today)
        elif ("label",) not in [tuple(row) for row in tables]:
            self._connection.close()
            raise Misconfigured(f"{path} is a database of something else; the demo backend keeps its own file")
        else:
            seed_hr.add_holidays(self._connection, today.year)
        seed_bank.fill(self._connection)
        self._connection.execute("COMMIT")

    async def read(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """What `work` finds. Raises `ConnectorUnavailable`."""
        try:
            return work(self._reader)
        except sqlite3.DatabaseError as exc:
            raise ConnectorUnavailable("the demo database does not answer") from exc

    async def write(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Run `work` in one transaction. Raises `ConnectorUnavailable`, or `OutcomeUnknown` if the commit fails."""
        given_up = threading.Event()
        if self._thread is None:
            return self._write(work, given_up)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, work, given_up)
        except asyncio.CancelledError:
            given_up.set()
            raise

    def close(self) -> None:
        """Let running work end, then close the file."""
        if self._thread is not None:
            self._thread.shutdown(wait=True)
        self._reader.close()
        self._connection.close()

    def _write(self, work: Callable[[sqlite3.Connection], Answer], given_up: threading.Event) -> Answer:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                # What waited for the lock beyond its deadline must not happen after somebody looked for it in vain.
                if given_up.is_set():
                    raise ConnectorUnavailable("too late to begin")
                answer = work(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as exc:
            raise ConnectorUnavailable("the demo database does not take writes") from exc
        self._commit()
        return answer

    def _commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.DatabaseError as exc:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise OutcomeUnknown("the commit was not confirmed") from exc


def _connect(path: Path | None, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path or ":memory:", timeout=busy_seconds, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
