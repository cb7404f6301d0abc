"""Roles given inside Doorward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, literal, select

from bot.domain.identity import LinkedIdentity, Role, RoleGrant
from storage.authority import AuthorityRows
from storage.codec import identity_key, optional_micros, optional_moment, to_identity, to_micros, to_moment
from storage.ledger import Ledger, Note
from storage.statement import Connection, Statement, deleting, finding, inserting
from storage.tables.identity import persons, role_grants


def parse(values: Mapping[str, Any]) -> RoleGrant:
    """The grant of a row."""
    return RoleGrant(
        id=values["id"],
        identity=to_identity(values["identity"]),
        role=Role(values["role"]),
        scope=values["scope"],
        granted_by=values["granted_by"],
        granted_at=to_moment(values["granted_at"]),
        until=optional_moment(values["until"]),
    )


_INSERT = inserting(role_grants)
_FIND = finding(role_grants)
_OF_IDENTITY = Statement(
    select(role_grants)
    .where(role_grants.c.identity == bindparam("identity"))
    .order_by(role_grants.c.granted_at, role_grants.c.id)
)
_REMOVE = deleting(role_grants)
_EVERYONE = Statement(select(role_grants).order_by(role_grants.c.identity, role_grants.c.granted_at, role_grants.c.id))
_HELD = Statement(
    select(role_grants.c.id)
    .where(role_grants.c.identity == bindparam("identity"), role_grants.c.role == bindparam("role"))
    .limit(literal(1))
)
_HOLD_PERSON = Statement(
    select(persons.c.version).where(persons.c.identity == bindparam("identity")).with_for_update(key_share=True)
)


class Roles:
    """See `bot.ports.stores.RoleStore`."""

    def __init__(self, connection: Connection, rows: AuthorityRows[RoleGrant], ledger: Ledger) -> None:
        self._connection = connection
        self._rows = rows
        self._ledger = ledger

    def insert(self, grant: RoleGrant) -> None:
        self._hold(grant.identity.key)
        row = self._rows.signed(
            {
                "id": grant.id,
                "identity": identity_key(grant.identity),
                "role": grant.role,
                "scope": grant.scope,
                "granted_by": grant.granted_by,
                "granted_at": to_micros(grant.granted_at),
                "until": optional_micros(grant.until),
                "version": 1,
            }
        )
        self._connection.change(_INSERT, **row)
        if grant.role is Role.ADMINISTRATOR:
            self._ledger.note(grant.identity.key, Note.GIVEN, holds=True)

    def of_identity(self, identity: LinkedIdentity) -> Sequence[RoleGrant]:
        return [self._rows.load(row) for row in self._connection.rows(_OF_IDENTITY, identity=identity.key)]

    def remove(self, grant_id: str) -> bool:
        row = self._connection.row(_FIND, row=grant_id)
        if row is None:
            return False
        grant = self._rows.unverified(row)
        self._hold(grant.identity.key)
        removed = self._connection.change(_REMOVE, row=grant_id) == 1
        if grant.role is Role.ADMINISTRATOR and self._connection.row(_HELD, **_of(grant)) is None:
            self._ledger.note(grant.identity.key, Note.GIVEN, holds=False)
        return removed

    def everyone(self) -> Sequence[RoleGrant]:
        return [self._rows.load(row) for row in self._connection.rows(_EVERYONE)]

    def _hold(self, identity: str) -> None:
        """Wait for transactions that decided on this person's roles, and make later ones wait (PostgreSQL only)."""
        if self._connection.concurrent:
            self._connection.row(_HOLD_PERSON, identity=identity)


def _of(grant: RoleGrant) -> dict[str, str]:
    return {"identity": grant.identity.key, "role": grant.role}
