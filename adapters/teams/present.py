"""Who is in a conversation, for a card of which each is shown their own; at most as many as Teams does it for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from adapters.teams.people import STANDING_SECONDS, is_full
from adapters.teams.render import VIEWERS_AT_MOST
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock

MAX_REMEMBERED = 2000


class Roster(Protocol):
    """Lists a conversation's people."""

    async def members(self, service: str, conversation: str, page: int) -> dict[str, Any]:
        """What Teams says. Raises `PlatformUnavailable` or `PlatformRefused`."""
        ...


class Present:
    """The full members of a conversation, by Teams' own names; remembered as long as a look-up of one person."""

    def __init__(self, roster: Roster, clock: Clock, admits: Callable[[str], bool]) -> None:
        self._roster = roster
        self._clock = clock
        self._admits = admits
        self._known: OrderedDict[str, tuple[datetime, tuple[str, ...]]] = OrderedDict()

    async def of(self, service: str, conversation: str) -> tuple[str, ...]:
        """Nobody where Teams does not tell: the card still goes out, with the buttons that everybody sees."""
        known = self._known.get(conversation)
        if known is not None and self._clock.now() < known[0]:
            return known[1]
        try:
            answer = await self._roster.members(service, conversation, VIEWERS_AT_MOST)
        except (PlatformUnavailable, PlatformRefused):
            return ()
        listed = answer.get("members")
        profiles = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        found = tuple(str(one["id"]) for one in profiles if self._counts(one))[:VIEWERS_AT_MOST]
        self._known[conversation] = (self._clock.now() + timedelta(seconds=STANDING_SECONDS), found)
        self._known.move_to_end(conversation)
        if len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)
        return found

    def _counts(self, profile: dict[str, Any]) -> bool:
        name, tenant = profile.get("id"), profile.get("tenantId")
        own = isinstance(tenant, str) and self._admits(tenant.lower())
        return isinstance(name, str) and name.startswith("29:") and own and is_full(profile)
