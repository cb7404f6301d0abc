"""Canonical actions waiting for their person's consent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import structlog
from sqlalchemy import bindparam, select

from bot.domain.identity import LinkedIdentity
from bot.domain.proposal import Proposal, ProposalState
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows
from storage.codec import Packed, identity_key, to_micros
from storage.crypto import Keyring
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, finding, inserting, locking, replacing
from storage.tables.consent import proposals

_log = structlog.get_logger(__name__)
_proposals = Packed(Proposal)
KEPT_OPEN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProposal:
    """The row of a proposal: what changes stands open, the rest is sealed."""

    id: str
    identity: str
    digest: str
    payload: bytes
    confirmed: bool
    state: ProposalState
    until: int
    version: int


def parse(values: Mapping[str, Any]) -> StoredProposal:
    """The row by name."""
    return StoredProposal(
        id=values["id"],
        identity=values["identity"],
        digest=values["digest"],
        payload=values["payload"],
        confirmed=bool(values["confirmed"]),
        state=ProposalState(values["state"]),
        until=values["until"],
        version=values["version"],
    )


_INSERT = inserting(proposals)
_FIND = finding(proposals)
_LOCK = locking(proposals)
_REPLACE = replacing(proposals)
_WAITING_OF = Statement(
    select(proposals)
    .where(proposals.c.identity == bindparam("identity"), proposals.c.state == ProposalState.WAITING.value)
    .order_by(proposals.c.id)
    .with_for_update()
)


class Opening:
    """Opens what is sealed of proposals, and keeps the last ones by all that is sealed: one is read several times while
    its consent is given. Of an older generation of keys nothing is kept (see `AuthorityRows`).
    """

    def __init__(self, keys: Keyring, sealer: Sealer) -> None:
        self._keys = keys
        self._sealer = sealer
        self._kept = lru_cache(maxsize=KEPT_OPEN)(self._open)

    def __call__(self, stored: StoredProposal) -> Proposal:
        """What was proposed. Raises `IntegrityAlarm`, also where the digest is not that of the sealed action."""
        proposal = self._kept(self._keys.generation, stored.id, stored.payload)
        if not stored.digest == proposal.digest == proposal.action.digest:
            raise IntegrityAlarm("a proposal's digest is not that of its action")
        return replace(proposal, confirmed=stored.confirmed, state=stored.state)

    def _open(self, generation: int, row: str, payload: bytes) -> Proposal:
        return _proposals.unpack(self._sealer.open(payload, table="proposals", row=row, purpose="payload"))


class Proposals:
    """See `bot.ports.stores.ProposalStore`."""

    def __init__(
        self, connection: Connection, sealer: Sealer, rows: AuthorityRows[StoredProposal], opening: Opening
    ) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rows = rows
        self._opening = opening

    def insert(self, proposal: Proposal) -> None:
        payload = self._sealer.seal(_proposals.pack(proposal), table="proposals", row=proposal.id, purpose="payload")
        stored = StoredProposal(
            id=proposal.id,
            identity=identity_key(proposal.identity),
            digest=proposal.digest,
            payload=payload,
            confirmed=proposal.confirmed,
            state=proposal.state,
            until=to_micros(proposal.until),
            version=1,
        )
        self._connection.change(_INSERT, **self._signed(stored))

    def find(self, proposal_id: str) -> Proposal | None:
        """By id. Raises `IntegrityAlarm`, also where the digest is not that of the sealed action."""
        row = self._connection.row(_FIND, row=proposal_id)
        return None if row is None else self._opening(self._rows.load(row))

    def confirm(self, proposal_id: str) -> None:
        """Note the confirmation; nothing happens to a proposal that no longer waits."""
        row = self._connection.row(_LOCK, row=proposal_id)
        if row is not None:
            stored = self._rows.load(row)
            if stored.state is ProposalState.WAITING:
                self._store(replace(stored, confirmed=True))

    def finish(self, proposal_id: str, state: ProposalState) -> bool:
        row = self._connection.row(_LOCK, row=proposal_id)
        return row is not None and self._finish(row, state)

    def void_all(self, identity: LinkedIdentity, *, but: Collection[str] = ()) -> int:
        rows = self._connection.rows(_WAITING_OF, identity=identity.key)
        return sum(self._void(row) for row in rows if row[0] not in but)

    def _void(self, row: Row) -> bool:
        """An altered row is denied wherever it is used, and must not keep the others alive."""
        try:
            return self._finish(row, ProposalState.VOID)
        except IntegrityAlarm as alarm:
            _log.error("integrity.alarm", table="proposals", row=row[0], detail=alarm.detail)
            return False

    def _finish(self, row: Row, state: ProposalState) -> bool:
        stored = self._rows.load(row)
        if stored.state is not ProposalState.WAITING:
            return False
        self._store(replace(stored, state=state))
        return True

    def _store(self, changed: StoredProposal) -> None:
        stored = replace(changed, version=changed.version + 1)
        self._connection.change(_REPLACE, row=stored.id, **self._signed(stored))

    def _signed(self, stored: StoredProposal) -> dict[str, str | int | bytes | None]:
        return self._rows.signed(
            {
                "id": stored.id,
                "identity": stored.identity,
                "digest": stored.digest,
                "payload": stored.payload,
                "confirmed": int(stored.confirmed),
                "state": stored.state,
                "until": stored.until,
                "version": stored.version,
            }
        )
