"""The way into the demo system: grant first, then the deadline, then the work; each write once per idempotency key."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_json

from adapters.connectors.deadline import answered
from adapters.connectors.demo.database import DemoDatabase
from adapters.connectors.demo.faults import Faults
from bot.domain.action import ResourceRef
from bot.domain.grant import Grant
from bot.ports.clock import Clock
from bot.ports.connectors import (
    Call,
    Conflict,
    ConflictReason,
    ConnectorUnavailable,
    Forbidden,
    Invalid,
    Reconciliation,
    Unsupported,
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One call inside the system: the connection, who acts, what the grant reaches, and when."""

    connection: sqlite3.Connection
    resource: ResourceRef
    employee: str | None
    expected_version: str | None
    now: datetime

    @property
    def today(self) -> date:
        """The day of the call."""
        return self.now.date()

    def expect_version(self, version: int) -> None:
        """Raises `Conflict(STALE)` when the caller has seen another version."""
        if self.expected_version is not None and self.expected_version != str(version):
            raise Conflict(ConflictReason.STALE)


class Gate:
    """Verifies the grant, keeps the deadline, runs the work in the database and remembers writes."""

    def __init__(
        self, *, database: DemoDatabase, verify: Callable[[Grant, str], None], clock: Clock, faults: Faults
    ) -> None:
        self._database = database
        self._verify = verify
        self._clock = clock
        self._faults = faults

    async def read(self, grant: Grant, call: Call, operation: str, work: Callable[[Visit], Answer]) -> Answer:
        """The answer of a read. Raises `NotAllowed`, `Forbidden`, `ConnectorUnavailable` and what `work` raises."""
        self._admit(grant, call, operation)
        now = self._clock.now()

        async def send() -> Answer:
            await self._faults.before()
            return await self._database.read(lambda connection: work(_visit(connection, grant, call, now)))

        return await answered(send, deadline=call.deadline, now=now, write=False)

    async def write(
        self,
        grant: Grant,
        call: Call,
        operation: str,
        kind: type[Answer],
        values: tuple[object, ...],
        work: Callable[[Visit], Answer],
    ) -> Answer:
        """The answer of a write, done once for (actor, operation, idempotency key); a repeat gets the first answer.

        What was signed is what is done: every argument of the grant's action is one of `values`.
        Raises `NotAllowed`, `Forbidden`, `Invalid("idempotency_key")` when there is none or it stood for other values,
        `ConnectorUnavailable`, `OutcomeUnknown` and what `work` raises.
        """
        self._admit(grant, call, operation)
        _expect_granted(grant, values)
        if not call.idempotency_key:
            raise Invalid("idempotency_key", "a write needs one")
        now = self._clock.now()
        entry = _Entry(actor=call.subject, operation=operation, key=call.idempotency_key, digest=_digest(values))

        async def send() -> Answer:
            await self._faults.before()
            answer = await self._database.write(
                lambda connection: _once(_visit(connection, grant, call, now), entry, kind, work)
            )
            self._faults.after_write()
            return answer

        return await answered(send, deadline=call.deadline, now=now, write=True)

    async def reconcile(self, grant: Grant, call: Call) -> Reconciliation:
        """Whether a write with this key was done by this person. Raises `NotAllowed`, `Invalid("idempotency_key")`."""
        if not call.idempotency_key:
            raise Invalid("idempotency_key", "nothing to look for")
        self._admit(grant, call, "reconcile")
        sought = (call.subject, call.idempotency_key)

        def look_up(connection: sqlite3.Connection) -> Reconciliation:
            found = connection.execute("SELECT 1 FROM done WHERE actor = ? AND idempotency_key = ?", sought)
            return Reconciliation.DONE if found.fetchone() else Reconciliation.ABSENT

        async def send() -> Reconciliation:
            await self._faults.before()
            # In the order of writes: behind one that may still be under way.
            return await self._database.write(look_up)

        try:
            return await answered(send, deadline=call.deadline, now=self._clock.now(), write=False)
        except ConnectorUnavailable:
            return Reconciliation.UNKNOWN

    def unsupported(self, grant: Grant, call: Call, operation: str) -> Unsupported:
        """What to raise for an operation this system does not have. Raises `NotAllowed` first."""
        self._admit(grant, call, operation)
        return Unsupported(operation)

    def _admit(self, grant: Grant, call: Call, operation: str) -> None:
        self._verify(grant, operation)
        if call.subject != grant.identity.key or call.employee != grant.employee:
            raise Forbidden("the call names another person than its grant")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """The row that makes a write happen once."""

    actor: str
    operation: str
    key: str
    digest: str


def _expect_granted(grant: Grant, values: tuple[object, ...]) -> None:
    """Every argument that was signed is among the values of the call. Raises `Forbidden`."""
    signed = {name: str(value) for name, value in grant.action.arguments.items() if value not in ("", None)}
    given = set(_leaves(json.loads(to_json(values)))) if signed else set()
    other = sorted(name for name, value in signed.items() if value not in given)
    if other:
        raise Forbidden(f"the call has other values than its grant for {', '.join(other)}")


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    else:
        yield str(value)


def _visit(connection: sqlite3.Connection, grant: Grant, call: Call, now: datetime) -> Visit:
    return Visit(
        connection=connection,
        resource=grant.action.resource,
        employee=call.employee,
        expected_version=call.expected_version,
        now=now,
    )


def _digest(values: tuple[object, ...]) -> str:
    return hashlib.sha256(to_json(values)).hexdigest()


def _once(visit: Visit, entry: _Entry, kind: type[Answer], work: Callable[[Visit], Answer]) -> Answer:
    row = visit.connection.execute(
        "SELECT request_digest, answer FROM done WHERE actor = ? AND operation = ? AND idempotency_key = ?",
        (entry.actor, entry.operation, entry.key),
    ).fetchone()
    if row is not None:
        if row["request_digest"] != entry.digest:
            raise Invalid("idempotency_key", "it stood for other values")
        first: Answer = _codec(kind).validate_json(row["answer"])
        return first
    answer = work(visit)
    visit.connection.execute(
        "INSERT INTO done VALUES (?, ?, ?, ?, ?, ?)",
        (
            entry.actor,
            entry.operation,
            entry.key,
            entry.digest,
            _codec(kind).dump_json(answer).decode(),
            visit.now.isoformat(),
        ),
    )
    return answer


_codec: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)
"""How answers of a type are kept for repeats."""
