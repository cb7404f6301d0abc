"""Which process holds which keys, and the rows under each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select

from bot.ports.keys import KeyHolder, KeysHeld, Rewritten
from storage.codec import to_micros, to_moment, words, words_to_json
from storage.crypto import Keyring
from storage.rekeying import Rekeying, kept_tables
from storage.sealing import Sealer
from storage.statement import Connection, Statement, deleting, upserting
from storage.tables.keys import key_holders

FORGOTTEN = timedelta(days=1)

_REPORT = upserting(key_holders)
_LEAVE = deleting(key_holders)
_SINCE = Statement(select(key_holders).where(key_holders.c.seen_at > bindparam("since")).order_by(key_holders.c.holder))
_FORGET = Statement(delete(key_holders).where(key_holders.c.seen_at < bindparam("before")))


class KeyUse:
    """See `bot.ports.keys.KeyUseStore`."""

    def __init__(self, connection: Connection, keys: Keyring, sealer: Sealer) -> None:
        self._connection = connection
        self._rekeying = Rekeying(connection, keys, sealer)

    def report(self, name: str, held: KeysHeld, *, now: datetime) -> None:
        reads, writes = words_to_json(sorted(held.reads)), words_to_json(sorted(held.writes))
        self._connection.change(_REPORT, holder=name, reads=reads, writes=writes, seen_at=to_micros(now))
        self._connection.change(_FORGET, before=to_micros(now - FORGOTTEN))

    def leave(self, name: str) -> None:
        self._connection.change(_LEAVE, row=name)

    def holders(self, *, since: datetime) -> Sequence[KeyHolder]:
        return [
            KeyHolder(
                name=name,
                held=KeysHeld(reads=frozenset(words(reads)), writes=frozenset(words(writes))),
                seen_at=to_moment(seen_at),
            )
            for name, reads, writes, seen_at in self._connection.rows(_SINCE, since=to_micros(since))
        ]

    def tables(self) -> Sequence[str]:
        return [table.name for table in kept_tables()]

    def older(self, table: str) -> int:
        return self._rekeying.older(table)

    def rewrite(self, table: str, after: str | int | None, *, limit: int) -> Rewritten:
        return self._rekeying.rewrite(table, after, limit=limit)

    def use(self) -> Mapping[str, int]:
        return self._rekeying.use()
