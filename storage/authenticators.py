"""Bound authenticators with their sealed shared secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.identity import LinkedIdentity
from bot.domain.proof import Authenticator, ProofMethod
from bot.domain.totp import MAX_CONSECUTIVE_FAILURES
from bot.errors import Stale
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, optional_micros, optional_moment, to_identity, to_micros, to_moment
from storage.sealing import Sealer
from storage.statement import ALONE, Connection, Statement, deleting, finding, inserting, key_of, locking, replacing
from storage.tables.consent import authenticators


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAuthenticator:
    """An authenticator with its sealed seed."""

    authenticator: Authenticator
    seed: bytes
    version: int


def parse(values: Mapping[str, Any]) -> StoredAuthenticator:
    """The authenticator of a row."""
    authenticator = Authenticator(
        id=values["id"],
        identity=to_identity(values["identity"]),
        method=ProofMethod(values["method"]),
        name=values["name"],
        created_at=to_moment(values["created_at"]),
        confirmed_at=optional_moment(values["confirmed_at"]),
        last_step=values["last_step"],
        failures=values["failures"],
        disabled=bool(values["disabled"]),
        counts_from=optional_moment(values["counts_from"]),
        chat_failures=values["chat_failures"] or 0,
    )
    return StoredAuthenticator(authenticator=authenticator, seed=values["seed"], version=values["version"])


def _to_values(stored: StoredAuthenticator) -> Values:
    authenticator = stored.authenticator
    return {
        "id": authenticator.id,
        "identity": identity_key(authenticator.identity),
        "method": authenticator.method,
        "name": authenticator.name,
        "seed": stored.seed,
        "created_at": to_micros(authenticator.created_at),
        "confirmed_at": optional_micros(authenticator.confirmed_at),
        "last_step": authenticator.last_step,
        "failures": authenticator.failures,
        "disabled": int(authenticator.disabled),
        "version": stored.version,
        "counts_from": optional_micros(authenticator.counts_from),
        "chat_failures": authenticator.chat_failures or None,
    }


_INSERT = inserting(authenticators)
_FIND = finding(authenticators)
_LOCK = locking(authenticators)
_REPLACE = replacing(authenticators)
_REMOVE = deleting(authenticators)
_OF_IDENTITY = Statement(
    select(authenticators)
    .where(authenticators.c.identity == bindparam("identity"))
    .order_by(authenticators.c.created_at, authenticators.c.id)
)


class Authenticators:
    """See `bot.ports.stores.AuthenticatorStore`."""

    def __init__(self, connection: Connection, sealer: Sealer, rows: AuthorityRows[StoredAuthenticator]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rows = rows

    def hold(self, identity: LinkedIdentity) -> None:
        if self._connection.concurrent:
            self._connection.row(ALONE, key=key_of("factors", identity.key))

    def insert(self, authenticator: Authenticator, seed: str) -> None:
        sealed = self._sealer.seal(seed.encode(), table="authenticators", row=_bound(authenticator), purpose="seed")
        stored = StoredAuthenticator(authenticator=authenticator, seed=sealed, version=1)
        self._connection.change(_INSERT, **self._rows.signed(_to_values(stored)))

    def of_identity(self, identity: LinkedIdentity) -> Sequence[Authenticator]:
        rows = self._connection.rows(_OF_IDENTITY, identity=identity.key)
        return [self._rows.load(row).authenticator for row in rows]

    def seed(self, authenticator_id: str) -> str:
        """The shared secret. Raises `IntegrityAlarm`; `Stale` when the authenticator is gone."""
        stored = self._stored(_FIND, authenticator_id)
        row = _bound(stored.authenticator)
        return self._sealer.open(stored.seed, table="authenticators", row=row, purpose="seed").decode()

    def count_attempt(self, authenticator_id: str, *, from_chat: bool = False) -> Authenticator:
        """Count a failure; the row as it is then. Raises `Stale` when the authenticator is gone."""
        stored = self._stored(_LOCK, authenticator_id)
        failures = stored.authenticator.failures + 1
        disabled = stored.authenticator.disabled or failures >= MAX_CONSECUTIVE_FAILURES
        chat_failures = stored.authenticator.chat_failures + from_chat
        counted = replace(stored.authenticator, failures=failures, disabled=disabled, chat_failures=chat_failures)
        return self._store(stored, counted)

    def accept(self, authenticator_id: str, *, step: int, now: datetime, counts_from: datetime | None = None) -> bool:
        """Whether the step is later than the last one and the authenticator in use. Raises `Stale` when it is gone."""
        stored = self._stored(_LOCK, authenticator_id)
        present = stored.authenticator
        if present.disabled or step <= present.last_step:
            return False
        changed = replace(present, last_step=step, failures=0, chat_failures=0)
        if present.confirmed_at is None:
            changed = replace(changed, confirmed_at=now, counts_from=counts_from)
        self._store(stored, changed)
        return True

    def remove(self, authenticator_id: str) -> bool:
        return self._connection.change(_REMOVE, row=authenticator_id) == 1

    def _stored(self, statement: Statement, authenticator_id: str) -> StoredAuthenticator:
        row = self._connection.row(statement, row=authenticator_id)
        if row is None:
            raise Stale("the authenticator is gone")
        return self._rows.load(row)

    def _store(self, stored: StoredAuthenticator, authenticator: Authenticator) -> Authenticator:
        changed = replace(stored, authenticator=authenticator, version=stored.version + 1)
        self._connection.change(_REPLACE, row=authenticator.id, **self._rows.signed(_to_values(changed)))
        return authenticator


def bound(values: Mapping[str, Any]) -> str:
    """What a row's seed is bound to."""
    return f"{values['id']}|{values['identity']}"


def _bound(authenticator: Authenticator) -> str:
    """The seed opens for this person's authenticator only."""
    return f"{authenticator.id}|{identity_key(authenticator.identity)}"
