"""Whether somebody still works here, where the HR system has the last word on that (`ATTRIBUTES__EMPLOYED=hr`).

What it says only takes away: who has left is ended and locked, by a source that an administrator's unlocking outlives
for as long as HR does not say it again. A system that is away, or knows no such record, says nothing: the identity
provider's word stands, and nothing of HR is reached without HR.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.identity import Person, principal_of
from bot.domain.signal import Happening, SignalKind, SignalSource
from bot.errors import AccountRevoked, DoorwardError, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.facts import DEPARTED, FactsSource
from bot.services.audit_trail import Scribe
from bot.services.authorization import GrantMint
from bot.services.signals import happened

FACTS_SECONDS = 2
AWAY_SECONDS = 15
"""How long after it did not answer it is left alone: nobody waits twice."""
CHANNEL = "hr"

log = structlog.get_logger("doorward.employment")


@dataclass(slots=True, kw_only=True)
class Employment:
    """Asks the HR system about the people of some providers."""

    database: Database
    source: FactsSource
    mint: GrantMint
    clock: Clock
    providers: frozenset[str]
    """Those whose people HR speaks of."""
    _away_until: datetime | None = None

    async def departed(self, person: Person, correlation: str) -> bool:
        """Whether HR says that they have left; False too where it says nothing. Raises `StorageUnavailable`."""
        now = self.clock.now()
        if person.provider not in self.providers or person.employee is None:
            return False
        if self._away_until is not None and now < self._away_until:
            return False
        try:
            found = await record(self.source, self.mint, person, correlation, now)
        except StorageUnavailable:
            raise
        except (DoorwardError, TimeoutError) as error:
            self._away_until = self.clock.now() + timedelta(seconds=AWAY_SECONDS)
            code = error.code if isinstance(error, DoorwardError) else "timeout"
            log.warning("employment_not_learnt", code=code, correlation=correlation)
            return False
        return found is not None and found.owner == person.employee and found.state == DEPARTED

    async def end(self, person: Person, scribe: Scribe) -> AccountRevoked:
        """End and lock; the refusal to raise. Raises `StorageUnavailable`."""
        source = SignalSource(channel=CHANNEL, issuer=person.identity.issuer)
        gone = Happening(kind=SignalKind.ACCOUNT_DISABLED, subject=person.identity)
        at = replace(scribe, time=self.clock.now(), channel=CHANNEL)
        await self.database.write(lambda tx: happened(tx, source, gone, at))
        return AccountRevoked("the HR system says that they have left", code="hr.departed")


async def record(
    source: FactsSource, mint: GrantMint, person: Person, correlation: str, now: datetime
) -> ResourceFacts | None:
    """The facts of a person's own HR record. Raises `ConnectorError`, `TimeoutError`."""
    grant = mint.issue_facts(
        principal=principal_of(person, (), now),
        ref=ResourceRef(type="Employee", id=person.employee or ""),
        correlation=correlation,
    )
    async with asyncio.timeout(FACTS_SECONDS):
        return await source.resolve(grant)
