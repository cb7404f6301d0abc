"""Slack as the core sees it: posts, edits and dialogs through slack_sdk, its errors translated at this border."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from adapters.slack.render import Block, card_blocks, card_text, dialog_view, home_view
from adapters.slack.translate import dialog_of
from adapters.slack.web_api import WebApi
from bot.domain.cards import Audience, Card, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.reference import ConversationReference
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable

DIALOG_RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8)
"""A worker may be quicker than the opening it updates."""
PATIENCE_SECONDS = 60
"""What may be repeated harmlessly waits so long when Slack asks for it, off the acknowledging path."""
TRIES = 3
MAX_REMEMBERED = 20_000
NO_TOKEN_ANY_MORE = frozenset({"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"})

_NOT_THERE = frozenset(
    {"channel_not_found", "not_in_channel", "user_not_in_channel", "is_archived", "messages_tab_disabled"}
)
_NO_DIALOG_YET = frozenset({"not_found", "view_not_found"})
POSTED = "doorward_reply"
HISTORY_MESSAGES = 100
"""A conversation goes on while a process is gone; further back is not looked."""
_NAMESPACE = uuid.UUID("6d0a4fc1-5f36-4c4e-9a5f-5b8d3d1f2a10")

Result = TypeVar("Result")
Prompt = tuple[str, str]
"""A suggestion's title, and what pressing it types."""

_log = logging.getLogger("doorward.slack")


class Tokens(Protocol):
    """Whose bot token a call is made with."""

    async def of(self, tenant: str) -> Secret:
        """The token for a workspace. Raises `PlatformRefused` (not installed there) or `PlatformUnavailable`."""
        ...

    def refused(self, tenant: str) -> None:
        """Slack no longer takes this workspace's token: look it up again next time."""
        ...


