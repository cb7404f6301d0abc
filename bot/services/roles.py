"""Roles given inside Doorward: how one is given and taken."""

from __future__ import annotations

import secrets
from datetime import datetime

from bot.domain.identity import LinkedIdentity, Role, RoleGrant
from bot.ports.database import Transaction


def give(tx: Transaction, identity: LinkedIdentity, role: Role, scope: str, *, by: str, now: datetime) -> None:
    """Give a role; the caller has decided that it may be given, and records it."""
    tx.roles.insert(
        RoleGrant(id=secrets.token_hex(12), identity=identity, role=role, scope=scope, granted_by=by, granted_at=now)
    )


def take(tx: Transaction, identity: LinkedIdentity, role: Role) -> int:
    """Take a role away, in every scope; how often it was held."""
    held = [grant for grant in tx.roles.of_identity(identity) if grant.role is role]
    for grant in held:
        tx.roles.remove(grant.id)
    return len(held)
