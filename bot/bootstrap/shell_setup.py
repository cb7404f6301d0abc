"""Prints the link that makes the first administrator, or another where the last one is lost."""

from __future__ import annotations

import secrets
from datetime import datetime

from bot.bootstrap.installation import keyring, on_database
from bot.domain.notice import WorkingHours
from bot.domain.rollout import Rollout
from bot.errors import Misconfigured
from bot.ports.database import Database
from bot.services import first_administrator
from bot.services.audit_trail import Scribe
from bot.services.first_administrator import Administrators
from bot.settings.people import GROUPS, WEEKDAYS
from bot.settings.tree import Settings


def administrators(settings: Settings) -> Administrators:
    """Whom the settings name."""
    named = settings.bootstrap.administrators
    people = frozenset(name for name in named if not name.startswith(GROUPS))
    for name in named:
        if name.startswith(GROUPS):
            before, _, group = name.partition(":")
            # The only provider's, where none is named; the refusals see to it that there is one.
            provider = before.partition("@")[2] or next(iter(settings.idps), "")
            return Administrators(people=people, group=group, provider=provider)
    return Administrators(people=people)


def rollout(settings: Settings) -> Rollout:
    """How far it is opened; whom the settings name as administrators is always in."""
    given = settings.rollout
    return Rollout(
        mode=given.mode,
        people=frozenset(given.people),
        groups=frozenset(given.groups),
        channels=frozenset(given.channels),
        administrators=administrators(settings).people,
    )


def working_hours(settings: Settings) -> WorkingHours:
    """When people may be called to what needs them, unless they chose otherwise."""
    given = settings.notices
    return WorkingHours(start=given.start, end=given.end, days=frozenset(WEEKDAYS.index(name) for name in given.days))


def link(settings: Settings, now: datetime, kind: str) -> str:
    """A link for fifteen minutes and one claim. Raises `Misconfigured`, `NotAllowed` where there is somebody to ask."""
    if not settings.public_url:
        raise Misconfigured("DOORWARD_PUBLIC_URL is empty: set the address that browsers reach this under, https://…")
    if not settings.idps:
        raise Misconfigured("DOORWARD_IDPS__<NAME>__… is not set: the link ends in a company sign-in")
    if kind == first_administrator.SETUP and settings.bootstrap.administrators:
        raise Misconfigured("DOORWARD_BOOTSTRAP__ADMINISTRATORS names the administrators: they only have to sign in")
    scribe = Scribe(time=now, channel="shell", correlation=secrets.token_hex(8))

    async def make(database: Database) -> str:
        return await database.write(lambda tx: first_administrator.offer(tx, kind, scribe))

    handle = on_database(settings, keyring(settings, now), make)
    return f"{settings.public_url.rstrip('/')}/setup/{handle}"
