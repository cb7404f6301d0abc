"""The start card as the chat adapters ask for it, outside of any message."""

from __future__ import annotations

from typing import Protocol

from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place
from bot.domain.start import Started


class StartPage(Protocol):
    """Slack's App Home, a welcome, and the suggested prompts of an assistant."""

    async def started(
        self,
        who: ChannelIdentity,
        place: Place,
        *,
        event: str = "",
        locale: str | None = None,
        timezone: str | None = None,
    ) -> Started:
        """What this account begins with, its buttons ready to be pressed; once for an `event` of the platform's.

        Raises `TooMany` for one that was answered before, and for more than a person opens; `StorageUnavailable`.
        """
        ...

    async def opened(self, who: ChannelIdentity, *, event: str) -> None:
        """Count an opening by somebody who is shown nothing of theirs. Raises as `started`."""
        ...
