"""Claims challenges, sealed and bound to whose they are and how long they hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete

from bot.domain.challenge import Challenge
from storage.codec import Packed, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Statement, deleting, finding, upserting
from storage.tables.challenges import claims_challenges

TABLE, PURPOSE = "claims_challenges", "payload"
_packed = Packed(Challenge)

_PUT = upserting(claims_challenges)
_FIND = finding(claims_challenges)
_DROP = deleting(claims_challenges)
_LATE = Statement(delete(claims_challenges).where(claims_challenges.c.until <= bindparam("now")))


def bound(values: Mapping[str, Any]) -> str:
    """What a row's payload is bound to."""
    return f"{values['until']}|{values['of']}"


class Challenges:
    """See `bot.ports.challenges.ChallengeStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(self, of: str, challenge: Challenge) -> None:
        micros = to_micros(challenge.until)
        sealed = self._sealer.seal(_packed.pack(challenge), table=TABLE, row=f"{micros}|{of}", purpose=PURPOSE)
        self._connection.change(_PUT, of=of, payload=sealed, until=micros)

    def find(self, of: str, *, now: datetime) -> Challenge | None:
        row = self._connection.row(_FIND, row=of)
        if row is None or row[2] <= to_micros(now):
            return None
        return _packed.unpack(self._sealer.open(row[1], table=TABLE, row=f"{row[2]}|{of}", purpose=PURPOSE))

    def drop(self, of: str) -> None:
        self._connection.change(_DROP, row=of)

    def sweep(self, now: datetime) -> int:
        return self._connection.change(_LATE, now=to_micros(now))
