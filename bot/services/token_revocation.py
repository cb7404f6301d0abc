"""Takes a person's tokens out of use: here at once, and at their provider as soon as that can be done (RFC 7009)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta

from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import LinkedIdentity
from bot.errors import IntegrityAlarm, ProviderUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import IdentityProvider
from bot.ports.keys import Revocation
from bot.services.audit_trail import Scribe

BATCH = 20
LEASE_SECONDS = 60
FIRST_WAIT_SECONDS = 5
LONGEST_WAIT = timedelta(hours=1)
LONGEST_ASKED_FOR = timedelta(days=1)
"""A provider that asks for more is asked again all the same."""
GIVEN_UP_AFTER = timedelta(days=7)
"""Most refresh tokens that nobody used have ended by then, and no secret is kept for ever."""


def retire(tx: Transaction, identity: LinkedIdentity) -> None:
    """Take the tokens out of use, in this transaction, and keep what its provider has yet to revoke.

    What does not hold any more (an altered row) is destroyed and sent nowhere: a sign-out never fails.
    """
    try:
        kept, person = tx.tokens.load(identity), tx.persons.find(identity)
    except IntegrityAlarm:
        kept, person = None, None
    tx.tokens.destroy(identity)
    if kept is not None and person is not None:
        tx.revocations.put(identity, person.provider, kept[0])


class TokenRevocation:
    """The job that revokes what waits."""

    def __init__(self, *, database: Database, providers: Mapping[str, IdentityProvider], clock: Clock) -> None:
        self._database = database
        self._providers = providers
        self._clock = clock

    async def run(self) -> int:
        """Try those due; how many ended."""
        now = self._clock.now()
        claimed = await self._database.write(
            lambda tx: tx.revocations.claim(now=now, lease_seconds=LEASE_SECONDS, limit=BATCH)
        )
        return sum([await self._try(revocation) for revocation in claimed])

    async def _try(self, revocation: Revocation) -> bool:
        provider = self._providers.get(revocation.provider)
        if provider is None:
            return await self._end(revocation, "revocation.no_provider")
        try:
            revoked = await provider.revoke(token_cache=revocation.token_cache)
        except ProviderUnavailable as away:
            return await self._wait(revocation, away)
        if revoked:
            return await self._end(revocation, "revocation.done")
        return await self._end(revocation, "revocation.not_offered")

    async def _end(self, revocation: Revocation, code: str) -> bool:
        event = self._event(revocation, code)

        def end(tx: Transaction) -> None:
            tx.revocations.done(revocation.id)
            tx.audit.append(event)

        await self._database.write(end)
        return True

    async def _wait(self, revocation: Revocation, away: ProviderUnavailable) -> bool:
        now = self._clock.now()
        if now - revocation.first_at >= GIVEN_UP_AFTER:
            return await self._end(revocation, "revocation.given_up")
        at = now + _wait(revocation.attempts, away.retry_after_seconds)
        event = self._event(revocation, "revocation.waits")

        def again(tx: Transaction) -> None:
            tx.revocations.retry(revocation.id, at=at)
            if revocation.attempts == 1:
                tx.audit.append(event)

        await self._database.write(again)
        return False

    def _event(self, revocation: Revocation, code: str) -> AuditEvent:
        scribe = Scribe(
            time=self._clock.now(),
            channel="scheduler",
            correlation=secrets.token_hex(8),
            principal=revocation.identity.key,
        )
        return scribe.event(EventType.REVOCATION_TRIED, resource=f"Provider::{revocation.provider}", code=code)


def _wait(attempts: int, asked_for: float | None) -> timedelta:
    """Twice as long each time up to an hour, and never shorter than the provider asked for (RFC 7009 §2.2.1)."""
    doubled = timedelta(seconds=FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 16))
    own = min(doubled, LONGEST_WAIT)
    return own if asked_for is None else max(own, min(timedelta(seconds=asked_for), LONGEST_ASKED_FOR))
