"""Teams as the core sees it: cards posted and edited, and the personal conversation found."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Coroutine
from typing import Any, TypeVar

from adapters.teams.config import TeamsConfig
from adapters.teams.connector import Connector
from adapters.teams.render import card_activity, sign_in_activity
from bot.domain.cards import Audience, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.errors import PlatformRefused
from bot.ports.clock import Clock

MAX_REMEMBERED = 20_000

Result = TypeVar("Result")

_log = logging.getLogger("doorward.teams")


class TeamsPlatform:
    """A `ChatPlatform` for one bot. Use it on one event loop, and `close` it.

    A message's id is `conversation|activity`, since what is for one person may stand in another conversation than the
    one it answers.
    """

    def __init__(self, config: TeamsConfig, *, clock: Clock) -> None:
        self._config = config
        self._connector = Connector(config, clock=clock)
        self._accounts: OrderedDict[str, str] = OrderedDict()
        self._direct: OrderedDict[str, str] = OrderedDict()
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

    async def post(self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str) -> str | None:
        """Post where it belongs: what is for one person goes to their personal conversation, never to more people.

        Posted once: Teams knows no deduplication key, so `PlatformUnavailable.outcome_unknown` tells the caller where a
        message may stand already.
        """
        target = place
        if reply.audience is Audience.PERSON and place.kind is not PlaceKind.DIRECT:
            target = await self._personal(place, to)
        conversation = _conversation(target)
        content = self._sign_in(target, reply) or card_activity(reply.card)
        answer = await self._connector.create_activity(self._service(target), conversation, content)
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
        content = card_activity(reply.card) | {"id": activity}
        await self._connector.update_activity(self._service(place), conversation, activity, content)

    async def open_dialog(self, trigger: str, dialog: Dialog) -> str | None:
        """Nothing: Teams opens a dialog only in the answer to the press, see `Ingress.open_dialog`."""
        return None

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """Refused: an open dialog changes only in the answer to its own submission."""
        raise PlatformRefused("no update of an open dialog")

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """The personal conversation; Teams gives the same one every time."""
        return await self._direct_at(to, self._config.first_service)

    async def take_away(self, place: Place, message: str) -> bool:
        """Nothing: the Bot Connector deletes the bot's own activities alone."""
        return False

    async def member(self, service: str, conversation: str, account: str) -> dict[str, Any]:
        """What Teams says of a person in a conversation. Raises as `post`."""
        return await self._connector.member(service, conversation, account)

    def remember(self, who: ChannelIdentity, account: str) -> None:
        """Teams' own name of a person for this bot (`29:…`), by which a conversation is made."""
        _keep(self._accounts, who.key, account)

    async def _personal(self, place: Place, to: ChannelIdentity) -> Place:
        """Another process may have seen the person: the roster of the place knows them by their directory id too."""
        if to.key not in self._accounts and to.key not in self._direct:
            known = await self.member(self._service(place), place.conversation, to.account)
            if isinstance(known.get("id"), str):
                self.remember(to, known["id"])
        return await self._direct_at(to, self._service(place))

    async def _direct_at(self, to: ChannelIdentity, service: str) -> Place:
        if to.platform is not Platform.TEAMS or not self._config.admits(to.tenant):
            raise PlatformRefused("tenant not on the list")
        conversation = self._direct.get(to.key)
        if conversation is None:
            conversation = await self._created(to, service)
            _keep(self._direct, to.key, conversation)
        return Place(
            platform=Platform.TEAMS,
            tenant=to.tenant,
            conversation=conversation,
            kind=PlaceKind.DIRECT,
            service=service,
        )

    async def _created(self, to: ChannelIdentity, service: str) -> str:
        body = {
            "bot": {"id": f"28:{self._config.app_id}"},
            "members": [{"id": self._accounts.get(to.key, to.account)}],
            "isGroup": False,
            "tenantId": to.tenant,
            "channelData": {"tenant": {"id": to.tenant}},
        }
        answer = await self._connector.create_conversation(service, body)
        conversation = answer.get("id")
        if not isinstance(conversation, str) or not conversation:
            raise PlatformRefused("no conversation")
        return conversation

    def _service(self, place: Place) -> str:
        return place.service or self._config.first_service


def message_id(conversation: str, activity: str) -> str:
    """The id under which a message can be edited later."""
    return f"{conversation}|{activity}"


def _conversation(place: Place) -> str:
    """A thread of a channel is addressed as part of the conversation."""
    return f"{place.conversation};messageid={place.thread}" if place.thread else place.conversation


def _keep(memory: OrderedDict[str, str], key: str, value: str) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > MAX_REMEMBERED:
        memory.popitem(last=False)
