"""What stands in the database, for an administrator's eyes: roles, links, sessions, effects. Nothing is changed."""

from __future__ import annotations

from datetime import datetime

from bot.bootstrap.installation import keyring, looked_up
from bot.bootstrap.limits import session_limits
from bot.domain.identity import LinkedIdentity
from bot.domain.session import Session
from bot.ports.database import Transaction
from bot.settings.tree import Settings

Fields = dict[str, object]


def roles(settings: Settings, now: datetime) -> list[Fields]:
    """Roles given inside Doorward, in force or not; those that the provider asserts are not among them."""

    def look(tx: Transaction) -> list[Fields]:
        return [
            {
                "username": _username(tx, grant.identity),
                "role": grant.role.value,
                "scope": grant.scope,
                "in_force": grant.holds(now),
                "granted_at": grant.granted_at,
                "until": grant.until,
                "granted_by": grant.granted_by,
                "principal": grant.identity.key,
                "id": grant.id,
            }
            for grant in tx.roles.everyone()
        ]

    return looked_up(settings, keyring(settings, now), look)


def links(settings: Settings, now: datetime, limit: int) -> list[Fields]:
    """Which chat account is whose, the oldest link first."""

    def look(tx: Transaction) -> list[Fields]:
        return [
            {
                "channel": link.channel.key,
                "username": _username(tx, link.identity),
                "provider": link.provider,
                "linked_at": link.linked_at,
                "principal": link.identity.key,
            }
            for link in tx.links.everyone(limit)
        ]

    return looked_up(settings, keyring(settings, now), look)


def sessions(settings: Settings, now: datetime, limit: int) -> list[Fields]:
    """Sessions that were not ended, the latest used first; `alive` says whether the limits still let them be used."""
    limits = session_limits(settings.session)

    def alive(tx: Transaction, session: Session) -> bool:
        person = tx.persons.find(session.identity)
        grants = tx.roles.of_identity(session.identity)
        return person is not None and session.alive(now, limits.of(person, grants, now, session.channel.platform))

    def look(tx: Transaction) -> list[Fields]:
        return [
            {
                "channel": session.channel.key,
                "username": _username(tx, session.identity),
                "alive": alive(tx, session),
                "opened_at": session.opened_at,
                "last_used_at": session.last_used_at,
                "absolute_until": session.absolute_until,
                "principal": session.identity.key,
            }
            for session in tx.sessions.everyone(limit)
        ]

    return looked_up(settings, keyring(settings, now), look)


def _username(tx: Transaction, identity: LinkedIdentity) -> str:
    person = tx.persons.find(identity)
    return person.username if person else ""
