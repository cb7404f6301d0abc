"""Opaque handles of buttons, links, dialogs and views, stored under a keyed hash."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from bot.domain.interaction import Interaction
from storage.codec import to_json, to_micros, to_moment
from storage.crypto import Keyring, Purpose
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, inserting
from storage.tables.consent import interactions

HANDLE_BYTES = 24
"""192 random bits."""

_CREATE = inserting(interactions)
_in_time = (interactions.c.id == bindparam("row"), interactions.c.until > bindparam("now"))
_FIND = Statement(select(interactions).where(*_in_time))
_TAKE = Statement(delete(interactions).where(*_in_time).returning(*interactions.c))
_REPLACE = Statement(
    update(interactions).where(interactions.c.id == bindparam("row"), interactions.c.version == bindparam("expected")),
    columns=[column.name for column in interactions.columns if column.name != "id"],
)
_SWEEP = Statement(delete(interactions).where(interactions.c.until <= bindparam("now")))


class Interactions:
    """See `bot.ports.stores.InteractionStore`. Kind, audience, end and version are bound into the ciphertext."""

    def __init__(self, connection: Connection, keys: Keyring, sealer: Sealer) -> None:
        self._connection = connection
        self._keys = keys
        self._sealer = sealer

    def create(self, interaction: Interaction) -> str:
        handle = secrets.token_urlsafe(HANDLE_BYTES)
        row = self._keys.hashed(Purpose.HANDLES, handle)
        self._connection.change(_CREATE, id=row, **self._sealed(row, interaction, version=interaction.version))
        return handle

    def find(self, handle: str, *, now: datetime) -> Interaction | None:
        return self._first(_FIND, handle, now)

    def take(self, handle: str, *, now: datetime) -> Interaction | None:
        return self._first(_TAKE, handle, now)

    def replace(self, handle: str, interaction: Interaction) -> bool:
        """Store the next version in its place."""
        for row in self._keys.hashes(Purpose.HANDLES, handle):
            values = self._sealed(row, interaction, version=interaction.version + 1)
            if self._connection.change(_REPLACE, row=row, expected=interaction.version, **values):
                return True
        return False

    def sweep(self, now: datetime) -> int:
        return self._connection.change(_SWEEP, now=to_micros(now))

    def _first(self, statement: Statement, handle: str, now: datetime) -> Interaction | None:
        micros = to_micros(now)
        for row in self._keys.hashes(Purpose.HANDLES, handle):
            found = self._connection.row(statement, row=row, now=micros)
            if found is not None:
                return self._opened(found)
        return None

    def _sealed(self, row: str, interaction: Interaction, *, version: int) -> dict[str, str | int | bytes | None]:
        until = to_micros(interaction.until)
        bound = _bound(row, interaction.kind, interaction.audience, until, version)
        plaintext = to_json(interaction.payload).encode()
        return {
            "kind": interaction.kind,
            "audience": interaction.audience,
            "payload": self._sealer.seal_briefly(plaintext, table="interactions", row=bound, purpose="payload"),
            "until": until,
            "version": version,
        }

    def _opened(self, found: Row) -> Interaction:
        row, kind, audience, payload, until, version = found
        bound = _bound(row, kind, audience, until, version)
        plaintext = self._sealer.open(payload, table="interactions", row=bound, purpose="payload")
        return Interaction(
            kind=kind, payload=json.loads(plaintext), audience=audience, until=to_moment(until), version=version
        )


def bound(values: Mapping[str, Any]) -> str:
    """What a row's payload is bound to."""
    return _bound(values["id"], values["kind"], values["audience"], values["until"], values["version"])


def _bound(row: str, kind: str, audience: str, until: int, version: int) -> str:
    return to_json([row, kind, audience, until, version])
