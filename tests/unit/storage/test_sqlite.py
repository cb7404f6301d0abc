"""The embedded database: group commit, and what it says when the disk or another process stands in its way."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from bot.errors import StorageUnavailable
from bot.ports.database import Transaction
from storage.crypto import Keyring
from storage.migration import migrate
from storage.sqlite import BUSY_SECONDS, SqliteDatabase
from tests.contract.stores import (
    JOHN,
    JOHNS_CHAT,
    a_message,
    a_proposal,
    a_session,
    an_authenticator,
    an_effect,
    an_item,
)

ENOUGH_SECONDS = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "doorward.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SqliteDatabase]:
    opened = SqliteDatabase(path, Keyring.generate())
    yield opened
    await opened.close()


def mark(key: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.jobs.set_mark(key, "x")


async def marks(database: SqliteDatabase, *keys: str) -> list[bool]:
    return await database.read(lambda tx: [tx.jobs.mark(key) is not None for key in keys])


async def in_writer(database: SqliteDatabase, statement: str) -> object:
    """Run a statement on the writer's own connection, as a job; the one value it gives."""

    def run(_: Transaction) -> object:
        raw = database._threads[0]._raw
        assert raw is not None
        row = raw.execute(statement).fetchone()
        return row[0] if row else None

    return await database.write(run)


async def traced(database: SqliteDatabase) -> list[str]:
    """From now on, what the writer sends to the database."""
    statements: list[str] = []

    def trace(_: Transaction) -> None:
        raw = database._threads[0]._raw
        assert raw is not None
        raw.set_trace_callback(statements.append)

    await database.write(trace)
    statements.clear()
    return statements


