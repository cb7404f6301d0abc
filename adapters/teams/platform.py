"""Teams as the core sees it: cards posted and edited, and the personal conversation found."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from adapters.teams.config import TeamsConfig
from adapters.teams.connector import Connector
from adapters.teams.conversations import Conversations, of_person, shared
from adapters.teams.present import Present
from adapters.teams.render import VIEWERS_AT_MOST, card_activity, sign_in_activity
from bot.domain.cards import Audience, Card, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reference import ConversationReference
from bot.errors import PlatformRefused
from bot.ports.clock import Clock
from bot.ports.database import Database

Result = TypeVar("Result")

_log = logging.getLogger("doorward.teams")


class TeamsPlatform:
    """A `ChatPlatform` for one bot. Use it on one event loop, and `close` it.

    A message's id is `conversation|activity`, since what is for one person may stand in another conversation than the
    one it answers.
    """

    def __init__(self, config: TeamsConfig, *, clock: Clock, database: Database | None = None) -> None:
        """With a database, whoever was met once is reached after a restart and from another replica."""
        self._config = config
        self._connector = Connector(config, clock=clock)
        self._conversations = Conversations(database, clock)
        self._present = Present(self._connector, clock, config.admits)
        self._aside: set[asyncio.Task[Any]] = set()

    def aside(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run beside the answer to Teams; held until done, and `close` waits for it."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._aside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("teams_aside_failed error=%s", getattr(error, "code", type(error).__name__))

    async def close(self) -> None:
        """Let what runs beside finish, then close the connections."""
        while self._aside:
            await asyncio.wait(self._aside)
        await self._connector.close()

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        """Post where it belongs: what is for one person goes to their personal conversation, never to more people.

        Posted once: Teams knows no deduplication key, so `PlatformUnavailable.outcome_unknown` tells the caller where a
        message may stand already.
        """
        target = place
        if reply.audience is Audience.PERSON and place.kind is not PlaceKind.DIRECT:
            target = await self._personal(place, to)
        conversation = _conversation(target)
        content = self._sign_in(target, reply) or card_activity(reply.card, await self._viewers(target, reply.card))
        answer = await self._connector.create_activity(await self._service(target), conversation, content)
        message = answer.get("id")
        return message_id(conversation, message) if isinstance(message, str) and message else None

    def _sign_in(self, target: Place, reply: Reply) -> dict[str, Any] | None:
        """Only in the personal chat: nobody else's client may answer for whoever is offered to sign in."""
        if not self._config.sso_resource or target.kind is not PlaceKind.DIRECT:
            return None
        return sign_in_activity(reply.card, self._config.sso_resource)

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        """Replace a message; `message` is what `post` gave or `IncomingMessage.source` said."""
        conversation, _, activity = message.rpartition("|")
        content = card_activity(reply.card, await self._viewers(place, reply.card)) | {"id": activity}
        await self._connector.update_activity(await self._service(place), conversation, activity, content)

    async def _viewers(self, place: Place, card: Card) -> list[str]:
        """Whose clients are to ask what they are shown: who comes back first, then the conversation's own."""
        if not card.refresh:
            return []
        named = [await self._conversations.find(who.key) for who in card.viewers]
        first = [met.account for met in named if met is not None]
        present = await self._present.of(await self._service(place), place.conversation)
        return list(dict.fromkeys([*first, *present]))[:VIEWERS_AT_MOST]

    def link_to(self, place: Place, message: str, *, reached: ConversationReference | None = None) -> str:
        """Teams' deep link to a message of a channel or chat; what was noted of a channel names its team.

        See: https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
        """
        conversation, _, activity = message.rpartition("|")
        base, _, thread = conversation.partition(";messageid=")
        address = f"https://teams.microsoft.com/l/message/{quote(base, safe='')}/{quote(activity, safe='')}"
        channel = {"tenantId": place.tenant, "parentMessageId": thread or activity}
        noted = (reached, self._conversations.known(shared(place.tenant, base)))
        group = next((known.group for known in noted if known is not None and known.group), "")
        channel |= {"groupId": group} if group else {}
        channel |= {"createdTime": activity} if activity.isdecimal() else {}  # a message's id is when it was made
        chat = {"tenantId": place.tenant, "context": json.dumps({"contextType": "chat"}, separators=(",", ":"))}
        return f"{address}?{urlencode(channel if place.kind is PlaceKind.CHANNEL else chat)}"

    async def open_dialog(self, trigger: str, dialog: Dialog) -> str | None:
        """Nothing: Teams opens a dialog only in the answer to the press, see `Ingress.open_dialog`."""
        return None

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """Refused: an open dialog changes only in the answer to its own submission."""
        raise PlatformRefused("no update of an open dialog")

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """The personal conversation; Teams gives the same one every time."""
        return await self._direct_at(to, self._config.first_service)

    def thread_of(self, place: Place, message: str) -> Place:
        """The thread of a channel; a chat has none."""
        if place.thread or place.kind is not PlaceKind.CHANNEL:
            return place
        return replace(place, thread=message.rpartition("|")[2])

    async def take_away(self, place: Place, message: str) -> bool:
        """Nothing: the Bot Connector deletes the bot's own activities alone."""
        return False

    async def member(self, service: str, conversation: str, account: str) -> dict[str, Any]:
        """What Teams says of a person in a conversation. Raises as `post`."""
        return await self._connector.member(service, conversation, account)

    def remember(self, who: ChannelIdentity, account: str, service: str) -> None:
        """Teams' own name of a person for this bot (`29:…`), by which a conversation is made; stored besides."""
        met = of_person(who, account, service)
        if self._conversations.keep(met):
            _ = self.aside(self._conversations.met(met))

    def in_team(self, place: Place, group: str) -> None:
        """An activity came from a channel of this team. It stands in links alone, and gives nobody a right."""
        if place.kind is not PlaceKind.CHANNEL:
            return
        of = shared(place.tenant, place.conversation)
        service = place.service or self._config.first_service
        seen = ConversationReference(of=of, conversation=place.conversation, service=service, group=group)
        if self._conversations.in_team(seen):
            _ = self.aside(self._conversations.note_team(seen))

    async def joined(self, place: Place) -> None:
        """The app was added to a shared conversation. Raises `StorageUnavailable`."""
        of = shared(place.tenant, place.conversation)
        service = place.service or self._config.first_service
        joined = ConversationReference(of=of, conversation=place.conversation, service=service)
        known = await self._conversations.find(of)
        await self._conversations.note(joined if known is None else replace(joined, group=known.group))

    async def left(self, place: Place, who: ChannelIdentity) -> None:
        """The app was taken away there: what was noted reaches nobody any more. Raises `StorageUnavailable`."""
        direct = place.kind is PlaceKind.DIRECT
        await self._conversations.forget(who.key if direct else shared(place.tenant, place.conversation))

    async def _personal(self, place: Place, to: ChannelIdentity) -> Place:
        """Who was never met is in the roster of the place, by their directory id."""
        if await self._conversations.find(to.key) is None:
            service = await self._service(place)
            known = await self.member(service, place.conversation, to.account)
            if isinstance(known.get("id"), str):
                await self._conversations.note(of_person(to, known["id"], service))
        return await self._direct_at(to, await self._service(place))

    async def _direct_at(self, to: ChannelIdentity, service: str) -> Place:
        if to.platform is not Platform.TEAMS or not self._config.admits(to.tenant):
            raise PlatformRefused("tenant not on the list")
        known = await self._conversations.find(to.key)
        if known is None:
            known = of_person(to, to.account, service)
        if not known.conversation:
            known = replace(known, conversation=await self._created(to, known))
            await self._conversations.note(known)
        return Place(
            platform=Platform.TEAMS,
            tenant=to.tenant,
            conversation=known.conversation,
            kind=PlaceKind.DIRECT,
            service=known.service,
        )

    async def _created(self, to: ChannelIdentity, known: ConversationReference) -> str:
        body = {
            "bot": {"id": f"28:{self._config.app_id}"},
            "members": [{"id": known.account}],
            "isGroup": False,
            "tenantId": to.tenant,
            "channelData": {"tenant": {"id": to.tenant}},
        }
        answer = await self._connector.create_conversation(known.service, body)
        conversation = answer.get("id")
        if not isinstance(conversation, str) or not conversation:
            raise PlatformRefused("no conversation")
        return conversation

    async def _service(self, place: Place) -> str:
        """Where a place is: as it says, as it was noted, or where the configuration begins."""
        if place.service:
            return place.service
        known = await self._conversations.find(shared(place.tenant, place.conversation))
        return known.service if known is not None else self._config.first_service


def message_id(conversation: str, activity: str) -> str:
    """The id under which a message can be edited later."""
    return f"{conversation}|{activity}"


def _conversation(place: Place) -> str:
    """A thread of a channel is addressed as part of the conversation."""
    return f"{place.conversation};messageid={place.thread}" if place.thread else place.conversation
