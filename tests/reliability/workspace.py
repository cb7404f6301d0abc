"""The fake Slack as the campaigns need it: found by conversation, and telling who waits when something changed."""

from __future__ import annotations

import asyncio
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

import bot.texts
from bot.texts.sentences import voice
from tests.fakes.slack_limits import Json
from tests.fakes.slack_server import FakeSlack
from tests.fakes.slack_workspace import Message, View

TEXTS = Path(bot.texts.__path__[0])
BUSY = "I'm busy right now."
"""A press that was not known to be durable in time: no reply, and to be made again where nothing comes of it."""
FAILED = tuple(
    sentence["headline"]
    for sentence in tomllib.loads((TEXTS / "en.toml").read_text(encoding="utf-8"))["failed"].values()
)
"""How every sentence begins that says that something could not be done, or is not known yet to be done."""
CHECKING = voice(None).say("failed.connector.outcome_unknown.headline")
"""The one among them that is no end: what was found out takes its place."""


@dataclass
class WatchedSlack(FakeSlack):
    """Stays quick with ten thousand messages."""

    by_channel: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    regrets: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    """Messages that said, when they were posted, that something could not be done: no reply to count on."""
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
        elif message.text.startswith(FAILED):
            self.regrets[channel].append(message)
        else:
            self.by_channel[channel].append(message)
        return message

    def told_busy(self, account: str) -> int:
        """How often they were told to press again."""
        return self.busy[self.direct(account)]

    def seen_by(self, account: str) -> list[Message]:
        """What stands in their direct conversation."""
        return self.by_channel[self.direct(account)]

    def told_not(self, account: str) -> int:
        """How often they were told beside a card that what they asked for was not done, and that they may ask again."""
        return sum(is_refusal(message) for message in self.regrets[self.direct(account)])

    def all_by(self, account: str) -> list[Message]:
        """What stands in their direct conversation, with what first said that something could not be done."""
        return [*self.seen_by(account), *self.regrets[self.direct(account)]]

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


def is_refusal(message: Message) -> bool:
    """Whether it says that nothing was done, and that is the end of it."""
    return message.text.startswith(FAILED) and not message.text.startswith(CHECKING)
