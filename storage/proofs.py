"""Verified second factors, each spent once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import Integer, bindparam, func, select

from bot.domain.identity import LinkedIdentity
from bot.domain.proof import ConsentKind, Proof, ProofMethod
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, to_identity, to_micros, to_moment
from storage.statement import Connection, Row, Statement, inserting, locking, replacing
from storage.tables.consent import proofs

_log = structlog.get_logger(__name__)


class ProofState(StrEnum):
    """The life of a proof."""

    UNSPENT = "unspent"
    SPENT = "spent"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProof:
    """A proof and what became of it."""

    proof: Proof
    state: ProofState
    version: int


def parse(values: Mapping[str, Any]) -> StoredProof:
    """The proof of a row."""
    proof = Proof(
        id=values["id"],
        identity=to_identity(values["identity"]),
        method=ProofMethod(values["method"]),
        phishing_resistant=bool(values["phishing_resistant"]),
        kind=ConsentKind(values["kind"]),
        binding=values["binding"],
        at=to_moment(values["at"]),
        until=to_moment(values["until"]),
        src_ip=values["src_ip"],
    )
    return StoredProof(proof=proof, state=ProofState(values["state"]), version=values["version"])


def _to_values(stored: StoredProof) -> Values:
    proof = stored.proof
    return {
        "id": proof.id,
        "identity": identity_key(proof.identity),
        "method": proof.method,
        "phishing_resistant": int(proof.phishing_resistant),
        "kind": proof.kind,
        "binding": proof.binding,
        "at": to_micros(proof.at),
        "until": to_micros(proof.until),
        "src_ip": proof.src_ip,
        "state": stored.state,
        "version": stored.version,
    }


_INSERT = inserting(proofs)
_LOCK = locking(proofs)
_REPLACE = replacing(proofs)
_unspent_of = select(proofs).where(
    proofs.c.identity == bindparam("identity"), proofs.c.state == ProofState.UNSPENT.value
)
_UNSPENT = Statement(
    _unspent_of.where(proofs.c.binding == bindparam("binding"), proofs.c.until > bindparam("now"))
    .order_by(proofs.c.at.desc())
    .limit(1)
)
_ABOUT = Statement(
    select(proofs)
    .where(proofs.c.identity == bindparam("identity"), proofs.c.binding == bindparam("binding"))
    .order_by(proofs.c.at, proofs.c.id)
)
_ENDING = Statement(
    select(proofs)
    .where(
        proofs.c.state == ProofState.UNSPENT.value,
        proofs.c.until > bindparam("since"),
        proofs.c.until <= bindparam("latest"),
    )
    .order_by(proofs.c.id)
    .with_for_update()
)
_LAST = Statement(
    select(proofs)
    .where(proofs.c.identity == bindparam("identity"), proofs.c.method == bindparam("method"))
    .order_by(proofs.c.at.desc())
    .limit(1)
)
_BOUND_SO = Statement(
    _unspent_of.where(func.substr(proofs.c.binding, 1, bindparam("size", type_=Integer)) == bindparam("before"))
    .order_by(proofs.c.id)
    .with_for_update()
)
_ALL_UNSPENT = Statement(_unspent_of.order_by(proofs.c.id).with_for_update())


class Proofs:
    """See `bot.ports.stores.ProofStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[StoredProof]) -> None:
        self._connection = connection
        self._rows = rows

    def insert(self, proof: Proof) -> None:
        stored = StoredProof(proof=proof, state=ProofState.UNSPENT, version=1)
        self._connection.change(_INSERT, **self._rows.signed(_to_values(stored)))

    def unspent(self, identity: LinkedIdentity, binding: str, *, now: datetime) -> Proof | None:
        row = self._connection.row(_UNSPENT, identity=identity.key, binding=binding, now=to_micros(now))
        return None if row is None else self._rows.load(row).proof

    def about(self, identity: LinkedIdentity, binding: str) -> Sequence[Proof]:
        rows = self._connection.rows(_ABOUT, identity=identity.key, binding=binding)
        return [self._rows.load(row).proof for row in rows]

    def spend(self, proof_id: str, *, now: datetime) -> bool:
        """Whether the proof counts: unspent and in time."""
        row = self._connection.row(_LOCK, row=proof_id)
        if row is None:
            return False
        stored = self._rows.load(row)
        if stored.state is not ProofState.UNSPENT or now >= stored.proof.until:
            return False
        if stored.proof.kind is ConsentKind.PER_ACTION:
            self._store(stored, ProofState.SPENT)
        return True

    def rebind(self, identity: LinkedIdentity, before: str, after: str) -> int:
        """An altered row is left as it is: it opens nothing under either binding."""
        rows = self._connection.rows(_BOUND_SO, identity=identity.key, before=before, size=len(before))
        return sum(self._rebind(row, before, after) for row in rows)

    def _rebind(self, row: Row, before: str, after: str) -> bool:
        try:
            stored = self._rows.load(row)
        except IntegrityAlarm as alarm:
            _log.error("integrity.alarm", table="proofs", row=row[0], detail=alarm.detail)
            return False
        if stored.proof.kind is not ConsentKind.OWN_READING:
            return False
        proof = replace(stored.proof, binding=after + stored.proof.binding.removeprefix(before))
        self._store(replace(stored, proof=proof), stored.state)
        return True

    def void_all(self, identity: LinkedIdentity) -> int:
        rows = self._connection.rows(_ALL_UNSPENT, identity=identity.key)
        return sum(self._void(row) for row in rows)

    def void_between(self, since: datetime, until: datetime) -> int:
        rows = self._connection.rows(_ENDING, since=to_micros(since), latest=to_micros(until))
        return sum(self._void(row) for row in rows)

    def last_at(self, identity: LinkedIdentity, method: ProofMethod) -> datetime | None:
        row = self._connection.row(_LAST, identity=identity.key, method=method.value)
        return None if row is None else self._rows.load(row).proof.at

    def _void(self, row: Row) -> bool:
        """An altered row is denied wherever it is used, and must not keep the others alive."""
        try:
            self._store(self._rows.load(row), ProofState.VOID)
        except IntegrityAlarm as alarm:
            _log.error("integrity.alarm", table="proofs", row=row[0], detail=alarm.detail)
            return False
        return True

    def _store(self, stored: StoredProof, state: ProofState) -> None:
        changed = replace(stored, state=state, version=stored.version + 1)
        self._connection.change(_REPLACE, row=stored.proof.id, **self._rows.signed(_to_values(changed)))
