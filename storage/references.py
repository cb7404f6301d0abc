"""Conversation references, sealed and bound to whose they are: moved to another row, none opens."""

from __future__ import annotations

from datetime import datetime

from bot.domain.reference import ConversationReference
from storage.codec import Packed, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, deleting, finding, upserting
from storage.tables.references import references

TABLE, PURPOSE = "conversation_references", "reference"
_packed = Packed(ConversationReference)

_PUT = upserting(references)
_FIND = finding(references)
_REMOVE = deleting(references)


class References:
    """See `bot.ports.references.ReferenceStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(self, reference: ConversationReference, *, now: datetime) -> None:
        sealed = self._sealer.seal(_packed.pack(reference), table=TABLE, row=reference.of, purpose=PURPOSE)
        self._connection.change(_PUT, of=reference.of, reference=sealed, noted_at=to_micros(now))

    def find(self, of: str) -> ConversationReference | None:
        row = self._connection.row(_FIND, row=of)
        if row is None:
            return None
        return _packed.unpack(self._sealer.open(row[1], table=TABLE, row=of, purpose=PURPOSE))

    def remove(self, of: str) -> bool:
        return self._connection.change(_REMOVE, row=of) == 1