class OneToken:
    """The same token whatever the workspace."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    async def of(self, tenant: str) -> Secret:
        """See `Tokens`."""
        del tenant
        return self._token

    def refused(self, tenant: str) -> None:
        """There is no other to look up."""


class SlackPlatform:
    """A `ChatPlatform`. Use it on one event loop, and `close` it."""

    def __init__(
        self, tokens: Tokens, api: WebApi, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._tokens = tokens
        self._api = api
        self._pause = pause
        self._direct: OrderedDict[str, str] = OrderedDict()
        self._aside: set[asyncio.Task[Any]] = set()
        self._status: WeakValueDictionary[tuple[str, str], asyncio.Event] = WeakValueDictionary()

    def aside(self, work: Coroutine[Any, Any, object]) -> None:
        """Run beside the answer to Slack; `close` waits for it."""
        self.held(work)  # type: ignore[unused-awaitable]  # nobody waits for it

    def held(self, work: Coroutine[Any, Any, Result]) -> asyncio.Task[Result]:
        """Run as a task that is not lost when nobody waits for it any more; `close` does."""
        task = asyncio.create_task(work)
        self._aside.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._aside.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.info("slack_aside_failed error=%s", getattr(error, "code", type(error).__name__))

    async def settled(self) -> None:
        """Wait until nothing runs beside any more."""
        while self._aside:
            await asyncio.wait(self._aside)

    async def close(self) -> None:
        """Let what runs beside finish, then close the connections."""
        await self.settled()
        await self._api.close()

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        """Post where it belongs: `chat.postEphemeral` for one person in a channel, `chat.postMessage` elsewhere.

        What is for one person goes to their direct conversation where the bot is not in the place (a command may be
        typed anywhere); it never goes to more people than asked.
        """
        personal = reply.audience is Audience.PERSON
        content = _content(reply) | {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
        content["metadata"] = {"event_type": POSTED, "event_payload": {"key": str(uuid.uuid5(_NAMESPACE, dedupe_key))}}
        if repeated and (found := await self._posted_before(place, content["metadata"])) is not None:
            return found
        try:
            if personal and place.kind is not PlaceKind.DIRECT:
                await self._post_ephemeral(place, to, reply)
                return None
            return await self._post_message(place.tenant, place.conversation, content, thread=place.thread)
        except PlatformRefused as refusal:
            if refusal.detail not in _NOT_THERE or not (personal or place.kind is PlaceKind.DIRECT):
                raise
            return await self._post_message(place.tenant, to.account, content, thread=None)

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        """`chat.update`; `message` is what `post` gave or `IncomingMessage.source` said."""
        channel, _, stamp = message.partition(":")
        await self._call("chat.update", {"channel": channel, "ts": stamp} | _content(reply), tenant=place.tenant)

    async def open_dialog(self, trigger: str, dialog: Dialog, *, name: str = "") -> str | None:
        """`views.open`; `trigger` lives three seconds and works once. `name` (`IncomingMessage.trigger`) is the name
        of ours to update it by, with the workspace in it.
        """
        tenant, ours = dialog_of(name)
        payload = {"trigger_id": trigger, "view": dialog_view(dialog, name=ours)}
        answer = await self._call("views.open", payload, tenant=tenant)
        return str(answer["view"]["id"])

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """`views.update`; `view` is a view id, or the name it was opened under (`IncomingMessage.trigger`)."""
        tenant, view = dialog_of(view)
        by_name = not view.startswith("V")
        target = {"external_id": view} if by_name else {"view_id": view}
        content = target | {"view": dialog_view(dialog, name=view if by_name else "")}
        for seconds in (*DIALOG_RETRY_SECONDS, None):
            try:
                await self._call("views.update", content, tenant=tenant)
                return
            except PlatformRefused as refusal:
                if not by_name or seconds is None or refusal.detail not in _NO_DIALOG_YET:
                    raise
                await self._pause(seconds)

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """`conversations.open`, remembered: a direct conversation keeps its id."""
        channel = self._direct.get(to.key)
        if channel is None:
            answer = await self._call("conversations.open", {"users": to.account}, tenant=to.tenant)
            channel = self._direct[to.key] = str(answer["channel"]["id"])
            if len(self._direct) > MAX_REMEMBERED:
                self._direct.popitem(last=False)
        return Place(platform=Platform.SLACK, tenant=to.tenant, conversation=channel, kind=PlaceKind.DIRECT)

    def link_to(self, place: Place, message: str, *, reached: ConversationReference | None = None) -> str:
        """None: a permalink is one more call, and a press is answered where it was made."""
        return ""

    def thread_of(self, place: Place, message: str) -> Place:
        """The thread that the message begins, or stands in."""
        return place if place.thread else replace(place, thread=message.partition(":")[2])

    async def take_away(self, place: Place, message: str) -> bool:
        """Nothing: `chat.delete` with a bot's token removes the bot's own messages alone."""
        return False

    async def take_back(self, place: Place, message: str) -> None:
        """`chat.delete` of a message of ours; `message` is what `post` gave. Raises as `post`."""
        channel, _, stamp = message.partition(":")
        await self._call("chat.delete", {"channel": channel, "ts": stamp}, tenant=place.tenant, tries=TRIES)

    async def person(self, account: str, tenant: str = "") -> dict[str, Any]:
        """What `users.info` says of a person, asked in this workspace. Raises as `post`."""
        answer = await self._call("users.info", {"user": account}, tenant=tenant, form=True)
        person = answer.get("user")
        return person if isinstance(person, dict) else {}

    async def whoami(self, tenant: str = "") -> dict[str, Any]:
        """`auth.test`: whether the token is good, and whose it is. Raises as `post`."""
        return await self._call("auth.test", {}, tenant=tenant)

    async def show_home(self, who: ChannelIdentity, tenant: str, card: Card) -> None:
        """`views.publish`: the app's home page as this person sees it. Raises as `post`."""
        payload = {"user_id": who.account, "view": home_view(card)}
        await self._call("views.publish", payload, tenant=tenant, tries=TRIES)

    async def suggest(self, place: Place, prompts: Sequence[Prompt], *, title: str) -> None:
        """`assistant.threads.setSuggestedPrompts`, at most four; `place.thread` only in the older assistant view."""
        payload: Block = {
            "channel_id": place.conversation,
            "title": title,
            "prompts": [{"title": shown, "message": typed} for shown, typed in prompts[:4]],
        }
        payload |= {"thread_ts": place.thread} if place.thread else {}
        await self._call("assistant.threads.setSuggestedPrompts", payload, tenant=place.tenant, tries=TRIES)

    def about_to_say_working(self, place: Place) -> asyncio.Event:
        """What `say_working` sets when it is through: until then nothing is posted into this thread."""
        shown = self._status[place.conversation, place.thread or ""] = asyncio.Event()
        return shown

    async def say_working(self, place: Place, text: str, shown: asyncio.Event) -> None:
        """`assistant.threads.setStatus`: shown in the thread until something is posted there. Raises as `post`."""
        payload = {"channel_id": place.conversation, "thread_ts": place.thread, "status": text}
        try:
            await self._call("assistant.threads.setStatus", payload, tenant=place.tenant)
        finally:
            shown.set()

    async def _post_message(self, tenant: str, channel: str, content: Block, *, thread: str | None) -> str:
        if thread and (shown := self._status.pop((channel, thread), None)) is not None:
            await shown.wait()  # the other way round the status would stay under the answer
        payload = content | {"channel": channel} | ({"thread_ts": thread} if thread else {})
        answer = await self._call("chat.postMessage", payload, tenant=tenant)
        return f"{answer['channel']}:{answer['ts']}"

    async def _posted_before(self, place: Place, mark: Block) -> str | None:
        """A message of ours with this mark: Slack does not deduplicate, but shows an app what it put on its messages.

        Only in direct conversations, whose history we may read (`im:history`). See:
        https://docs.slack.dev/messaging/message-metadata and https://docs.slack.dev/reference/methods/conversations.history
        """
        if place.kind is not PlaceKind.DIRECT:
            return None
        asked: Block = {"channel": place.conversation, "include_all_metadata": True, "limit": HISTORY_MESSAGES}
        try:
            if place.thread:
                answer = await self._call(
                    "conversations.replies", asked | {"ts": place.thread}, tenant=place.tenant, form=True
                )
            else:
                answer = await self._call("conversations.history", asked, tenant=place.tenant, form=True)
        except PlatformRefused:
            return None  # a conversation that cannot be read; posting says what is wrong with it
        found = (one for one in answer.get("messages", []) if one.get("metadata") == mark)
        return next((f"{place.conversation}:{one['ts']}" for one in found), None)

    async def _post_ephemeral(self, place: Place, to: ChannelIdentity, reply: Reply) -> None:
        payload = _content(reply) | {"channel": place.conversation, "user": to.account}
        payload |= {"thread_ts": place.thread} if place.thread else {}
        await self._call("chat.postEphemeral", payload, tenant=place.tenant)

    async def _call(
        self, method: str, payload: Block, *, tenant: str, form: bool = False, tries: int = 1
    ) -> dict[str, Any]:
        """One call with the workspace's own token, or up to `tries` where a repeat does no harm.

        Raises `PlatformUnavailable` or `PlatformRefused`, its detail Slack's own error word.
        """
        for left in reversed(range(tries)):
            token = await self._tokens.of(tenant)
            try:
                return await self._api.call(method, payload, token, form=form)
            except PlatformRefused as refusal:
                if refusal.detail not in NO_TOKEN_ANY_MORE:
                    raise
                self._tokens.refused(tenant)
                if refusal.detail == "token_expired":
                    raise PlatformUnavailable(f"{method}: {refusal.detail}") from None
                raise
            except PlatformUnavailable as away:
                if not left or away.retry_after_seconds > PATIENCE_SECONDS:
                    raise
                await self._pause(away.retry_after_seconds)
        raise AssertionError("at least one try")


def _content(reply: Reply) -> Block:
    return {"text": card_text(reply.card), "blocks": card_blocks(reply.card)}