class Held:
    """A job that keeps the writer busy until it is let go, so that others queue behind it."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._started, self._go = Event(), Event()
        self.done = asyncio.ensure_future(database.write(self._work))

    def _work(self, _: Transaction) -> None:
        self._started.set()
        assert self._go.wait(ENOUGH_SECONDS)

    async def start(self) -> None:
        await asyncio.to_thread(self._started.wait, ENOUGH_SECONDS)

    async def let_go(self) -> None:
        self._go.set()
        await self.done


async def queued(*jobs: asyncio.Future[None]) -> None:
    """Give every job the turn of the loop it needs to get into the queue."""
    for _ in jobs:
        await asyncio.sleep(0)


async def test_what_queues_shares_one_commit(database: SqliteDatabase) -> None:
    statements = await traced(database)
    held = Held(database)
    await held.start()
    jobs = [asyncio.ensure_future(database.write(mark(f"m{n}"))) for n in range(20)]
    await queued(*jobs)
    await held.let_go()
    await asyncio.gather(*jobs)
    assert [word for word in statements if word.startswith(("BEGIN", "COMMIT"))] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert sum(word.startswith("SAVEPOINT") for word in statements) == 20
    assert all(await marks(database, *(f"m{n}" for n in range(20))))


async def test_nobody_is_answered_before_the_commit(database: SqliteDatabase, path: Path) -> None:
    first = asyncio.ensure_future(database.write(mark("first")))
    held = Held(database)
    await held.start()
    assert not first.done() or await marks(database, "first") == [True]
    with closing(sqlite3.connect(path)) as other:
        there = other.execute("SELECT count(*) FROM marks").fetchone() == (1,)
    assert first.done() == there
    await held.let_go()
    await first


async def test_the_first_job_of_a_group_may_fail_too(database: SqliteDatabase) -> None:
    def fails(tx: Transaction) -> None:
        tx.jobs.set_mark("failed", "x")
        raise ZeroDivisionError

    jobs = [asyncio.ensure_future(database.write(work)) for work in (fails, mark("a"), fails, mark("b"), fails)]
    await asyncio.wait(jobs)
    assert [isinstance(job.exception(), ZeroDivisionError) for job in jobs] == [True, False, True, False, True]
    assert await marks(database, "failed", "a", "b") == [False, True, True]


async def test_who_gave_up_waiting_in_the_queue_is_not_served(database: SqliteDatabase) -> None:
    held = Held(database)
    await held.start()
    impatient = asyncio.ensure_future(database.write(mark("impatient")))
    patient = asyncio.ensure_future(database.write(mark("patient")))
    await queued(impatient, patient)
    impatient.cancel()
    await held.let_go()
    await patient
    assert await marks(database, "impatient", "patient") == [False, True]


@pytest.mark.requirement("83")
async def test_a_database_that_is_held_refuses_everybody_together_and_soon(
    database: SqliteDatabase, path: Path
) -> None:
    await database.write(mark("before"))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = monotonic()
        outcomes = await asyncio.gather(*(database.write(mark(f"m{n}")) for n in range(10)), return_exceptions=True)
        assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
        assert monotonic() - started < 3 * BUSY_SECONDS
        assert await marks(database, "before", "m0") == [True, False]
        other.execute("ROLLBACK")
    await database.write(mark("after"))
    assert await marks(database, "after") == [True]


@pytest.mark.requirement("83")
async def test_a_full_disk_refuses_what_does_not_fit_and_keeps_the_rest(database: SqliteDatabase) -> None:
    await database.write(mark("before"))
    pages = await in_writer(database, "PRAGMA page_count")
    await in_writer(database, f"PRAGMA max_page_count = {pages}")

    def large(tx: Transaction) -> None:
        for number in range(200):
            tx.jobs.set_mark(f"large-{number}", "x" * 10_000)

    jobs = [asyncio.ensure_future(database.write(work)) for work in (large, large, large)]
    await asyncio.wait(jobs)
    assert all(isinstance(job.exception(), StorageUnavailable) for job in jobs)
    assert await marks(database, "before", "large-0") == [True, False]
    await in_writer(database, "PRAGMA max_page_count = 1000000")
    await database.write(large)
    assert await marks(database, "large-199") == [True]


@pytest.mark.requirement("83")
async def test_a_full_disk_in_a_group_answers_for_each_as_it_is(database: SqliteDatabase) -> None:
    """Whether the engine undoes one job or the whole group, whoever is told `done` finds it done."""
    await database.write(mark("before"))
    pages = await in_writer(database, "PRAGMA page_count")
    await in_writer(database, f"PRAGMA max_page_count = {pages}")

    def large(tx: Transaction) -> None:
        tx.jobs.set_mark("large", "x" * 10_000_000)

    held = Held(database)
    await held.start()
    works = {"a": mark("a"), "large": large, "b": mark("b")}
    jobs = {key: asyncio.ensure_future(database.write(work)) for key, work in works.items()}
    await queued(*jobs.values())
    await asyncio.wait([asyncio.ensure_future(held.let_go()), *jobs.values()])
    assert isinstance(jobs["large"].exception(), StorageUnavailable)
    for key in ("a", "b"):
        assert await marks(database, key) == [jobs[key].exception() is None]
    assert await marks(database, "before", "large") == [True, False]


@pytest.mark.requirement("83")
async def test_a_disk_that_only_reads_refuses_writes(database: SqliteDatabase) -> None:
    await database.write(mark("before"))
    await in_writer(database, "PRAGMA query_only = ON")
    with pytest.raises(StorageUnavailable):
        await database.write(mark("during"))
    assert await marks(database, "before", "during") == [True, False]


async def test_a_read_sees_one_snapshot(database: SqliteDatabase) -> None:
    await database.write(lambda tx: tx.jobs.set_mark("m", "before"))
    loop = asyncio.get_running_loop()

    def twice(tx: Transaction) -> tuple[str | None, str | None]:
        first = tx.jobs.mark("m")
        writing = asyncio.run_coroutine_threadsafe(database.write(lambda tx: tx.jobs.set_mark("m", "after")), loop)
        writing.result(timeout=ENOUGH_SECONDS)
        return first, tx.jobs.mark("m")

    assert await database.read(twice) == ("before", "before")
    assert await database.read(lambda tx: tx.jobs.mark("m")) == "after"


async def test_a_database_that_cannot_be_opened_is_unavailable_and_tried_again(tmp_path: Path) -> None:
    in_the_way = tmp_path / "folder"
    in_the_way.write_text("not a folder")
    database = SqliteDatabase(in_the_way / "doorward.db", Keyring.generate())
    for work in (database.write, database.read):
        with pytest.raises(StorageUnavailable):
            await work(mark("m"))
    in_the_way.unlink()
    migrate(f"sqlite:///{in_the_way}/doorward.db")
    await database.write(mark("m"))
    await database.close()


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "doorward.db"
    path.write_bytes(b"not a database at all, and longer than a header" * 100)
    database = SqliteDatabase(path, Keyring.generate())
    for work in (database.write, database.read):
        with pytest.raises(StorageUnavailable):
            await work(mark("m"))
    await database.close()


async def test_a_closed_database_finishes_what_it_has_and_takes_no_more(path: Path) -> None:
    database = SqliteDatabase(path, Keyring.generate())
    held = Held(database)
    await held.start()
    last = asyncio.ensure_future(database.write(mark("last")))
    await queued(last)
    closing_ = asyncio.ensure_future(database.close())
    await asyncio.sleep(0)
    await held.let_go()
    await asyncio.gather(last, closing_)
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT key FROM marks").fetchall() == [("last",)]
    with pytest.raises(StorageUnavailable):
        await database.write(mark("late"))
    await database.close()


async def test_a_vendors_iteration_end_does_not_leave_anybody_waiting(database: SqliteDatabase) -> None:
    def ends(_: Transaction) -> None:
        raise StopIteration

    with pytest.raises(RuntimeError):
        await asyncio.wait_for(database.write(ends), ENOUGH_SECONDS)


def test_the_file_is_for_this_account_only(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.requirement("26")
async def test_the_files_hold_no_token_no_seed_and_no_text(database: SqliteDatabase, path: Path) -> None:
    now = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)

    def write(tx: Transaction) -> None:
        tx.tokens.save(JOHN, b"the-refresh-token", expected_version=None, now=now)
        tx.authenticators.insert(an_authenticator(now), "THESEED")
        tx.sessions.open(a_session(now, id="the-session-id"))
        tx.inbox.accept(a_message(now, text="the-text"), lease_seconds=0)
        tx.pending.put(JOHNS_CHAT, a_message(now, text="the-text"), until=now)
        tx.outbox.put(an_item(now), lease_seconds=0)
        tx.proposals.insert(a_proposal(now))
        tx.effects.intend(an_effect(now))

    await database.write(write)
    files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
    content = b"".join(file.read_bytes() for file in files)
    assert b"slack:E1/T1:U-john" in content
    hidden = (b"the-refresh-token", b"THESEED", b"the-session-id", b"the-text", b"12 days", b"enjoy the mountains")
    assert [secret for secret in hidden if secret in content] == []


async def test_every_commit_reaches_the_disk(database: SqliteDatabase) -> None:
    await database.write(mark("m"))
    assert await in_writer(database, "PRAGMA synchronous") == 2
    assert await in_writer(database, "PRAGMA journal_mode") == "wal"
    assert await in_writer(database, "PRAGMA foreign_keys") == 1
