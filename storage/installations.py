"""Installations: tokens sealed, every column under a MAC."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from bot.domain.installation import Installation
from bot.domain.secret import Secret
from storage.authority import AuthorityRows, Values
from storage.codec import optional_micros, optional_moment, to_json, to_micros, to_moment
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, deleting, finding, locking, replacing, upserting
from storage.tables.installations import installations


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstallation:
    """An installation whose tokens are still sealed."""

    installation: Installation
    tokens: bytes
    held_until: int


def parse(values: Mapping[str, Any]) -> StoredInstallation:
    """The installation of a row, without its tokens."""
    installation = Installation(
        tenant=values["tenant"],
        app=values["app"],
        bot=values["bot"],
        token=Secret(""),
        renewal=None,
        token_until=optional_moment(values["token_until"]),
        installed_by=values["installed_by"],
        installed_at=to_moment(values["installed_at"]),
        version=values["version"],
    )
    return StoredInstallation(installation=installation, tokens=values["tokens"], held_until=values["held_until"])


_PUT = upserting(installations)
_FIND = finding(installations)
_LOCK = locking(installations)
_REPLACE = replacing(installations)
_REMOVE = deleting(installations)
_OF_ENTERPRISE = Statement(
    select(installations)
    .where(installations.c.enterprise == bindparam("enterprise"))
    .order_by(installations.c.installed_at, installations.c.tenant)
)


class Installations:
    """See `bot.ports.installations.InstallationStore`."""

    def __init__(self, connection: Connection, sealer: Sealer, rows: AuthorityRows[StoredInstallation]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rows = rows

    def put(self, installation: Installation) -> None:
        self._connection.change(_PUT, **self._signed(installation, held_until=0))

    def find(self, tenant: str) -> Installation | None:
        row = self._connection.row(_FIND, row=tenant)
        return None if row is None else self._opened(self._rows.load(row))

    def of_enterprise(self, enterprise: str) -> Sequence[Installation]:
        rows: list[Row] = self._connection.rows(_OF_ENTERPRISE, enterprise=enterprise)
        return [self._opened(self._rows.load(row)) for row in rows]

    def replace(self, installation: Installation) -> bool:
        stored = self._locked(installation.tenant)
        if stored is None or stored.installation.version != installation.version:
            return False
        self._replace(replace(installation, version=installation.version + 1), held_until=0)
        return True

    def hold(self, tenant: str, *, now: datetime, seconds: int) -> bool:
        stored, at = self._locked(tenant), to_micros(now)
        if stored is None or stored.held_until > at:
            return False
        self._replace(self._opened(stored), held_until=at + seconds * 1_000_000)
        return True

    def remove(self, tenant: str) -> bool:
        return self._connection.change(_REMOVE, row=tenant) == 1

    def _locked(self, tenant: str) -> StoredInstallation | None:
        row = self._connection.row(_LOCK, row=tenant)
        return None if row is None else self._rows.load(row)

    def _replace(self, installation: Installation, *, held_until: int) -> None:
        values = self._signed(installation, held_until=held_until)
        self._connection.change(_REPLACE, row=values.pop("tenant"), **values)

    def _signed(self, installation: Installation, *, held_until: int) -> Values:
        renewal = installation.renewal.reveal() if installation.renewal is not None else None
        tokens = to_json({"token": installation.token.reveal(), "renewal": renewal}).encode()
        return self._rows.signed(
            {
                "tenant": installation.tenant,
                "enterprise": installation.enterprise,
                "app": installation.app,
                "bot": installation.bot,
                "tokens": self._sealer.seal(tokens, table="installations", row=installation.tenant, purpose="tokens"),
                "token_until": optional_micros(installation.token_until),
                "installed_by": installation.installed_by,
                "installed_at": to_micros(installation.installed_at),
                "held_until": held_until,
                "version": installation.version,
            }
        )

    def _opened(self, stored: StoredInstallation) -> Installation:
        tenant = stored.installation.tenant
        tokens = json.loads(self._sealer.open(stored.tokens, table="installations", row=tenant, purpose="tokens"))
        renewal = tokens["renewal"]
        return replace(
            stored.installation,
            token=Secret(tokens["token"]),
            renewal=None if renewal is None else Secret(renewal),
        )
