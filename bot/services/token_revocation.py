"""Takes a person's tokens out of use: here at once, and at their provider as soon as that can be done (RFC 7009).

The same job ends somebody's sessions in the whole company, where an administrator asked for exactly that.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta

from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import LinkedIdentity
from bot.domain.outbound import OutboxItem
from bot.errors import IntegrityAlarm, ProviderUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import IdentityProvider
from bot.ports.keys import Revocation
from bot.services import company_sessions
from bot.services.audit_trail import Scribe
from bot.services.delivery import Delivery

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

    def __init__(
        self,
        *,
        database: Database,
        providers: Mapping[str, IdentityProvider],
        clock: Clock,
        delivery: Delivery | None = None,
    ) -> None:
        """`delivery` tells whoever asked for the end of company sessions; without it only the log does."""
        self._database = database
        self._providers = providers
        self._clock = clock
        self._delivery = delivery

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
            return await self._end(revocation, _code(revocation, "no_provider"))
        try:
            return await self._end(revocation, await _told(provider, revocation))
        except ProviderUnavailable as away:
            return await self._wait(revocation, away)

    async def _end(self, revocation: Revocation, code: str) -> bool:
        event = self._event(revocation, code)

        def end(tx: Transaction) -> list[OutboxItem]:
            tx.revocations.done(revocation.id)
            tx.audit.append(event)
            return self._tell(tx, revocation, code)

        await self._send(await self._database.write(end))
        return True

    async def _wait(self, revocation: Revocation, away: ProviderUnavailable) -> bool:
        now = self._clock.now()
        if now - revocation.first_at >= GIVEN_UP_AFTER:
            return await self._end(revocation, _code(revocation, "given_up"))
        at = now + _wait(revocation.attempts, away.retry_after_seconds)
        code = _code(revocation, "waits")
        event = self._event(revocation, code)

        def again(tx: Transaction) -> list[OutboxItem]:
            tx.revocations.retry(revocation.id, at=at)
            if revocation.attempts > 1:
                return []
            tx.audit.append(event)
            return self._tell(tx, revocation, code)

        await self._send(await self._database.write(again))
        return False

    def _tell(self, tx: Transaction, revocation: Revocation, code: str) -> list[OutboxItem]:
        if self._delivery is None or revocation.asked_by is None:
            return []
        posting = company_sessions.told(tx, revocation, code)
        return [] if posting is None else self._delivery.put_all(tx, [posting], "")

    async def _send(self, items: list[OutboxItem]) -> None:
        if self._delivery is not None:
            await self._delivery.send(items)

    def _event(self, revocation: Revocation, code: str) -> AuditEvent:
        scribe = Scribe(
            time=self._clock.now(),
            channel="scheduler",
            correlation=secrets.token_hex(8),
            principal=revocation.identity.key,
        )
        return scribe.event(EventType.REVOCATION_TRIED, resource=f"Provider::{revocation.provider}", code=code)


async def _told(provider: IdentityProvider, revocation: Revocation) -> str:
    """Have the provider do what is asked for; the code of how it went. Raises `ProviderUnavailable`."""
    if revocation.asked_by is not None:
        return await company_sessions.end(provider, revocation.token_cache)
    revoked = await provider.revoke(token_cache=revocation.token_cache)
    return "revocation.done" if revoked else "revocation.not_offered"


def _code(revocation: Revocation, how: str) -> str:
    return f"{'revocation' if revocation.asked_by is None else 'company_sessions'}.{how}"


def _wait(attempts: int, asked_for: float | None) -> timedelta:
    """Twice as long each time up to an hour, and never shorter than the provider asked for (RFC 7009 §2.2.1)."""
    doubled = timedelta(seconds=FIRST_WAIT_SECONDS * 2 ** min(attempts - 1, 16))
    own = min(doubled, LONGEST_WAIT)
    return own if asked_for is None else max(own, min(timedelta(seconds=asked_for), LONGEST_ASKED_FOR))
