"""What was asked of others, and their consents while they do not suffice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.approval import Approval, AskedRequest, RequestState
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows
from storage.codec import Packed, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, finding, inserting, locking, replacing, upserting
from storage.tables.approvals import approvals, asked_requests

GIVEN = "given"
_requests = Packed(AskedRequest)
_approvals = Packed(Approval)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """The row of a request: what is searched for stands open, the rest is sealed."""

    about: str
    owner: str
    state: str
    until: int
    payload: bytes
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredApproval:
    """The row of a consent."""

    id: str
    about: str
    facts_version: str
    employee: str
    state: str
    at: int
    payload: bytes
    version: int


def parse_request(values: Mapping[str, Any]) -> StoredRequest:
    """The row by name."""
    return StoredRequest(**{name: values[name] for name in StoredRequest.__slots__})


def parse_approval(values: Mapping[str, Any]) -> StoredApproval:
    """The row by name."""
    return StoredApproval(**{name: values[name] for name in StoredApproval.__slots__})


_PUT = upserting(asked_requests)
_FIND = finding(asked_requests)
_LOCK = locking(asked_requests)
_OPEN = Statement(
    select(asked_requests)
    .where(asked_requests.c.state == RequestState.OPEN.value)
    .order_by(asked_requests.c.until, asked_requests.c.about)
    .limit(bindparam("most"))
)
_OF_OWNER = Statement(
    select(asked_requests).where(asked_requests.c.owner == bindparam("of_owner")).order_by(asked_requests.c.about)
)
_GIVE = inserting(approvals)
_REPLACE = replacing(approvals)
_GIVEN = Statement(
    select(approvals)
    .where(
        approvals.c.about == bindparam("on"),
        approvals.c.facts_version == bindparam("of_version"),
        approvals.c.state == GIVEN,
    )
    .order_by(approvals.c.at, approvals.c.id)
)
_ALL_GIVEN = Statement(
    select(approvals)
    .where(approvals.c.about == bindparam("on"), approvals.c.state == GIVEN)
    .order_by(approvals.c.id)
    .with_for_update()
)


class Approvals:
    """See `bot.ports.approval_stores.ApprovalStore`."""

    def __init__(
        self,
        connection: Connection,
        sealer: Sealer,
        requests: AuthorityRows[StoredRequest],
        rows: AuthorityRows[StoredApproval],
    ) -> None:
        self._connection = connection
        self._sealer = sealer
        self._requests = requests
        self._rows = rows

    def ask(self, asked: AskedRequest) -> None:
        before = self._connection.row(_LOCK, row=asked.about)
        version = 1 if before is None else self._requests.load(before).version + 1
        payload = self._sealer.seal(_requests.pack(asked), table="asked_requests", row=asked.about, purpose="payload")
        row = self._requests.signed(
            {
                "about": asked.about,
                "owner": asked.request.owner,
                "state": asked.state,
                "until": to_micros(asked.until),
                "payload": payload,
                "version": version,
            }
        )
        self._connection.change(_PUT, **row)

    def asked(self, about: str) -> AskedRequest | None:
        row = self._connection.row(_FIND, row=about)
        return None if row is None else self._request(row)

    def hold(self, about: str) -> AskedRequest | None:
        row = self._connection.row(_LOCK, row=about)
        return None if row is None else self._request(row)

    def open(self, *, limit: int) -> Sequence[AskedRequest]:
        return [self._request(row) for row in self._connection.rows(_OPEN, most=limit)]

    def of_owner(self, owner: str) -> Sequence[AskedRequest]:
        return [self._request(row) for row in self._connection.rows(_OF_OWNER, of_owner=owner)]

    def give(self, approval: Approval) -> None:
        payload = self._sealer.seal(_approvals.pack(approval), table="approvals", row=approval.id, purpose="payload")
        stored = StoredApproval(
            id=approval.id,
            about=approval.about,
            facts_version=approval.facts_version,
            employee=approval.employee,
            state=GIVEN,
            at=to_micros(approval.at),
            payload=payload,
            version=1,
        )
        self._connection.change(_GIVE, **self._signed(stored))

    def given(self, about: str, facts_version: str) -> Sequence[Approval]:
        rows = self._connection.rows(_GIVEN, on=about, of_version=facts_version)
        return [self._approval(row) for row in rows]

    def close(self, about: str, state: str) -> int:
        rows = [self._rows.load(row) for row in self._connection.rows(_ALL_GIVEN, on=about)]
        for stored in rows:
            changed = replace(stored, state=state, version=stored.version + 1)
            self._connection.change(_REPLACE, row=stored.id, **self._signed(changed))
        return len(rows)

    def _request(self, row: Row) -> AskedRequest:
        stored = self._requests.load(row)
        packed = self._sealer.open(stored.payload, table="asked_requests", row=stored.about, purpose="payload")
        return _requests.unpack(packed)

    def _approval(self, row: Row) -> Approval:
        stored = self._rows.load(row)
        packed = self._sealer.open(stored.payload, table="approvals", row=stored.id, purpose="payload")
        approval = _approvals.unpack(packed)
        told = (approval.about, approval.facts_version, approval.employee)
        if told != (stored.about, stored.facts_version, stored.employee):
            raise IntegrityAlarm("an approval's columns are not those of its content")
        return approval

    def _signed(self, stored: StoredApproval) -> dict[str, str | int | bytes | None]:
        return self._rows.signed({name: getattr(stored, name) for name in StoredApproval.__slots__})
