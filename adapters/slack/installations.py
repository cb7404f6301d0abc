"""Where our app is installed: which workspace's token a call is made with, renewed in time, gone when it is taken away.

A token is remembered for a minute, so that what one replica learns holds on every other after that at the latest.
Slack ends a rotating token after twelve hours and takes each refresh token once: whoever holds the row renews it, the
others go on with the token that is still good. See: https://docs.slack.dev/authentication/using-token-rotation
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

from adapters.slack.leaving import left
from adapters.slack.parsing import Payload
from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import Platform
from bot.domain.installation import Installation
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.services.audit_trail import Scribe

REMEMBERED_SECONDS = 60
RENEWED_BEFORE = timedelta(hours=1)
"""So long before its end a token is renewed."""
HELD_SECONDS = 30
LOOKED_AGAIN_SECONDS = (0.2, 0.4, 0.8, 1.6)
"""Where the token has ended and another replica renews it."""

Renew = Callable[[Installation], Awaitable[Installation]]


class Installations:
    """The tokens of all workspaces, and `Leaving`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        renew: Renew,
        otherwise: Secret | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`otherwise` is the token of a workspace that was installed by hand."""
        self._database = database
        self._clock = clock
        self._renew_at_slack = renew
        self._otherwise = otherwise
        self._pause = pause
        self._known: dict[str, tuple[datetime, Installation]] = {}
        self._looking: dict[str, asyncio.Task[Installation | None]] = {}

    async def of(self, tenant: str) -> Secret:
        """See `platform.Tokens`. Raises `PlatformRefused`, `PlatformUnavailable`, `StorageUnavailable`."""
        known = self._known.get(tenant)
        if known is not None and self._clock.now() < known[0]:
            return known[1].token
        looking = self._looking.get(tenant)
        if looking is None:
            looking = self._looking[tenant] = asyncio.create_task(self._look_up(tenant))
            looking.add_done_callback(lambda task: self._looked_up(tenant, task))
        found = await asyncio.shield(looking)
        if found is not None:
            return found.token
        if self._otherwise is None:
            raise PlatformRefused("not_installed")
        return self._otherwise

    def refused(self, tenant: str) -> None:
        """See `platform.Tokens`."""
        self._known.pop(tenant, None)

    async def save(self, installation: Installation) -> None:
        """Store a new installation, with its audit record. Raises `StorageUnavailable`."""

        def work(tx: Transaction) -> None:
            tx.installations.put(installation)
            made, by = EventType.INSTALLATION_MADE, installation.installed_by
            tx.audit.append(self._event(made, installation.tenant, by=by, decision="allow"))

        await self._database.write(work)
        self._known.clear()

    async def refuse(self, tenant: str, code: str) -> None:
        """Write down an installation that was not taken. Raises `StorageUnavailable`."""
        event = self._event(EventType.INSTALLATION_REFUSED, tenant, decision="deny", code=code)
        await self._database.write(lambda tx: tx.audit.append(event))

    async def take(self, payload: Payload) -> None:
        """See `Leaving`."""
        workspace = left(payload)
        if workspace is None:
            return
        tenant, code = workspace.tenant, f"slack.{payload['event']['type']}"

        def work(tx: Transaction) -> None:
            # A whole organisation's installation is its own row; a workspace that leaves does not end it.
            found = tx.installations.remove(tenant)
            tx.audit.append(
                self._event(EventType.INSTALLATION_REMOVED, tenant, code=code if found else f"{code}.unknown")
            )

        await self._database.write(work)
        self._known.clear()

    def _event(self, kind: EventType, tenant: str, *, by: str = "", decision: str = "", code: str = "") -> AuditEvent:
        channel = f"{Platform.SLACK}:{tenant}:{by}" if by else Platform.SLACK
        scribe = Scribe(time=self._clock.now(), channel=channel, correlation=secrets.token_hex(8))
        return scribe.event(kind, resource=tenant, decision=decision, code=code)

    def _looked_up(self, tenant: str, task: asyncio.Task[Installation | None]) -> None:
        self._looking.pop(tenant, None)
        if not task.cancelled():
            task.exception()  # seen by whoever still waits; nobody may be left

    async def _look_up(self, tenant: str) -> Installation | None:
        found = await self._database.read(lambda tx: nearest(tx, tenant))
        if found is None:
            return None
        found = await self._in_time(found)
        self._known[tenant] = (self._clock.now() + timedelta(seconds=REMEMBERED_SECONDS), found)
        return found

    async def _in_time(self, found: Installation) -> Installation:
        """The installation with a token that is good for a while. Raises `PlatformRefused`, `PlatformUnavailable`."""
        now = self._clock.now()
        if found.renewal is None or found.token_until is None or found.token_until - now > RENEWED_BEFORE:
            return found
        if await self._database.write(lambda tx: tx.installations.hold(found.tenant, now=now, seconds=HELD_SECONDS)):
            return await self._renewed(found)
        if found.token_until > now:
            return found
        for seconds in LOOKED_AGAIN_SECONDS:
            await self._pause(seconds)
            again = await self._database.read(lambda tx: tx.installations.find(found.tenant))
            if again is None:
                raise PlatformRefused("not_installed")
            if again.version != found.version:
                return again
        raise PlatformUnavailable("another replica renews the token")

    async def _renewed(self, found: Installation) -> Installation:
        """Renew, unless another has done so between our look and our hold."""
        latest = await self._database.read(lambda tx: tx.installations.find(found.tenant))
        if latest is None:
            raise PlatformRefused("not_installed")
        if latest.version != found.version:
            await self._database.write(lambda tx: tx.installations.replace(latest))
            return replace(latest, version=latest.version + 1)
        try:
            fresh = await self._renew_at_slack(latest)
        except PlatformUnavailable:
            if latest.token_until is not None and latest.token_until > self._clock.now():
                return latest  # still good; the hold ends by itself, and then it is tried again
            raise
        if not await self._database.write(lambda tx: tx.installations.replace(fresh)):
            raise PlatformRefused("not_installed")  # removed meanwhile
        return replace(fresh, version=fresh.version + 1)


def nearest(tx: Transaction, tenant: str) -> Installation | None:
    """The installation of a workspace: its own, its organisation's, or another of its organisation's workspaces'.

    The last serves people of an organisation who write from a workspace of theirs where the app is not installed.
    """
    enterprise, _, team = tenant.rpartition("/")
    found = tx.installations.find(tenant)
    if found is not None:
        return found
    if not enterprise:
        enterprise = team if team.startswith("E") else ""
    if not enterprise:
        return None
    return tx.installations.find(enterprise) or next(iter(tx.installations.of_enterprise(enterprise)), None)
