"""SCIM resources as their clients wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Integer, bindparam, func, select

from bot.domain.identity import LinkedIdentity
from bot.ports.provisioning import Provisioned, ProvisionedKind
from storage.authority import AuthorityRows, Values
from storage.codec import identity_key, to_identity, to_micros, to_moment
from storage.sealing import Sealer
from storage.statement import Connection, Row, Statement, inserting_once, locking, replacing
from storage.tables.provisioning import provisioned


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResource:
    """A resource whose document is still sealed."""

    resource: Provisioned
    document: bytes


def parse(values: Mapping[str, Any]) -> StoredResource:
    """The resource of a row."""
    identity = values["identity"]
    resource = Provisioned(
        id=values["id"],
        client=values["client"],
        kind=ProvisionedKind(values["kind"]),
        name=values["name"],
        external_id=values["external_id"],
        identity=None if identity is None else to_identity(identity),
        active=bool(values["active"]),
        deleted=bool(values["deleted"]),
        document="",
        created_at=to_moment(values["created_at"]),
        changed_at=to_moment(values["changed_at"]),
        version=values["version"],
    )
    return StoredResource(resource=resource, document=values["document"])


_INSERT = inserting_once(provisioned)
_LOCK = locking(provisioned)
_REPLACE = replacing(provisioned)
_present = (
    provisioned.c.client == bindparam("client"),
    provisioned.c.kind == bindparam("kind"),
    provisioned.c.deleted == 0,
)
_found = select(provisioned).where(*_present)
_FIND = Statement(_found.where(provisioned.c.id == bindparam("row")))
_paged = (
    _found.order_by(provisioned.c.created_at, provisioned.c.id)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer))
)
_LISTED = Statement(_paged)
_NAMED = Statement(_paged.where(provisioned.c.name == bindparam("name")))
_EXTERNAL = Statement(_paged.where(provisioned.c.external_id == bindparam("external_id")))
_COUNT = Statement(select(func.count()).select_from(provisioned).where(*_present))
_ABOUT = Statement(
    select(provisioned)
    .where(provisioned.c.identity == bindparam("identity"))
    .order_by(provisioned.c.changed_at.desc(), provisioned.c.id)
)


class ProvisionedResources:
    """See `bot.ports.provisioning.ProvisionedStore`."""

    def __init__(self, connection: Connection, sealer: Sealer, rows: AuthorityRows[StoredResource]) -> None:
        self._connection = connection
        self._sealer = sealer
        self._rows = rows

    def insert(self, resource: Provisioned) -> bool:
        return self._connection.change(_INSERT, **self._signed(resource)) == 1

    def find(self, client: str, kind: ProvisionedKind, resource_id: str) -> Provisioned | None:
        row = self._connection.row(_FIND, client=client, kind=kind, row=resource_id)
        return None if row is None else self._loaded(row)

    def listed(
        self,
        client: str,
        kind: ProvisionedKind,
        *,
        name: str | None = None,
        external_id: str | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[Provisioned]:
        of = {"client": client, "kind": kind.value, "offset": offset, "limit": limit}
        if name is not None:
            rows = self._connection.rows(_NAMED, name=name, **of)
        elif external_id is not None:
            rows = self._connection.rows(_EXTERNAL, external_id=external_id, **of)
        else:
            rows = self._connection.rows(_LISTED, **of)
        return [self._loaded(row) for row in rows]

    def count(self, client: str, kind: ProvisionedKind) -> int:
        row = self._connection.row(_COUNT, client=client, kind=kind)
        return 0 if row is None else int(row[0])

    def about(self, identity: LinkedIdentity) -> Sequence[Provisioned]:
        return [self._loaded(row) for row in self._connection.rows(_ABOUT, identity=identity.key)]

    def replace(self, resource: Provisioned) -> bool:
        row = self._connection.row(_LOCK, row=resource.id)
        if row is None or self._rows.load(row).resource.version != resource.version:
            return False
        changed = replace(resource, version=resource.version + 1)
        return self._connection.change(_REPLACE, row=resource.id, **self._signed(changed)) == 1

    def _loaded(self, row: Row) -> Provisioned:
        stored = self._rows.load(row)
        document = self._sealer.open(stored.document, table="provisioned", row=stored.resource.id, purpose="document")
        return replace(stored.resource, document=document.decode())

    def _signed(self, resource: Provisioned) -> Values:
        sealed = self._sealer.seal(resource.document.encode(), table="provisioned", row=resource.id, purpose="document")
        return self._rows.signed(
            {
                "id": resource.id,
                "client": resource.client,
                "kind": resource.kind.value,
                "name": resource.name,
                "external_id": resource.external_id,
                "identity": None if resource.identity is None else identity_key(resource.identity),
                "active": int(resource.active),
                "deleted": int(resource.deleted),
                "document": sealed,
                "created_at": to_micros(resource.created_at),
                "changed_at": to_micros(resource.changed_at),
                "version": resource.version,
            }
        )
