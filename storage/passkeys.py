"""Bound passkeys: public keys only, so nothing here is secret; the MAC keeps it true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.identity import LinkedIdentity
from bot.domain.passkey import Passkey, counter_went_on
from storage.authority import AuthorityRows, Values
from storage.codec import (
    identity_key,
    optional_micros,
    optional_moment,
    to_identity,
    to_micros,
    to_moment,
    words,
    words_to_json,
)
from storage.statement import Connection, Statement, deleting, inserting_once, locking, replacing
from storage.tables.consent import passkeys


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPasskey:
    """A passkey with the version of its row."""

    passkey: Passkey
    version: int


def parse(values: Mapping[str, Any]) -> StoredPasskey:
    """The passkey of a row."""
    passkey = Passkey(
        id=values["id"],
        identity=to_identity(values["identity"]),
        name=values["name"],
        public_key=values["public_key"],
        sign_count=values["sign_count"],
        transports=words(values["transports"]),
        created_at=to_moment(values["created_at"]),
        last_used_at=optional_moment(values["last_used_at"]),
        counts_from=optional_moment(values["counts_from"]),
    )
    return StoredPasskey(passkey=passkey, version=values["version"])


def _to_values(passkey: Passkey, *, version: int) -> Values:
    return {
        "id": passkey.id,
        "identity": identity_key(passkey.identity),
        "name": passkey.name,
        "public_key": passkey.public_key,
        "sign_count": passkey.sign_count,
        "transports": words_to_json(passkey.transports),
        "created_at": to_micros(passkey.created_at),
        "last_used_at": optional_micros(passkey.last_used_at),
        "version": version,
        "counts_from": optional_micros(passkey.counts_from),
    }


_INSERT = inserting_once(passkeys)
_LOCK = locking(passkeys)
_REPLACE = replacing(passkeys)
_REMOVE = deleting(passkeys)
_OF_IDENTITY = Statement(
    select(passkeys).where(passkeys.c.identity == bindparam("identity")).order_by(passkeys.c.created_at, passkeys.c.id)
)


class Passkeys:
    """See `bot.ports.consent_stores.PasskeyStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[StoredPasskey]) -> None:
        self._connection = connection
        self._rows = rows

    def insert(self, passkey: Passkey) -> bool:
        return self._connection.change(_INSERT, **self._rows.signed(_to_values(passkey, version=1))) == 1

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Passkey]:
        rows = self._connection.rows(_OF_IDENTITY, identity=identity.key)
        return [self._rows.load(row).passkey for row in rows]

    def used(self, passkey_id: str, *, sign_count: int, now: datetime) -> bool:
        row = self._connection.row(_LOCK, row=passkey_id)
        if row is None:
            return False
        stored = self._rows.load(row)
        if not counter_went_on(stored.passkey.sign_count, sign_count):
            return False
        changed = replace(stored.passkey, sign_count=sign_count, last_used_at=now)
        values = self._rows.signed(_to_values(changed, version=stored.version + 1))
        self._connection.change(_REPLACE, row=passkey_id, **values)
        return True

    def remove(self, passkey_id: str) -> bool:
        return self._connection.change(_REMOVE, row=passkey_id) == 1
