"""Attributes that a provisioning client (SCIM) has the last word on, where the mapping of the settings says so.

They are never roles. Without a record, or with one that is deleted or inactive, the attribute is empty and gives
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.identity import LinkedIdentity
from bot.ports.database import Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.ports.provisioning import Provisioned, ProvisionedKind

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
"""RFC 7643 §4.3."""


def with_provisioned(tx: Transaction, identity: LinkedIdentity, claims: VerifiedClaims) -> VerifiedClaims:
    """The claims with what provisioning says in the places it answers for. Raises `IntegrityAlarm`."""
    if not claims.from_directory:
        return claims
    told = provisioned(tx, identity)
    values: dict[str, Any] = {name: told.get(name) for name in claims.from_directory}
    for name in ("department", "region"):
        if name in values:
            values[name] = values[name] or ""
    return replace(claims, **values)


def provisioned(tx: Transaction, identity: LinkedIdentity) -> Mapping[str, str]:
    """Department, region, manager and employee number as the one active record has them; of two records, none."""
    records = [one for one in tx.provisioned.about(identity) if one.active and not one.deleted]
    return _read(tx, records[0]) if len(records) == 1 else {}


def one_attribute(tx: Transaction, identity: LinkedIdentity, name: str) -> str | None:
    """A text of the one active record, its own or of the enterprise extension; of two records, none."""
    records = [one for one in tx.provisioned.about(identity) if one.active and not one.deleted]
    return attribute_in(records[0], name) if len(records) == 1 else None


def attribute_in(record: Provisioned, name: str) -> str | None:
    """A text of a record, its own or of the enterprise extension."""
    document = json.loads(record.document)
    extension = document.get(ENTERPRISE)
    found = document.get(name) or (extension.get(name) if isinstance(extension, dict) else None)
    return found if isinstance(found, str) and found else None


def _read(tx: Transaction, record: Provisioned) -> dict[str, str]:
    document = json.loads(record.document)
    extension = document.get(ENTERPRISE)
    extension = extension if isinstance(extension, dict) else {}
    found = {
        "department": extension.get("department"),
        "employee_number": extension.get("employeeNumber"),
        "region": _region(document.get("addresses")),
        "manager": _manager(tx, record.client, extension.get("manager")),
    }
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def _region(addresses: object) -> object:
    """Of the primary address, or the only one."""
    listed = [one for one in addresses if isinstance(one, dict)] if isinstance(addresses, list) else []
    primary = [one for one in listed if one.get("primary") is True] or listed
    return primary[0].get("region") if len(primary) == 1 else None


def _manager(tx: Transaction, client: str, manager: object) -> str | None:
    """The subject of whoever the manager's id names."""
    name = manager.get("value") if isinstance(manager, dict) else None
    user = tx.provisioned.find(client, ProvisionedKind.USER, name) if isinstance(name, str) else None
    return None if user is None or user.identity is None else user.identity.subject
