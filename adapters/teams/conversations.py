"""How people and channels are reached again: noted in the database, so that a restart or another replica knows it too.

Nothing here is taken from an activity's body, which no token covers, but for a shared conversation's id and its team's
group: a person's name comes from Teams' roster, their conversation from Teams' answer, the service address from the
token's claim.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import replace

from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reference import ConversationReference
from bot.errors import IntegrityAlarm, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database

MAX_REMEMBERED = 20_000

_log = logging.getLogger("doorward.teams")


class Conversations:
    """The references, and the last of them in memory. Every coroutine raises `StorageUnavailable`."""

    def __init__(self, database: Database | None, clock: Clock) -> None:
        """Without a database they are kept for the life of the process."""
        self._database = database
        self._clock = clock
        self._known: OrderedDict[str, ConversationReference] = OrderedDict()

    def keep(self, met: ConversationReference) -> bool:
        """Have it in memory; whether that was news. What is known of the conversation stays while the rest is equal."""
        known = self._known.get(met.of)
        if known is not None and _same_person(known, met):
            return False
        self._keep(met)
        return True

    async def met(self, met: ConversationReference) -> None:
        """Make durable what `keep` was told; what cannot be stored now is news again the next time."""
        if self._database is None:
            return
        try:
            stored = await self._stored(met.of)
            if stored is not None and _same_person(stored, met):
                self._keep(stored)
            else:
                await self._put(met)
        except StorageUnavailable:
            self._known.pop(met.of, None)
            raise

    def known(self, of: str) -> ConversationReference | None:
        """The reference, where this process has it in memory."""
        return self._known.get(of)

    def in_team(self, seen: ConversationReference) -> bool:
        """Have a channel's group in memory; whether that was news."""
        known = self._known.get(seen.of)
        if known is not None and known.group == seen.group:
            return False
        self._keep(seen if known is None else replace(known, group=seen.group))
        return True

    async def note_team(self, seen: ConversationReference) -> None:
        """Make durable what `in_team` was told; what cannot be stored now is news again the next time."""
        try:
            stored = await self._stored(seen.of)
            if stored is None or stored.group != seen.group:
                await self._put(seen if stored is None else replace(stored, group=seen.group))
        except StorageUnavailable:
            self._known.pop(seen.of, None)
            raise

    async def find(self, of: str) -> ConversationReference | None:
        """The reference; one that does not open is none, since Teams can be asked anew."""
        found = self._known.get(of) or await self._stored(of)
        if found is not None:
            self._keep(found)
        return found

    async def note(self, reference: ConversationReference) -> None:
        """Remember, durably where it is not known yet."""
        if await self.find(reference.of) != reference:
            await self._put(reference)
        self._keep(reference)

    async def forget(self, of: str) -> None:
        """The app was taken away there."""
        self._known.pop(of, None)
        if self._database is not None:
            await self._database.write(lambda tx: tx.references.remove(of))

    async def _stored(self, of: str) -> ConversationReference | None:
        if self._database is None:
            return None
        try:
            return await self._database.read(lambda tx: tx.references.find(of))
        except IntegrityAlarm as alarm:
            _log.critical("integrity_alarm code=%s", alarm.code)
            return None

    async def _put(self, reference: ConversationReference) -> None:
        if self._database is not None:
            now = self._clock.now()
            await self._database.write(lambda tx: tx.references.put(reference, now=now))

    def _keep(self, reference: ConversationReference) -> None:
        self._known[reference.of] = reference
        self._known.move_to_end(reference.of)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)


def _same_person(one: ConversationReference, other: ConversationReference) -> bool:
    return (one.account, one.service) == (other.account, other.service)


def shared(tenant: str, conversation: str) -> str:
    """The name of a group chat's or channel's reference, whatever thread of it is meant."""
    return Place(platform=Platform.TEAMS, tenant=tenant, conversation=conversation, kind=PlaceKind.CHANNEL).key


def of_person(who: ChannelIdentity, account: str, service: str, conversation: str = "") -> ConversationReference:
    """How one person is reached; without a conversation until Teams has named it."""
    return ConversationReference(of=who.key, conversation=conversation, service=service, account=account)
