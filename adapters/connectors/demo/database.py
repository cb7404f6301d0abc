"""The demo system's own SQLite file: one connection on one thread, writes under BEGIN IMMEDIATE."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeVar

from adapters.connectors.demo import seed_crm, seed_hr
from adapters.connectors.demo.schema import LABEL, SCHEMA
from bot.errors import Misconfigured
from bot.ports.connectors import ConnectorUnavailable, OutcomeUnknown

BUSY_SECONDS = 4.0
"""Shorter than any deadline, so that a lock held elsewhere ends in a clean refusal."""

Answer = TypeVar("Answer")


class DemoDatabase:
    """Opens, labels and seeds the file; raises `Misconfigured` for a file that is not a demo backend."""

    def __init__(self, path: Path | None, today: date) -> None:
        self._connection = sqlite3.connect(
            path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA foreign_keys = ON")
        if path is not None:
            self._connection.execute("PRAGMA journal_mode = WAL")
        self._prepare(path, today)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="demo-backend")

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
        self._connection.execute("COMMIT")

    async def read(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Run `work` on the thread. Raises `ConnectorUnavailable`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, work)

    async def write(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Run `work` in one transaction. Raises `ConnectorUnavailable`, or `OutcomeUnknown` if the commit fails."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, work)

    def close(self) -> None:
        """Let running work end, then close the file."""
        self._thread.shutdown(wait=True)
        with closing(self._connection):
            pass

    def _read(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        try:
            return work(self._connection)
        except sqlite3.OperationalError as exc:
            raise ConnectorUnavailable("the demo database does not answer") from exc

    def _write(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                answer = work(self._connection)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.OperationalError as exc:
            raise ConnectorUnavailable("the demo database does not take writes") from exc
        try:
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as exc:
            raise OutcomeUnknown("the commit was not confirmed") from exc
        return answer
