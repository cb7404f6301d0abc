"""The way in over Socket Mode: connections that we open, for where Slack cannot call us.

The connection itself proves Slack (TLS to its own host, opened with our app-level token), so nothing is signed. What
else holds over HTTP holds here: size and shape, workspace and app, one effect however often delivered, and an
acknowledgement only once the inbox row is durable. What HTTP answers with a 4xx or 503 is not acknowledged here: Slack
delivers it again, and gives up.

The SDK's own client is not used: it logs frames, parses them before any limit, queues without one, takes proxies from
the environment, and closes a connection before it has opened the next.
See: https://docs.slack.dev/apis/events-api/using-socket-mode/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from urllib.parse import urlsplit

import aiohttp

from adapters.slack.app import SlackApp
from adapters.slack.config import SlackConfig
from adapters.slack.guard import MAX_BODY_BYTES
from adapters.slack.parsing import Payload, envelope_of, parse_frame
from adapters.slack.web_api import WebApi, no_redirects
from adapters.slack.workspaces import admit, text_of
from bot.domain.identity import Platform
from bot.errors import Misconfigured, PlatformRefused, PlatformUnavailable, Refusal, TooLarge
from bot.ports.ingress import Ingress

CONNECTIONS = 2
"""Slack takes up to ten and spreads what it delivers; with two, one is there while the other is renewed."""
OPEN_SECONDS = 10
HEARTBEAT_SECONDS = 20
"""A connection that answers no ping within half of this is given up."""
DRAIN_SECONDS = 30
"""Slack announces the end of a connection some ten seconds ahead."""
LAST_SECONDS = 3
AT_ONCE = 200
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
HOSTS = (".slack.com", ".slack-gov.com")

_log = logging.getLogger("doorward.slack.socket")
_TRANSIENT = (aiohttp.ClientError, OSError, TimeoutError, PlatformUnavailable)


class _Lost(PlatformUnavailable):
    """A connection that was good has ended without a word."""


class SocketMode:
    """Keeps some connections open until it is stopped."""

    def __init__(
        self,
        config: SlackConfig,
        app: SlackApp,
        ingress: Ingress,
        *,
        connections: int = CONNECTIONS,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        handled: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """`handled` hears of each frame whether it was acknowledged. Raises `Misconfigured` without an app token."""
        if config.app_token is None:
            raise Misconfigured("DOORWARD_SLACK__APP_TOKEN is empty: make an app-level token with connections:write")
        self._token = config.app_token
        self._config = config
        self._app = app
        self._ingress = ingress
        self._connections = connections
        self._pause = pause
        self._handled = handled
        self._api = WebApi(config.api_base_url)
        self._session: aiohttp.ClientSession | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._draining: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """Open the connections, and keep them."""
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=OPEN_SECONDS),
            middlewares=(no_redirects,),
            trust_env=False,
        )
        self._keepers = [asyncio.create_task(self._keep()) for _ in range(self._connections)]

    async def stop(self) -> None:
        """Take nothing more, let what is under way be acknowledged, and close."""
        reading = [*self._keepers, *self._draining]
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        await self._api.close()

    async def _keep(self) -> None:
        """One connection after another; each failure doubles the wait."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                await self._connection()
                wait = FIRST_WAIT_SECONDS
                continue
            except _Lost:
                wait = FIRST_WAIT_SECONDS
                _log.info("slack_socket_closed")
            except PlatformUnavailable as away:
                wait = max(wait, away.retry_after_seconds)
                _log.warning("slack_socket_away")
            except PlatformRefused as refused:
                wait = LONGEST_WAIT_SECONDS
                _log.error("slack_socket_refused error=%s", refused.detail)
            except _TRANSIENT as exc:
                _log.warning("slack_socket_lost error=%s", type(exc).__name__)
            await self._pause(wait)
            wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    async def _connection(self) -> None:
        """From opening to the end. Returns when the next is to be opened at once.

        Raises `PlatformRefused`, `PlatformUnavailable`, `ClientError`, `OSError`, `TimeoutError`.
        """
        socket = await self._open()
        drained = False
        try:
            if await self._read(socket):
                drained = True
                self._hold(self._draining, self._drain(socket))
                return
        finally:
            if not drained:
                await self._last_answers(socket)

    async def _open(self) -> aiohttp.ClientWebSocketResponse:
        answer = await self._api.call("apps.connections.open", {}, self._token)
        url = text_of(answer, "url")
        if not is_slacks(url, self._config.api_base_url):
            raise PlatformRefused("another host")
        if self._session is None:
            raise PlatformUnavailable("stopped")
        async with asyncio.timeout(OPEN_SECONDS):
            return await self._session.ws_connect(url, heartbeat=HEARTBEAT_SECONDS, max_msg_size=MAX_BODY_BYTES)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """Take frames until the connection ends; whether Slack has announced that. Raises `PlatformRefused`."""
        greeted = False
        async for message in socket:
            if message.type is aiohttp.WSMsgType.ERROR:
                break
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            frame = await self._frame(message.data)
            match frame and frame["type"]:
                case None:
                    pass
                case "hello":
                    self._check_app(frame or {})
                    greeted = True
                case "disconnect":
                    if text_of(frame or {}, "reason") == "link_disabled":
                        raise PlatformRefused("link_disabled")
                    return True
                case _:
                    await self._room.acquire()
                    self._hold(self._running, self._deliver(socket, frame or {}))
        if socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            await self._refused(TooLarge("frame"))
        raise _Lost("closed") if greeted else PlatformUnavailable("closed")

    def _check_app(self, frame: Payload) -> None:
        info = frame.get("connection_info")
        ours = self._config.app_id
        if ours is not None and text_of(info if isinstance(info, dict) else {}, "app_id") != ours:
            raise PlatformRefused("the app token is another app's")

    async def _frame(self, text: str) -> Payload | None:
        try:
            return parse_frame(text)
        except Refusal as refusal:
            await self._refused(refusal)
            return None

    async def _deliver(self, socket: aiohttp.ClientWebSocketResponse, frame: Payload) -> None:
        """Answer one envelope, or leave it unacknowledged. Raises nothing."""
        try:
            envelope = envelope_of(frame)
            admit(envelope.payload, self._config.workspaces, self._config.app_id)
            response = await self._app.handle(envelope.payload)
            if response.status_code != 200:
                self._handled(False)
                return
            answer: Payload = {"envelope_id": envelope.id}
            if envelope.takes_answer and response.body:
                answer["payload"] = json.loads(bytes(response.body))
            await socket.send_str(json.dumps(answer))
            self._handled(True)
        except Refusal as refusal:
            await self._refused(refusal)
        except Exception as exc:  # noqa: BLE001 - not acknowledged, so delivered again; its text may quote the payload
            _log.warning("slack_envelope_failed error=%s", type(exc).__name__)
            self._handled(False)
        finally:
            self._room.release()

    async def _refused(self, refusal: Refusal) -> None:
        await self._ingress.rejected(platform=Platform.SLACK, code=refusal.code)
        self._handled(False)

    async def _drain(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Another connection is being opened; what still comes on this one is taken until Slack closes it."""
        try:
            with contextlib.suppress(TimeoutError, PlatformUnavailable, PlatformRefused):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while await self._read(socket):
                        pass
        finally:
            await self._last_answers(socket)

    async def _last_answers(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Acknowledge what is under way before the connection goes."""
        with contextlib.suppress(Exception):
            if self._running and not socket.closed:
                await asyncio.wait(set(self._running), timeout=LAST_SECONDS)
        await socket.close()

    @staticmethod
    def _hold(tasks: set[asyncio.Task[None]], work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def is_slacks(url: str, api_base_url: str) -> bool:
    """Whether the connection goes to Slack, or to the stand-in on this computer that the Web API is."""
    there, api = urlsplit(url), urlsplit(api_base_url)
    if api.scheme == "http":
        return there.scheme == "ws" and there.netloc == api.netloc
    return there.scheme == "wss" and (there.hostname or "").endswith(HOSTS) and there.port in {None, 443}
