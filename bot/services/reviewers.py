"""Whether those who reviewed a use of break-glass still work here: asked before the next one's review is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.identity import Person
from bot.ports.database import Database, Transaction
from bot.services.audit_trail import Scribe
from bot.services.people import identity_from_key
from bot.services.revalidation import Revalidator


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewers:
    """Asks the identity provider, and HR where that has the last word, as before any act of theirs."""

    database: Database
    revalidator: Revalidator

    async def gone(self, use_id: str, acting: str, scribe: Scribe) -> frozenset[str]:
        """The keys of those whom either says have left: everything of theirs is ended, too.

        Whoever is `acting` has just been asked about, and reviews nothing twice. A system that does not answer says
        nothing, and what is known here stands. Raises `IntegrityAlarm`, `StorageUnavailable`.
        """
        people = await self.database.read(lambda tx: _reviewers(tx, use_id, acting))
        left = await asyncio.gather(*(self._left(person, scribe) for person in people))
        return frozenset(person.identity.key for person, one in zip(people, left, strict=True) if one)

    async def _left(self, person: Person, scribe: Scribe) -> bool:
        return await self.revalidator.has_left(person, replace(scribe, principal=person.identity.key))


def _reviewers(tx: Transaction, use_id: str, acting: str) -> Sequence[Person]:
    """Those who are known, and not locked: of the others nothing counts anyway."""
    said = [one for use in tx.break_glass.unreviewed() if use.id == use_id for one in use.reviews]
    people = (tx.persons.find(identity_from_key(one.identity)) for one in said if one.identity != acting)
    return [person for person in people if person is not None and not person.locked]
