"""One sealed token cache a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, update
from sqlalchemy.dialects import postgresql

from bot.domain.identity import LinkedIdentity
from storage.codec import identity_key, to_micros
from storage.sealing import Sealer
from storage.statement import Connection, Statement, deleting, finding
from storage.tables.identity import token_caches

_LOAD = finding(token_caches)
_inserted = postgresql.insert(token_caches)
_PUT = Statement(
    _inserted.on_conflict_do_update(
        index_elements=["identity"],
        set_={
            "cache": _inserted.excluded.cache,
            "version": token_caches.c.version + 1,
            "updated_at": _inserted.excluded.updated_at,
            "held_until": _inserted.excluded.held_until,
        },
    ),
    columns=token_caches.c.keys(),
)
_SWAP = Statement(
    update(token_caches)
    .where(token_caches.c.identity == bindparam("row"), token_caches.c.version == bindparam("expected"))
    .values(cache=bindparam("sealed"), version=token_caches.c.version + 1, updated_at=bindparam("at"), held_until=0)
)
_HOLD = Statement(
    update(token_caches)
    .where(token_caches.c.identity == bindparam("row"), token_caches.c.held_until <= bindparam("at"))
    .values(held_until=bindparam("until"))
)
_RELEASE = Statement(update(token_caches).where(token_caches.c.identity == bindparam("row")).values(held_until=0))
_DESTROY = deleting(token_caches)


class Tokens:
    """See `bot.ports.stores.TokenStore`."""

    def __init__(self, connection: Connection, sealer: Sealer) -> None:
        self._connection = connection
        self._sealer = sealer

    def load(self, identity: LinkedIdentity) -> tuple[bytes, int] | None:
        """The cache and its version. Raises `IntegrityAlarm`."""
        row = self._connection.row(_LOAD, row=identity.key)
        if row is None:
            return None
        key, cache, version, _, _ = row
        return self._sealer.open(cache, table="token_caches", row=key, purpose="cache"), version

    def save(self, identity: LinkedIdentity, cache: bytes, *, expected_version: int | None, now: datetime) -> bool:
        key = identity_key(identity)
        sealed = self._sealer.seal(cache, table="token_caches", row=key, purpose="cache")
        if expected_version is None:
            at = to_micros(now)
            change = self._connection.change
            return change(_PUT, identity=key, cache=sealed, version=1, updated_at=at, held_until=0) == 1
        return self._connection.change(_SWAP, row=key, expected=expected_version, sealed=sealed, at=to_micros(now)) == 1

    def hold(self, identity: LinkedIdentity, *, now: datetime, seconds: int) -> bool:
        at = to_micros(now)
        return self._connection.change(_HOLD, row=identity.key, at=at, until=at + seconds * 1_000_000) == 1

    def release(self, identity: LinkedIdentity) -> None:
        self._connection.change(_RELEASE, row=identity.key)

    def destroy(self, identity: LinkedIdentity) -> None:
        self._connection.change(_DESTROY, row=identity.key)
