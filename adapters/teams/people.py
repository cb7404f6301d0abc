"""Who it is on Teams: the directory account, and whether it is a full member of the company's own directory."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.teams.guard import Admitted
from adapters.teams.parsing import Payload, part, text_of
from bot.domain.identity import ChannelIdentity, Platform
from bot.errors import Malformed, NotAllowed, PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock

STANDING_SECONDS = 300
"""How long a look-up holds: a member made a guest is refused after this at the latest."""
MAX_REMEMBERED = 20_000
MAX_NAME = 512
MEMBER = "user"
"""The one `userRole` that is let in; others are `guest` and `anonymous`."""

_ACCOUNT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_THERE = frozenset({"400", "403", "404"})


class Roster(Protocol):
    """Looks up a person in a conversation."""

    async def member(self, service: str, conversation: str, account: str) -> dict[str, Any]:
        """What Teams says. Raises `PlatformUnavailable` or `PlatformRefused`."""
        ...

    def remember(self, who: ChannelIdentity, account: str, service: str) -> None:
        """Keep Teams' own name of a full member, and where they are."""
        ...


def is_a_bot(activity: Payload) -> bool:
    """Whether a bot or skill sent it, ourselves included. Raises `Malformed`."""
    sender = part(activity, "from")
    on_behalf = part(activity, "channelData").get("onBehalfOf")
    return (
        text_of(sender, "id").startswith("28:")
        or text_of(sender, "role").lower() in {"bot", "skill"}
        or bool(on_behalf)
    )


def claimed(admitted: Admitted) -> ChannelIdentity:
    """Who an activity says it is of; nothing has looked them up. Raises `NotAllowed`."""
    account = text_of(part(admitted.activity, "from"), "aadObjectId").lower()
    if not _ACCOUNT.fullmatch(account):
        raise NotAllowed("no directory account", code="ingress.no_account")
    return ChannelIdentity(platform=Platform.TEAMS, tenant=admitted.tenant, account=account)


class People:
    """Answers who somebody is; remembers the answer, not the profile."""

    def __init__(self, roster: Roster, clock: Clock) -> None:
        self._roster = roster
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], tuple[datetime, bool]] = OrderedDict()
        self._looking: dict[tuple[str, str], asyncio.Task[bool]] = {}

    async def identify(self, admitted: Admitted) -> ChannelIdentity:
        """The identity (tenant, directory object id) of a full member.

        Raises `NotAllowed` for guests, people of other directories and anonymous ones, `PlatformUnavailable` when Teams
        does not tell: not knowing is a no.
        """
        who = claimed(admitted)
        if not await self._standing(who, admitted, text_of(part(admitted.activity, "from"), "id")):
            raise NotAllowed("not a full member", code="ingress.not_a_member")
        return who

    async def _standing(self, who: ChannelIdentity, admitted: Admitted, name: str) -> bool:
        key = (who.key, name)
        known = self._known.get(key)
        if known is not None and self._clock.now() < known[0]:
            return known[1]
        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.create_task(self._look_up(who, admitted, name))
            looking.add_done_callback(lambda task: self._looked_up(key, task))
        return await asyncio.shield(looking)  # whoever asked may have to answer before it is through

    def _looked_up(self, key: tuple[str, str], task: asyncio.Task[bool]) -> None:
        self._looking.pop(key, None)
        if not task.cancelled():
            task.exception()  # seen by whoever still waits; nobody may be left

    async def _look_up(self, who: ChannelIdentity, admitted: Admitted, name: str) -> bool:
        full = _is_full_member(who, name, await self._profile(admitted, name))
        if full:
            self._roster.remember(who, name, admitted.service)
        self._known[who.key, name] = (self._clock.now() + timedelta(seconds=STANDING_SECONDS), full)
        self._known.move_to_end((who.key, name))
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return full

    async def _profile(self, admitted: Admitted, name: str) -> dict[str, Any]:
        conversation = text_of(part(admitted.activity, "conversation"), "id").partition(";")[0]
        if not 0 < len(conversation) <= MAX_NAME or not 0 < len(name) <= MAX_NAME:
            raise Malformed("conversation")
        try:
            return await self._roster.member(admitted.service, conversation, name)
        except PlatformRefused as refusal:
            if refusal.detail[:3] in _NOT_THERE:
                return {}
            raise PlatformUnavailable(refusal.detail) from None


def _is_full_member(who: ChannelIdentity, name: str, profile: dict[str, Any]) -> bool:
    """Everything has to be said, and to fit; an external account of our own directory is a guest to us."""

    def said(field: str) -> str:
        value = profile.get(field)
        return value if isinstance(value, str) else ""

    return (
        said("id") == name
        and (said("aadObjectId") or said("objectId")).lower() == who.account
        and said("tenantId").lower() == who.tenant
        and is_full(profile)
    )


def is_full(profile: dict[str, Any]) -> bool:
    """Whether Teams calls somebody a full member, and not by an external account of the directory."""
    role, name = profile.get("userRole"), profile.get("userPrincipalName")
    external = isinstance(name, str) and "#ext#" in name.lower()
    return isinstance(role, str) and role.lower() == MEMBER and not external
