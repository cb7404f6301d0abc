"""Recovery codes: only their keyed hashes are stored, bound to their person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from bot.domain.identity import LinkedIdentity
from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, optional_micros, optional_moment, to_identity, to_json, to_micros, to_moment
from storage.crypto import Keyring, Purpose
from storage.statement import Connection, Statement, inserting, locking, replacing
from storage.tables.consent import recovery_codes


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecoveryCode:
    """A recovery code as it is kept."""

    id: str
    identity: LinkedIdentity
    created_at: datetime
    used_at: datetime | None
    version: int


def parse(values: Mapping[str, Any]) -> StoredRecoveryCode:
    """The code of a row."""
    return StoredRecoveryCode(
        id=values["id"],
        identity=to_identity(values["identity"]),
        created_at=to_moment(values["created_at"]),
        used_at=optional_moment(values["used_at"]),
        version=values["version"],
    )


def _to_values(code: StoredRecoveryCode) -> Values:
    return {
        "id": code.id,
        "identity": identity_key(code.identity),
        "created_at": to_micros(code.created_at),
        "used_at": optional_micros(code.used_at),
        "version": code.version,
    }


_INSERT = inserting(recovery_codes)
_LOCK = locking(recovery_codes)
_REPLACE = replacing(recovery_codes)
_OF_IDENTITY = Statement(select(recovery_codes).where(recovery_codes.c.identity == bindparam("identity")))
_FORGET = Statement(
    delete(recovery_codes).where(recovery_codes.c.identity == bindparam("identity")).returning(recovery_codes.c.id)
)


class RecoveryCodes:
    """See `bot.ports.consent_stores.RecoveryCodeStore`."""

    def __init__(self, connection: Connection, keys: Keyring, rows: AuthorityRows[StoredRecoveryCode]) -> None:
        self._connection = connection
        self._keys = keys
        self._rows = rows

    def renew(self, identity: LinkedIdentity, codes: Sequence[str], *, now: datetime) -> None:
        self.forget(identity)
        for code in codes:
            stored_id = self._keys.hashed(Purpose.PEPPER, _bound(identity, code))
            stored = StoredRecoveryCode(id=stored_id, identity=identity, created_at=now, used_at=None, version=1)
            self._connection.change(_INSERT, **self._rows.signed(_to_values(stored)))

    def left(self, identity: LinkedIdentity) -> int:
        rows = self._connection.rows(_OF_IDENTITY, identity=identity.key)
        return sum(self._rows.load(row).used_at is None for row in rows)

    def spend(self, identity: LinkedIdentity, code: str, *, now: datetime, since: datetime | None = None) -> bool:
        for stored_id in self._keys.hashes(Purpose.PEPPER, _bound(identity, code)):
            row = self._connection.row(_LOCK, row=stored_id)
            if row is not None:
                stored = self._rows.load(row)
                if since is not None and stored.created_at < since:
                    raise IntegrityAlarm("a recovery code that was taken back is there again")
                return self._use(stored, identity, now)
        return False

    def forget(self, identity: LinkedIdentity) -> int:
        return len(self._connection.rows(_FORGET, identity=identity.key))

    def _use(self, stored: StoredRecoveryCode, identity: LinkedIdentity, now: datetime) -> bool:
        if stored.used_at is not None or stored.identity != identity:
            return False
        used = replace(stored, used_at=now, version=stored.version + 1)
        self._connection.change(_REPLACE, row=stored.id, **self._rows.signed(_to_values(used)))
        return True


def _bound(identity: LinkedIdentity, code: str) -> str:
    """Under the pepper nothing else has this form, and one person's code is nobody else's."""
    return to_json(["recovery code", identity_key(identity), code])
