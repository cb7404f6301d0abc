"""Slack as the core sees it: posts, edits and dialogs through slack_sdk, its errors translated at this border."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.config import API_BASE_URL
from adapters.slack.render import Block, card_blocks, card_text, dialog_view
from bot.domain.cards import Audience, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable

CALL_SECONDS = 10
MAX_RETRY_AFTER_SECONDS = 300
DIALOG_RETRY_SECONDS = (0.1, 0.2, 0.4, 0.8)
"""A worker may be quicker than the opening it updates."""
MAX_REMEMBERED = 20_000

_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_NOT_THERE = frozenset(
    {"channel_not_found", "not_in_channel", "user_not_in_channel", "is_archived", "messages_tab_disabled"}
)
_NO_DIALOG_YET = frozenset({"not_found", "view_not_found"})
_NAMESPACE = uuid.UUID("6d0a4fc1-5f36-4c4e-9a5f-5b8d3d1f2a10")

Result = TypeVar("Result")

_log = logging.getLogger("doorward.slack")
sdk_log = logging.getLogger("doorward.slack.sdk")
"""At debug the SDK logs whole bodies, so it has a level of its own whatever the root says."""
sdk_log.setLevel(logging.WARNING)


class SlackPlatform:
    """A `ChatPlatform` over one bot token. Use it on one event loop, and `close` it."""

    def __init__(
        self,
        bot_token: Secret,
        *,
        api_base_url: str = API_BASE_URL,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._token = bot_token
        self._base_url = api_base_url
        self._pause = pause
        self._client: AsyncWebClient | None = None
        self._direct: OrderedDict[str, str] = OrderedDict()
        self._aside: set[asyncio.Task[Any]] = set()

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
        if self._client is not None and self._client.session is not None:
            await self._client.session.close()
        self._client = None

    async def post(self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str) -> str | None:
        """Post where it belongs: `chat.postEphemeral` for one person in a channel, `chat.postMessage` elsewhere.

        What is for one person goes to their direct conversation where the bot is not in the place (a command may be
        typed anywhere); it never goes to more people than asked.
        """
        personal = reply.audience is Audience.PERSON
        content = _content(reply) | {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
        content["client_msg_id"] = str(uuid.uuid5(_NAMESPACE, dedupe_key))
        try:
            if personal and place.kind is not PlaceKind.DIRECT:
                await self._post_ephemeral(place, to, reply)
                return None
            return await self._post_message(place.conversation, content, thread=place.thread)
        except PlatformRefused as refusal:
            if refusal.detail not in _NOT_THERE or not (personal or place.kind is PlaceKind.DIRECT):
                raise
            return await self._post_message(to.account, content, thread=None)

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        """`chat.update`; `message` is what `post` gave or `IncomingMessage.source` said."""
        channel, _, stamp = message.partition(":")
        await self._call("chat.update", {"channel": channel, "ts": stamp} | _content(reply))

    async def open_dialog(self, trigger: str, dialog: Dialog, *, name: str = "") -> str | None:
        """`views.open`; `trigger` lives three seconds and works once. `name` is a name of ours to update it by."""
        answer = await self._call("views.open", {"trigger_id": trigger, "view": dialog_view(dialog, name=name)})
        return str(answer["view"]["id"])

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """`views.update`; `view` is a view id, or the name it was opened under (`IncomingMessage.trigger`)."""
        by_name = not view.startswith("V")
        target = {"external_id": view} if by_name else {"view_id": view}
        content = target | {"view": dialog_view(dialog, name=view if by_name else "")}
        for seconds in (*DIALOG_RETRY_SECONDS, None):
            try:
                await self._call("views.update", content)
                return
            except PlatformRefused as refusal:
                if not by_name or seconds is None or refusal.detail not in _NO_DIALOG_YET:
                    raise
                await self._pause(seconds)

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """`conversations.open`, remembered: a direct conversation keeps its id."""
        channel = self._direct.get(to.key)
        if channel is None:
            answer = await self._call("conversations.open", {"users": to.account})
            channel = self._direct[to.key] = str(answer["channel"]["id"])
            if len(self._direct) > MAX_REMEMBERED:
                self._direct.popitem(last=False)
        return Place(platform=Platform.SLACK, tenant=to.tenant, conversation=channel, kind=PlaceKind.DIRECT)

    async def person(self, account: str) -> dict[str, Any]:
        """What `users.info` says of a person. Raises as `post`."""
        answer = await self._call("users.info", {"user": account}, form=True)
        person = answer.get("user")
        return person if isinstance(person, dict) else {}

    async def whoami(self) -> dict[str, Any]:
        """`auth.test`: whether the token is good, and whose it is. Raises as `post`."""
        return await self._call("auth.test", {})

    async def _post_message(self, channel: str, content: Block, *, thread: str | None) -> str:
        payload = content | {"channel": channel} | ({"thread_ts": thread} if thread else {})
        answer = await self._call("chat.postMessage", payload)
        return f"{answer['channel']}:{answer['ts']}"

    async def _post_ephemeral(self, place: Place, to: ChannelIdentity, reply: Reply) -> None:
        payload = _content(reply) | {"channel": place.conversation, "user": to.account}
        await self._call("chat.postEphemeral", payload | ({"thread_ts": place.thread} if place.thread else {}))

    async def _call(self, method: str, payload: Block, *, form: bool = False) -> dict[str, Any]:
        """One call. Raises `PlatformUnavailable` or `PlatformRefused`, its detail Slack's own error word."""
        client = self._client or self._connect()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await (
                    client.api_call(method, data=payload) if form else client.api_call(method, json=payload)
                )
        except SlackApiError as exc:
            raise _translated(method, exc) from None  # its text quotes Slack's answer
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise PlatformUnavailable(f"{method}: {type(exc).__name__}") from None
        return answer.data if isinstance(answer.data, dict) else {}

    def _connect(self) -> AsyncWebClient:
        """One session for all calls, on the loop that runs: no redirects, no proxy or password file from outside."""
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
            middlewares=(_no_redirects,),
            trust_env=False,
        )
        self._client = AsyncWebClient(
            token=self._token.reveal(),
            base_url=self._base_url,
            session=session,
            logger=sdk_log,
            retry_handlers=[],  # a blind repeat posts twice; delivery repeats knowingly
        )
        self._client.proxy = None
        return self._client


async def _no_redirects(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """The token goes to the one host named for it."""
    response = await handler(request)
    if response.status in {301, 302, 303, 307, 308}:
        response.close()
        raise aiohttp.ClientError("redirected")
    return response


def _content(reply: Reply) -> Block:
    return {"text": card_text(reply.card), "blocks": card_blocks(reply.card)}


def _translated(method: str, exc: SlackApiError) -> PlatformUnavailable | PlatformRefused:
    response = exc.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0))
    data = getattr(response, "data", None)
    error = str(data.get("error", "")) if isinstance(data, dict) else ""
    if status == 429 or status >= 500 or error in _PASSING or not error:
        return PlatformUnavailable(f"{method}: {error or status}", retry_after_seconds=_retry_after(response))
    _log.warning("slack_refused method=%s error=%s", method, error)
    return PlatformRefused(error)


def _retry_after(response: Any) -> float:
    headers = getattr(response, "headers", None) or {}
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "1")
    return float(min(int(value), MAX_RETRY_AFTER_SECONDS)) if str(value).isdigit() else 1.0
