"""The audit log: appended in the transaction of what it records, each record chained to the one before.

A record's hash is SHA-256 over the hash before it and the canonical form of its event. The chain alone stops nobody who
may rewrite the whole table: that takes a checkpoint kept elsewhere (`storage.merkle` has the tree head for it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import BigInteger, ColumnElement, Integer, Table, bindparam, func, literal, select

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from storage.codec import to_json, to_micros, to_moment, words, words_to_json
from storage.journal import fingerprinted, name_of
from storage.statement import Connection, Row, Statement, inserting
from storage.tables.audit import audit
from storage.tables.everything import metadata

GENESIS = hashlib.sha256(b"doorward audit log 1").hexdigest()
"""What the first record follows."""
CHUNK = 500

_INSERT = inserting(audit)
_HEAD = Statement(select(audit.c.seq, audit.c.hash, audit.c.time).order_by(audit.c.seq.desc()).limit(1))
# Held until the end of the transaction: appending transactions commit one after the other, so that no two follow the
# same record. Sound and simple; an elected sequencer behind plain inserts would carry some four times as many.
_HOLD_HEAD = Statement(select(func.pg_advisory_xact_lock(literal(0x0D00_A0D1_7061, BigInteger))))
_FROM = Statement(
    select(audit).where(audit.c.seq >= bindparam("seq")).order_by(audit.c.seq).limit(bindparam("limit", type_=Integer))
)


def to_fields(event: AuditEvent) -> dict[str, str | list[str]]:
    """The fields of an event as they are hashed and exported (DESIGN §6)."""
    fields: dict[str, str | list[str]] = {
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
    if event.digest:
        # Left out where it is empty, so that records from before there was one keep their hash.
        fields["digest"] = event.digest
    return fields


def canonical(event: AuditEvent, state: Mapping[str, str] | None = None) -> bytes:
    """The event, and the state written with it, in the JSON Canonicalization Scheme (RFC 8785)."""
    fields: dict[str, object] = {**to_fields(event)}
    if state:
        fields["state"] = dict(state)
    return to_json(fields).encode()


def chained(previous: str, event: AuditEvent, state: Mapping[str, str] | None = None) -> str:
    """The hash of a record that holds `event` and `state` and follows `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(event, state)).hexdigest()


class AuditLog:
    """See `bot.ports.stores.AuditStore`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, event: AuditEvent) -> AuditRecord:
        if self._connection.concurrent:
            self._connection.row(_HOLD_HEAD)
        seq, previous, _ = self._connection.row(_HEAD) or (0, GENESIS, 0)
        state = self._connection.journal.take()
        record = AuditRecord(
            seq=seq + 1, event=event, previous=previous, hash=chained(previous, event, state), state=state
        )
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
            state=to_json(state) if state else "",
            digest=event.digest,
        )
        return record

    def settle(self) -> None:
        """Tell what changed with no event of its own. The time is that of the record before: storage has no clock."""
        if self._connection.concurrent:
            self._connection.row(_HOLD_HEAD)
        _, _, time = self._connection.row(_HEAD) or (0, GENESIS, 0)
        self.append(AuditEvent(time=to_moment(time), type=EventType.STATE_CHANGED, channel="storage"))

    def state(self) -> Iterator[tuple[str, str]]:
        """Every row that carries authority as it stands there: its name in the log, and its fingerprint."""
        for table in metadata.sorted_tables:
            if "mac" in table.c:
                yield from self._rows_of(table)

    def _rows_of(self, table: Table) -> Iterator[tuple[str, str]]:
        (key,) = table.primary_key
        names, of, after = table.c.keys(), fingerprinted(table), ""
        following = Statement(
            select(table).where(key > bindparam("after")).order_by(key).limit(bindparam("limit", type_=Integer))
        )
        at = names.index(key.name)
        while rows := self._connection.rows(following, after=after, limit=CHUNK):
            yield from ((name_of(table, row[at]), of(dict(zip(names, row, strict=True)))) for row in rows)
            after = rows[-1][at]

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
        before: int | None = None,
        limit: int = 50,
    ) -> Sequence[AuditRecord]:
        """The latest records that match: from `since`, before `until`, numbered lower than `before`."""
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
        if before is not None:
            wanted.append(columns.seq < before)
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
        state,
        digest,
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
        digest=digest or "",  # of before there was one
    )
    return AuditRecord(
        seq=seq, event=event, previous=previous, hash=hash_, state=dict(json.loads(state)) if state else {}
    )
