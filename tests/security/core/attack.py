"""What the attackers of these tests have: raw SQL, a second replica, and the moment between a decision and T1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.bootstrap.core import compose
from bot.capabilities.model import Systems
from bot.domain.audit import AuditRecord
from bot.domain.grant import Grant
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind, IncomingMessage
from bot.domain.totp import code_at
from bot.ports.connectors import Call
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome, TraceEntry
from storage.crypto import Keyring
from storage.database import open_database
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase
from tests.fakes.chat import Posted
from tests.fakes.world import World

T = TypeVar("T")
Hook = Callable[[], Awaitable[object]]
PROOF = "proof.given"


def keys_of(database: Database) -> Keyring:
    """The keys, as another replica is given them."""
    if isinstance(database, PostgresDatabase):
        return database._vault.keys
    assert isinstance(database, SqliteDatabase)
    return database._threads[0]._vault.keys


def other_replica(world: World, url: str) -> tuple[World, PostgresDatabase | SqliteDatabase]:
    """A second process on the same database, chat, provider and systems."""
    database = open_database(url, keys=keys_of(world.database))
    core = compose(replace(world.core.outside, database=database))
    return replace(world, core=core, database=database), database


@dataclass
class Between(Database):
    """A database behind which something happens right before T1: the decision is made, nothing is written yet."""

    inner: Database
    then: Hook | None = None
    due: bool = False

    async def write(self, work: Callable[[Transaction], T]) -> T:
        if self.due and self.then is not None:
            hook, self.then, self.due = self.then, None, False
            await hook()
        return await self.inner.write(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.read(work)

    def record(self, correlation: str, entry: TraceEntry) -> None:
        """A tracer: step 8 is the last one before T1."""
        self.due = entry.step is Step.REVALIDATE and entry.outcome in {StepOutcome.OK, StepOutcome.SKIPPED}


def between(world: World, hook: Hook) -> World:
    """The same world, with `hook` run once between the next permit and its T1."""
    database = Between(world.database, hook)
    core = compose(replace(world.core.outside, database=database, tracer=database))
    return replace(world, core=core)


@dataclass
class Twice(Database):
    """Every write runs twice, and only the second time counts: as after a connection lost before COMMIT."""

    inner: Database

    async def write(self, work: Callable[[Transaction], T]) -> T:
        def lost(tx: Transaction) -> None:
            work(tx)
            raise ConnectionResetError

        try:
            await self.inner.write(lost)
        except Exception as error:
            if not _is_lost(error):
                raise
        return await self.inner.write(work)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.read(work)


def _is_lost(error: BaseException) -> bool:
    return isinstance(error, ConnectionResetError) or isinstance(error.__cause__, ConnectionResetError)


@dataclass
class Peeking(Database):
    """A database that shows what stands in the inbox when each write is about to be committed."""

    inner: Database
    seen: list[IncomingMessage] = field(default_factory=list)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        def peeked(tx: Transaction) -> T:
            done = work(tx)
            rows = tx.inbox.claim(now=datetime.max.replace(tzinfo=UTC) - timedelta(days=1), lease_seconds=0, limit=50)
            self.seen += [message for _, message, _ in rows]
            return done

        return await self.inner.write(peeked)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.read(work)


def peeking(world: World) -> tuple[World, Peeking]:
    """The same world, whose inbox can be looked into."""
    database = Peeking(world.database)
    core = compose(replace(world.core.outside, database=database))
    return replace(world, core=core, database=database), database


class Wrapped:
    """A connector that lets a test do something before and after one operation of the real one."""

    def __init__(self, inner: Any, operation: str, *, before: Hook | None = None, after: Hook | None = None) -> None:
        self._inner, self._operation = inner, operation
        self.before, self.after = before, after
        self.calls: list[tuple[Grant, Call]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._inner, name)
        if name != self._operation:
            return real

        async def wrapped(grant: Grant, call: Call, **values: Any) -> Any:
            self.calls.append((grant, call))
            if self.before is not None:
                await self.before()
            answer = await real(grant, call, **values)
            if self.after is not None:
                await self.after()
            return answer

        return wrapped


def with_hr(world: World, hr: Wrapped) -> World:
    """The same world, its HR system behind `hr`."""
    systems = Systems(hr=hr, crm=world.backend.crm)
    return replace(world, core=compose(replace(world.core.outside, systems=systems)))


async def leave_for_mia(world: World, text: str = "I'd like to take 21 to 23 December off") -> Posted:
    """John asks for leave; the card that asks Mia, who has an authenticator."""
    await world.sign_in("john")
    await world.sign_in("mia")
    if "mia" not in world.seeds:
        await world.enrol("mia")
    await world.say("john", text)
    await world.press("john", world.last("john"), "Send request")
    return world.last("mia", "Leave for John")


async def code_dialog(world: World, text: str = "I'd like to take 21 to 23 December off") -> Posted:
    """Mia has the code dialog for John's leave open."""
    card = await leave_for_mia(world, text)
    await world.press("mia", card, "Approve")
    assert world.chat.dialogs["view"].fields
    return card


async def states(world: World) -> list[LeaveState]:
    """The states of John's requests for December 2026, as the HR system has them."""
    rows = await world.backend._database.read(
        lambda connection: connection.execute(
            "SELECT l.state FROM leave l WHERE l.start_on LIKE '2026-12%' AND l.employee ="
            " (SELECT employee FROM employee_called WHERE called = 'john') ORDER BY l.number"
        ).fetchall()
    )
    return [LeaveState(row[0]) for row in rows]


async def effects_done(world: World, action: str) -> list[AuditRecord]:
    """The finished effects of an action."""
    return [
        record
        for record in await world.audit(type_prefix="effect.finished")
        if record.event.action == action and record.event.code == "done"
    ]


async def unmatched(world: World) -> set[str]:
    """Intended effects without an outcome."""
    intended = [r.event for r in await world.audit(type_prefix="effect.intended")]
    finished = [r.event for r in await world.audit(type_prefix="effect.finished")]
    return {f"{e.correlation} {e.action}" for e in intended} - {f"{e.correlation} {e.action}" for e in finished}


async def alarms(world: World) -> int:
    """How many integrity alarms were written down."""
    return len(await world.audit(type_prefix="integrity.alarm"))


def wrong_code(world: World, name: str) -> str:
    """A code of right form that no step near has."""
    near = {code_at(world.seeds[name], world.clock.now() + timedelta(seconds=30 * step)) for step in range(-3, 4)}
    return next(code for code in (f"{digit}" * 6 for digit in range(10)) if code not in near)


def press_of(world: World, name: str, handle: str, **values: object) -> IncomingMessage:
    """A press with a handle of the attacker's choice."""
    return world.message(name, EventKind.PRESS, handle=handle, **values)


async def sent(world: World, message: IncomingMessage) -> str:
    """Send it; the text of everything new that its sender sees."""
    seen = len(world.chat.seen_by(message.who))
    await world.core.ingress.accept(message)
    await world.core.ingress.drain(10)
    return "\n---\n".join(posted.text for posted in world.chat.seen_by(message.who)[seen:])
