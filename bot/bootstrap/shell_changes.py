"""Changes of authority from the shell: only proposals, agreed to in chat; cancelling is at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from bot.bootstrap.installation import keyring, looked_up, on_database
from bot.domain.change import Change, Wanted, needed
from bot.domain.identity import Role
from bot.errors import NotAllowed
from bot.ports.database import Database, Transaction
from bot.services import changes
from bot.services.audit_trail import Scribe
from bot.services.people import only_person
from bot.settings.tree import Settings
from policy.model import EVERY_DEPARTMENT

T = TypeVar("T")
Fields = dict[str, object]


def propose(settings: Settings, now: datetime, capability: str, person: str, **arguments: str) -> Fields:
    """Propose a change of somebody's. Raises `NotAllowed` where nobody, or more than one, is known by that name."""
    if "role" in arguments and arguments["role"] not in {role.value for role in Role}:
        known = ", ".join(role.value for role in Role)
        raise NotAllowed(f"{arguments['role']} is no role; there are {known}", code="role.unknown")

    def work(tx: Transaction, scribe: Scribe) -> Fields:
        target = only_person(tx, person)
        wanted = Wanted(capability=capability, target=target.identity.key, arguments=arguments)
        return _fields(tx, changes.propose(tx, wanted, changes.SHELL, scribe))

    return _write(settings, now, work)


def propose_role(settings: Settings, now: datetime, person: str, role: str, scope: str) -> Fields:
    """Propose that somebody gets a role. Raises `NotAllowed`."""
    return propose(settings, now, "grant_role", person, role=role, scope=scope or EVERY_DEPARTMENT)


def propose_unlinking(settings: Settings, now: datetime, channel: str) -> Fields:
    """Propose to take a chat account away from whoever it is linked to. Raises `NotAllowed`."""

    def owner(tx: Transaction) -> str:
        found = [link for link in tx.links.everyone(1_000_000) if link.channel.key == channel]
        if not found:
            raise NotAllowed(
                f"{channel} is linked to nobody; `doorward links list` shows every one", code="link.unknown"
            )
        return found[0].identity.key

    key = looked_up(settings, keyring(settings, now), owner)
    return propose(settings, now, "revoke_link", key, account=channel)


def propose_tenant(settings: Settings, now: datetime, tenant: str) -> Fields:
    """Propose to end every chat session of a workspace, organisation or tenant."""
    wanted = Wanted(capability="revoke_tenant", target=tenant, arguments={})
    return _write(settings, now, lambda tx, scribe: _fields(tx, changes.propose(tx, wanted, changes.SHELL, scribe)))


def listed(settings: Settings, now: datetime) -> list[Fields]:
    """What waits."""
    return looked_up(
        settings, keyring(settings, now), lambda tx: [_fields(tx, change) for change in tx.changes.open(now)]
    )


def cancelled(settings: Settings, now: datetime, change_id: str) -> Fields:
    """Cancel one: it only takes away, so whoever is on the host may. Raises `NotAllowed` where it does not wait."""

    def work(tx: Transaction, scribe: Scribe) -> Fields:
        change = changes.cancel(tx, change_id, scribe)
        if change is None:
            raise NotAllowed(
                f"no change {change_id} waits; `doorward changes list` shows those that do", code="change.none"
            )
        return _fields(tx, change)

    return _write(settings, now, work)


def _write(settings: Settings, now: datetime, work: Callable[[Transaction, Scribe], T]) -> T:
    scribe = Scribe(time=now, channel="shell", correlation=secrets.token_hex(8))

    async def run(database: Database) -> T:
        return await database.write(lambda tx: work(tx, scribe))

    return on_database(settings, keyring(settings, now), run)


def _fields(tx: Transaction, change: Change) -> Fields:
    return {
        "id": change.id,
        "change": change.wanted.capability,
        "about": changes.target_name(tx, change),
        **{name: value for name, value in change.wanted.arguments.items() if name in ("role", "scope", "account")},
        "proposed_by": change.proposed_by,
        "proposed_at": change.proposed_at,
        "yes": len(change.agreed),
        "needed": needed(change.wanted),
        "done_at": change.due_at,
    }
