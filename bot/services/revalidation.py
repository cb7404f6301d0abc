"""Asks the identity provider, now and over the network, whether it still stands for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from bot.domain.audit import EventType
from bot.domain.identity import Person
from bot.domain.rollout import Rollout
from bot.errors import AccountRevoked, ProviderUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.identity_provider import IdentityProvider, Revalidation
from bot.services import challenges
from bot.services.audit_trail import Scribe
from bot.services.employment import Employment
from bot.services.first_administrator import Administrators, appoint
from bot.services.sessions import end_everything, remember_person
from bot.services.signals import NEVER_CHECKED

_Also = Callable[[Transaction], None]
HOLD_SECONDS = 10
"""Longer than a provider is waited for; a replica that died holds nobody up for longer."""
POLL_SECONDS = 0.05
POLLS = 60
"""Three seconds: people are told by then that the provider does not answer."""


FRESH_SECONDS = 60
"""While the provider answers, nobody is believed on an older answer than this."""
AWAY_SECONDS = 15
"""How long after it did not answer a provider is left alone by what does not depend on it: nobody waits twice."""


class Revalidator:
    """One for all providers."""

    def __init__(
        self,
        *,
        database: Database,
        providers: Mapping[str, IdentityProvider],
        clock: Clock,
        administrators: Administrators,
        employment: Employment | None = None,
        rollout: Rollout | None = None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._clock = clock
        self._administrators = administrators
        self._rollout = rollout or Rollout()
        self._employment = employment
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._away_until: dict[str, datetime] = {}

    def is_due(self, person: Person | None) -> bool:
        """Whether the provider is to be asked about this person even where policy does not demand it."""
        if person is None:
            return False
        now = self._clock.now()
        away_until = self._away_until.get(person.provider, now)
        return now >= away_until and now - person.idp_checked_at > timedelta(seconds=FRESH_SECONDS)

    async def check(
        self,
        person: Person,
        scribe: Scribe,
        *,
        age: timedelta = timedelta(0),
        also: _Also = lambda _tx: None,
    ) -> Person:
        """The person as the provider describes them now, stored; an answer to somebody else may be so old.

        What goes on from there may be read by `also` in the transaction that stores it; not where somebody else did.
        Raises `AccountRevoked` (for what the HR system says too) after ending everything of theirs,
        `ProviderUnavailable` with nothing changed.
        """
        lock = self._locks.setdefault(person.identity.key, asyncio.Lock())
        asked_at = self._clock.now() - age
        async with lock:
            for _ in range(POLLS):
                answered, held = await self._database.write(lambda tx: self._hold(tx, person, asked_at))
                if answered is not None:
                    return answered
                if not held:
                    await asyncio.sleep(POLL_SECONDS)
                elif (found := await self._ask_and_release(person, scribe, also)) is not None:
                    return found
        raise ProviderUnavailable("another replica asks, and has not come back")

    def _hold(self, tx: Transaction, person: Person, asked_at: datetime) -> tuple[Person | None, bool]:
        """The answer to somebody else's question, or the right to ask: refresh tokens may rotate, so one asks."""
        # In the order in which an answer is stored: whoever waits here for one to be stored then sees it, and two
        # transactions never wait for each other.
        identity = person.identity
        missing = tx.tokens.load(identity) is None
        mine = missing or tx.tokens.hold(identity, now=self._clock.now(), seconds=HOLD_SECONDS)
        known = tx.persons.find(identity)
        if known is None or known.version <= person.version or known.idp_checked_at < asked_at:
            return None, mine
        if mine:
            tx.tokens.release(identity)
        return known, False

    async def _ask_and_release(self, person: Person, scribe: Scribe, also: _Also) -> Person | None:
        try:
            return await self._ask(person, scribe, also)
        except ProviderUnavailable as away:
            if away.code != "idp.no_token":  # that is about one person, and everybody else is still to be asked about
                self._away_until[person.provider] = self._clock.now() + timedelta(seconds=AWAY_SECONDS)
            await self._database.write(lambda tx: tx.tokens.release(person.identity))
            raise

    async def _ask(self, person: Person, scribe: Scribe, also: _Also) -> Person | None:
        """None where the directory spoke of them meanwhile: what was answered may be from before that."""
        kept, before = await self._database.read(
            lambda tx: (tx.tokens.load(person.identity), tx.persons.find(person.identity))
        )
        provider = self._providers.get(person.provider)
        if kept is None or provider is None:
            raise ProviderUnavailable("no token to ask with", code="idp.no_token")
        cache, version = kept
        hr = asyncio.ensure_future(self._departed(person, scribe))  # both at once: people are told within three seconds
        try:
            fresh = await provider.revalidate(subject=person.identity.subject, token_cache=cache, now=self._clock.now())
        except AccountRevoked as revoked:
            claims = revoked.challenge
            await self._database.write(lambda tx: self._end(tx, person, claims, scribe))
            raise
        finally:
            departed = await hr
        if departed and self._employment is not None:
            raise await self._employment.end(person, scribe)

        def store(tx: Transaction) -> Person | None:
            known = self._store(tx, before, person, fresh, version, scribe)
            if known is not None:
                also(tx)
            return known

        return await self._database.write(store)

    async def has_left(self, person: Person, scribe: Scribe) -> bool:
        """Whether the provider, or HR, says now that somebody has left; no where neither answers.

        Everything of theirs is ended then. Raises `IntegrityAlarm`, `StorageUnavailable`.
        """
        try:
            await self.check(person, scribe)
        except AccountRevoked:
            return True
        except ProviderUnavailable:
            # Without a token of theirs, or without the provider, HR still knows.
            if self._employment is None or not await self._employment.departed(person, scribe.correlation):
                return False
            await self._employment.end(person, scribe)
            return True
        return False

    async def _departed(self, person: Person, scribe: Scribe) -> bool:
        return self._employment is not None and await self._employment.departed(person, scribe.correlation)

    def _end(self, tx: Transaction, person: Person, claims: str, scribe: Scribe) -> None:
        identity = person.identity
        tx.tokens.destroy(identity)  # its provider has ended it already: there is nothing to revoke
        end_everything(tx, identity)
        challenges.keep(tx, identity, person.provider, claims, self._clock.now())
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, code=AccountRevoked.code, time=self._clock.now()))

    def _store(
        self,
        tx: Transaction,
        before: Person | None,
        person: Person,
        fresh: Revalidation,
        version: int,
        scribe: Scribe,
    ) -> Person | None:
        now = self._clock.now()
        tx.tokens.save(person.identity, fresh.token_cache, expected_version=version, now=now)
        there = tx.persons.find(person.identity)
        if there is not None and there.idp_checked_at == NEVER_CHECKED and there != before:
            return None
        known = remember_person(tx, person.provider, fresh.claims, now, piloted=self._rollout.provider_groups)
        appoint(tx, self._administrators, known, fresh.claims.groups, replace(scribe, time=now))
        return known
