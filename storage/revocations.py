"""Token caches that are out of use here, kept sealed until their provider has revoked them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Integer, bindparam, func, select, update

from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.errors import IntegrityAlarm
from bot.ports.keys import Revocation
from storage.codec import channel_key, identity_key, to_channel, to_identity, to_json, to_micros, to_moment
from storage.sealing import Sealer
from storage.statement import Connection, Statement, deleting, inserting
from storage.tables.keys import revocations

ID_BYTES = 12
AT_ONCE = 0
_log = structlog.get_logger(__name__)

_PUT = inserting(revocations)
_due = (
    select(revocations.c.id)
    .where(revocations.c.due_at <= bindparam("now"))
    .order_by(revocations.c.due_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
)
_CLAIM = Statement(
    update(revocations)
    .where(revocations.c.id.in_(_due))
    .values(
        due_at=bindparam("until"),
        attempts=revocations.c.attempts + 1,
        first_at=func.coalesce(revocations.c.first_at, bindparam("at", type_=revocations.c.due_at.type)),
    )
    .returning(*revocations.c)
)
_RETRY = Statement(update(revocations).where(revocations.c.id == bindparam("row")).values(due_at=bindparam("at")))
_DONE = deleting(revocations)
_WAITING = Statement(select(func.count()).select_from(revocations))


def bound(values: Mapping[str, Any]) -> str:
    """Whose token it is, where it goes and what for are bound in: no edit sends it elsewhere, or ends more by it."""
    told = [values["id"], values["identity"], values["provider"]]
    return to_json(told if values["asked_by"] is None else [*told, values["asked_by"]])


class Revocations:
    """See `bot.ports.keys.RevocationStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def put(
        self, identity: LinkedIdentity, provider: str, token_cache: bytes, *, asked_by: ChannelIdentity | None = None
    ) -> None:
        place = {
            "id": secrets.token_hex(ID_BYTES),
            "identity": identity_key(identity),
            "provider": provider,
            "asked_by": None if asked_by is None else channel_key(asked_by),
        }
        sealed = self._sealer.seal(token_cache, table="revocations", row=bound(place), purpose="cache")
        self._connection.change(_PUT, **place, cache=sealed, attempts=0, first_at=None, due_at=AT_ONCE)

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[Revocation]:
        at = to_micros(now)
        rows = self._connection.rows(_CLAIM, now=at, until=at + lease_seconds * 1_000_000, at=at, limit=limit)
        claimed = []
        for row in rows:
            values = dict(zip(revocations.c.keys(), row, strict=True))
            try:
                claimed.append(self._opened(values))
            except IntegrityAlarm as alarm:
                # It is sent nowhere, and must not hold up the others.
                _log.error("integrity.alarm", table="revocations", row=values["id"], detail=alarm.detail)
        return claimed

    def retry(self, revocation_id: str, *, at: datetime) -> None:
        self._connection.change(_RETRY, row=revocation_id, at=to_micros(at))

    def done(self, revocation_id: str) -> None:
        self._connection.change(_DONE, row=revocation_id)

    def waiting(self) -> int:
        row = self._connection.row(_WAITING)
        return 0 if row is None else int(row[0])

    def _opened(self, values: Mapping[str, Any]) -> Revocation:
        cache = self._sealer.open(values["cache"], table="revocations", row=bound(values), purpose="cache")
        return Revocation(
            id=values["id"],
            identity=to_identity(values["identity"]),
            provider=values["provider"],
            token_cache=cache,
            attempts=values["attempts"],
            first_at=to_moment(values["first_at"]),
            asked_by=None if values["asked_by"] is None else to_channel(values["asked_by"]),
        )
