"""The fake Slack as the campaigns need it: found by conversation, and telling who waits when something changed."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from tests.fakes.slack_limits import Json
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import Message, View

BUSY = "I'm busy right now."
"""A press that was not known to be durable in time: no reply, and to be made again where nothing comes of it."""


@dataclass
class WatchedSlack(FakeSlack):
    """Stays quick with ten thousand messages."""

    by_channel: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    busy: Counter[str] = field(default_factory=Counter)
    """How often somebody was told so, by conversation."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def _api(self, request: Request) -> Response:
        answer = await super()._api(request)
        self.calls.clear()
        self.spoken_with.clear()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        return answer

    def _store(self, channel: str, content: Json, ephemeral_for: str | None = None) -> Message:
        message = super()._store(channel, content, ephemeral_for)
        if message.text.startswith(BUSY):
            self.busy[channel] += 1
        else:
            self.by_channel[channel].append(message)
        return message

    def told_busy(self, account: str) -> int:
        """How often they were told to press again."""
        return self.busy[self.direct(account)]

    def seen_by(self, account: str) -> list[Message]:
        """What stands in their direct conversation."""
        return self.by_channel[self.direct(account)]

    def dialogs(self, account: str) -> list[View]:
        """The open dialogs of a person."""
        return [view for view in self.views.values() if view.user == account and view.open]

    async def until(self, holds: Callable[[], bool], patience: float) -> bool:
        """Wait for something that a call to Slack makes true; whether it came."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while not holds():
                    await self._changed.wait()
        return holds()
