"""What a person sees before they say anything: the app's home page, and suggestions in an empty conversation."""

from __future__ import annotations

from adapters.slack.config import Phrases
from adapters.slack.parsing import Payload
from adapters.slack.people import People, actor_of
from adapters.slack.platform import SlackPlatform
from adapters.slack.workspaces import text_of, workspace_of
from bot.domain.cards import Card
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.errors import NotAllowed
from bot.ports.start import StartPage

SHOWN_ON = frozenset({"app_home_opened", "assistant_thread_started"})
"""Slack sends `app_home_opened` to an agent (`agent_view`) when its conversation is opened, too; the older
`assistant_view` has an event of its own. See: https://docs.slack.dev/ai/migrating-to-agent-messaging/
"""


class Surfaces:
    """Fills them in, beside the acknowledgement: they hold no state, so one that fails is filled in next time."""

    def __init__(self, platform: SlackPlatform, people: People, phrases: Phrases, start: StartPage | None) -> None:
        self._platform = platform
        self._people = people
        self._phrases = phrases
        self._start = start

    async def show(self, payload: Payload) -> None:
        """Answer one of `SHOWN_ON`. Raises `Malformed`, `NotAllowed`, `TooMany`, `PlatformRefused`, `Unavailable`."""
        event = payload["event"]
        if event["type"] == "assistant_thread_started":
            thread = event.get("assistant_thread")
            opened = thread if isinstance(thread, dict) else {}
            await self._suggest(payload, text_of(opened, "channel_id"), text_of(opened, "thread_ts"))
        elif text_of(event, "tab") == "messages":
            await self._suggest(payload, text_of(event, "channel"), "")
        elif text_of(event, "tab") == "home":
            await self._show_home(payload)

    async def _suggest(self, payload: Payload, channel: str, thread: str) -> None:
        if not channel.startswith("D"):
            return
        place = Place(
            platform=Platform.SLACK,
            tenant=workspace_of(payload).tenant,
            conversation=channel,
            kind=PlaceKind.DIRECT,
            thread=thread or None,
        )
        prompts = self._phrases.prompts
        if self._start is not None:
            who = await self._people.identify(payload)
            started = await self._start.started(who, place, event=text_of(payload, "event_id"))
            prompts = tuple((prompt.title, prompt.message) for prompt in started.prompts) or prompts
        await self._platform.suggest(place, prompts, title=self._phrases.prompts_title)

    async def _show_home(self, payload: Payload) -> None:
        tenant = workspace_of(payload).tenant
        try:
            who = await self._people.identify(payload)
        except NotAllowed:
            account = actor_of(payload).account
            who = ChannelIdentity(platform=Platform.SLACK, tenant=tenant, account=account)
            if self._start is not None:
                await self._start.opened(who, event=text_of(payload, "event_id"))
            await self._platform.show_home(who, tenant, Card(headline=self._phrases.not_for_you))
            return
        card = Card(headline=self._phrases.loading_title)
        if self._start is not None:
            place = Place(platform=Platform.SLACK, tenant=tenant, conversation=who.account, kind=PlaceKind.DIRECT)
            card = (await self._start.started(who, place, event=text_of(payload, "event_id"))).card
        await self._platform.show_home(who, tenant, card)
