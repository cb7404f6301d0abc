"""The audit log: appended in the transaction of what it records, each record chained to the one before.

A record's hash is SHA-256 over the hash before it and the canonical form of its event. The chain alone stops nobody who
may rewrite the whole table: that takes a checkpoint kept elsewhere (`storage.merkle` has the tree head for it).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from sqlalchemy import BigInteger, ColumnElement, Integer, bindparam, func, literal, select

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from storage.codec import to_json, to_micros, to_moment, words, words_to_json
from storage.statement import Connection, Row, Statement, inserting
from storage.tables.audit import audit

GENESIS = hashlib.sha256(b"doorward audit log 1").hexdigest()
"""What the first record follows."""
CHUNK = 500

_INSERT = inserting(audit)
_HEAD = Statement(select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1))
# Held until the end of the transaction: appending transactions commit one after the other, so that no two follow the
# same record. Sound and simple; an elected sequencer behind plain inserts would carry some four times as many.
_HOLD_HEAD = Statement(select(func.pg_advisory_xact_lock(literal(0x0D00_A0D1_7061, BigInteger))))
_FROM = Statement(
    select(audit).where(audit.c.seq >= bindparam("seq")).order_by(audit.c.seq).limit(bindparam("limit", type_=Integer))
)


def to_fields(event: AuditEvent) -> dict[str, str | list[str]]:
    """The fields of an event as they are hashed and exported (DESIGN §6)."""
    return {
        "time": event.time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "type": event.type.value,
        "principal": event.principal,
        "channel": event.channel,
        "action": event.action,
        "resource": event.resource,
        "decision": event.decision,
        "rules": list(event.rules),
        "policy_hash": event.policy_hash,
        "correlation": event.correlation,
        "code": event.code,
    }


def canonical(event: AuditEvent) -> bytes:
    """The event in the JSON Canonicalization Scheme (RFC 8785)."""
    return to_json(to_fields(event)).encode()


def chained(previous: str, event: AuditEvent) -> str:
    """The hash of a record that holds `event` and follows `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(event)).hexdigest()


class AuditLog:
    """See `bot.ports.stores.AuditStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, event: AuditEvent) -> AuditRecord:
        if self._connection.concurrent:
            self._connection.row(_HOLD_HEAD)
        seq, previous = self._connection.row(_HEAD) or (0, GENESIS)
        record = AuditRecord(seq=seq + 1, event=event, previous=previous, hash=chained(previous, event))
        self._connection.change(
            _INSERT,
            seq=record.seq,
            time=to_micros(event.time),
            type=event.type,
            principal=event.principal,
            channel=event.channel,
            action=event.action,
            resource=event.resource,
            decision=event.decision,
            rules=words_to_json(event.rules),
            policy_hash=event.policy_hash,
            correlation=event.correlation,
            code=event.code,
            previous=previous,
            hash=record.hash,
        )
        return record

    def search(
        self,
        *,
        principal: str | None = None,
        type_prefix: str | None = None,
        resource: str | None = None,
        decision: str | None = None,
        correlation: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
    ) -> Sequence[AuditRecord]:
        """The latest records that match: from `since`, before `until`."""
        columns = audit.c
        exact = {"principal": principal, "resource": resource, "decision": decision, "correlation": correlation}
        wanted: list[ColumnElement[bool]] = [
            columns[name] == value for name, value in exact.items() if value is not None
        ]
        if type_prefix is not None:
            wanted.append(columns.type.startswith(type_prefix, autoescape=True))
        if since is not None:
            wanted.append(columns.time >= to_micros(since))
        if until is not None:
            wanted.append(columns.time < to_micros(until))
        found = Statement(select(audit).where(*wanted).order_by(columns.seq.desc()).limit(literal(limit, Integer)))
        return [to_record(row) for row in self._connection.rows(found)]

    def records(self, *, from_seq: int = 1) -> Iterator[AuditRecord]:
        """All records in order, read in pieces; to be used up within the transaction."""
        while rows := self._connection.rows(_FROM, seq=from_seq, limit=CHUNK):
            yield from map(to_record, rows)
            from_seq = rows[-1][0] + 1


def to_record(row: Row) -> AuditRecord:
    """The record of a row, as it stands there: `storage.audit_verification` says whether it is right."""
    (
        seq,
        time,
        kind,
        principal,
        channel,
        action,
        resource,
        decision,
        rules,
        policy,
        correlation,
        code,
        previous,
        hash_,
    ) = row
    event = AuditEvent(
        time=to_moment(time),
        type=EventType(kind),
        principal=principal,
        channel=channel,
        action=action,
        resource=resource,
        decision=decision,
        rules=words(rules),
        policy_hash=policy,
        correlation=correlation,
        code=code,
    )
    return AuditRecord(seq=seq, event=event, previous=previous, hash=hash_)
