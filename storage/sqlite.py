"""The embedded database: one writer thread with group commit, and a few threads that read."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from bot.errors import DoorwardError, Stale, StorageUnavailable
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.journal import Journal
from storage.statement import Row, Statement, Value
from storage.transaction import StoreTransaction, Vault

T = TypeVar("T")
BUSY_SECONDS = 0.5
"""How long another process (a backup, the shell) may hold the database before a write is refused: an acknowledgement
has to be out within a second."""
WAL_PAUSE_SECONDS = 0.005
GROUP = 128
"""At most so many jobs share one COMMIT."""
READERS = 2
READ_GROUP = 8
"""At most so many reads are answered together."""
STATEMENTS = 512

_SETTINGS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)


class SqliteConnection:
    """Runs statements on a connection of this thread (see `storage.statement.Connection`)."""

    def __init__(self, raw: sqlite3.Connection, *, read_only: bool) -> None:
        self._execute = raw.execute
        self.read_only = read_only
        self.concurrent = False
        self.journal = Journal()

    def row(self, statement: Statement, **values: Value) -> Row | None:
        compiled = statement.sqlite
        row: Row | None = self._execute(compiled.text, compiled.arguments(values)).fetchone()
        return row

    def rows(self, statement: Statement, **values: Value) -> list[Row]:
        compiled = statement.sqlite
        rows = self._execute(compiled.text, compiled.arguments(values)).fetchall()
        if statement.mark is not None:
            self.journal.note(statement.mark.deleted(rows))
        return rows

    def change(self, statement: Statement, **values: Value) -> int:
        compiled = statement.sqlite
        count = self._execute(compiled.text, compiled.arguments(values)).rowcount
        if statement.mark is not None and count:
            self.journal.note(statement.mark.changes(values))
        return count


@dataclass(slots=True)
class Job:
    """Some work somebody waits for."""

    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """See `bot.ports.database.Database`."""

    def __init__(self, path: Path, keys: Keyring) -> None:
        vault = Vault(keys)
        self._writes: SimpleQueue[Job | None] = SimpleQueue()
        self._reads: SimpleQueue[Job | None] = SimpleQueue()
        self._threads = [
            _Writer(path, vault, self._writes),
            *(_Reader(path, vault, self._reads) for _ in range(READERS)),
        ]
        self._closed = False
        for thread in self._threads:
            thread.start()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on the writer thread. Its future is resolved after the COMMIT it shares with its neighbours."""
        return await self._done(self._writes, work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` on one snapshot."""
        return await self._done(self._reads, work)

    async def close(self) -> None:
        """Finish what is queued and close."""
        if not self._closed:
            self._closed = True
            self._writes.put(None)
            for _ in range(READERS):
                self._reads.put(None)
            for thread in self._threads:
                await asyncio.to_thread(thread.join)

    async def _done(self, queue: SimpleQueue[Job | None], work: Callable[[Transaction], T]) -> T:
        if self._closed:
            raise StorageUnavailable("the database is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.put(Job(work, future))
        return await future


def make_file(path: Path) -> None:
    """Make an empty database file that only this account reads, where there is none. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


class _Worker(Thread):
    """Takes jobs from a queue; opens its connection with the first one, and again after a failure to open."""

    def __init__(self, path: Path, vault: Vault, queue: SimpleQueue[Job | None]) -> None:
        super().__init__(name=f"storage-{type(self).__name__.strip('_').lower()}", daemon=True)
        self._path = path
        self._vault = vault
        self._queue = queue
        self._raw: sqlite3.Connection | None = None
        self._transaction: StoreTransaction | None = None

    def run(self) -> None:
        while (job := self._queue.get()) is not None:
            self._serve(job)
        if self._raw is not None:
            self._raw.close()

    def _serve(self, job: Job) -> None:
        raise NotImplementedError

    def _next(self) -> Job | None:
        """What is queued already; the word to stop is left for `run`."""
        try:
            job = self._queue.get_nowait()
        except Empty:
            return None
        if job is None:
            self._queue.put(None)
        return job

    def _open(self) -> tuple[sqlite3.Connection, StoreTransaction]:
        if self._raw is None or self._transaction is None:
            raw = self._connect()
            self._transaction = StoreTransaction(
                SqliteConnection(raw, read_only=isinstance(self, _Reader)), self._vault
            )
            self._raw = raw
        return self._raw, self._transaction

    def _connect(self) -> sqlite3.Connection:
        raise NotImplementedError


def _into_wal(raw: sqlite3.Connection) -> None:
    """Write-ahead logging, which stays with the file; the busy handler does not wait for this pragma, so we do."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            if raw.execute("PRAGMA journal_mode = WAL").fetchone() == ("wal",):
                return
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
        time.sleep(WAL_PAUSE_SECONDS)


class _Writer(_Worker):
    """The one thread that writes: BEGIN IMMEDIATE, a SAVEPOINT a job, one COMMIT for whatever is queued."""

    def _connect(self) -> sqlite3.Connection:
        make_file(self._path)
        raw = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=STATEMENTS)
        try:
            _into_wal(raw)
            for setting in _SETTINGS:
                raw.execute(setting)
        except sqlite3.Error:
            raw.close()
            raise
        return raw

    def _serve(self, job: Job) -> None:
        try:
            raw, transaction = self._open()
            raw.execute("BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as exc:
            self._refuse([job, *self._queued()], exc)
            return
        group: list[Job] = []
        following: Job | None = job
        try:
            while following is not None:
                group.append(following)
                _run(raw, transaction, following, first=len(group) == 1)
                following = self._next() if raw.in_transaction and len(group) < GROUP else None
            if raw.in_transaction:
                raw.execute("COMMIT")
            elif any(done.error is None for done in group):
                raise sqlite3.OperationalError("the transaction was rolled back")
        except sqlite3.Error as exc:
            with suppress(sqlite3.Error):
                raw.rollback()
            self._refuse([done for done in group if done.error is None], exc)
            group = [done for done in group if done.error is not None]
        _deliver(group)

    def _queued(self) -> list[Job]:
        """All that wait now. Who waited for the lock is answered together with the first, not one after the other."""
        jobs = []
        while (job := self._next()) is not None:
            jobs.append(job)
        return jobs

    def _refuse(self, jobs: list[Job], cause: Exception) -> None:
        for job in jobs:
            job.error = StorageUnavailable(f"{type(cause).__name__}: {cause}")
            job.error.__cause__ = cause
        _deliver(jobs)


class _Reader(_Worker):
    """A thread that reads: every job sees one snapshot."""

    def _connect(self) -> sqlite3.Connection:
        raw = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro",
            uri=True, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=STATEMENTS,
        )  # fmt: skip
        raw.execute("PRAGMA query_only = ON")
        raw.execute("PRAGMA trusted_schema = OFF")
        return raw

    def _serve(self, job: Job) -> None:
        group = [job]
        while len(group) < READ_GROUP and (following := self._next()) is not None:
            group.append(following)
        for member in group:
            if not member.future.cancelled():
                self._read(member)
        _deliver(group)

    def _read(self, job: Job) -> None:
        try:
            raw, transaction = self._open()
            raw.execute("BEGIN")
            try:
                job.result = job.work(transaction)
            finally:
                raw.rollback()
        except BaseException as exc:  # noqa: BLE001 - whoever waits gets it
            job.error = _translated(exc)


def _run(raw: sqlite3.Connection, transaction: StoreTransaction, job: Job, *, first: bool) -> None:
    """Do one job of a group; when it fails, only its own changes are undone. The first needs no savepoint for that."""
    if job.future.cancelled():
        return
    if not first:
        raw.execute("SAVEPOINT job")
    transaction.begin()
    try:
        job.result = job.work(transaction)
        transaction.settle()
    except BaseException as exc:  # noqa: BLE001 - whoever waits gets it
        job.error = _translated(exc)
        if first:
            raw.rollback()
        elif raw.in_transaction:
            # A full disk may have rolled back everything already.
            raw.execute("ROLLBACK TO job")
            raw.execute("RELEASE job")
    else:
        if not first:
            raw.execute("RELEASE job")


def _translated(error: BaseException) -> BaseException:
    if isinstance(error, DoorwardError):
        return error
    translated: BaseException
    if isinstance(error, sqlite3.IntegrityError):
        translated = Stale("a unique key is taken, or something referred to is gone")
    elif isinstance(error, sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return error
    elif isinstance(error, sqlite3.Error | OSError):
        translated = StorageUnavailable(f"{type(error).__name__}: {error}")
    elif isinstance(error, StopIteration):
        translated = RuntimeError("the work raised StopIteration")  # a future does not take it
    else:
        return error
    translated.__cause__ = error
    return translated


def _deliver(jobs: list[Job]) -> None:
    """Answer, with one call a loop."""
    loops = {job.future.get_loop() for job in jobs}
    for loop in loops:
        # A loop that is closed has nobody waiting.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_resolve, [job for job in jobs if job.future.get_loop() is loop])


def _resolve(jobs: list[Job]) -> None:
    for job in jobs:
        if not job.future.done():
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
