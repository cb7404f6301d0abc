"""Slack's Web API: one call at a time, its errors translated at this border."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.config import API_BASE_URL
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable

CALL_SECONDS = 10
MAX_RETRY_AFTER_SECONDS = 300

_PASSING = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)
_log = logging.getLogger("doorward.slack")
sdk_log = logging.getLogger("doorward.slack.sdk")
"""At debug the SDK logs whole bodies, so it has a level of its own whatever the root says."""
sdk_log.setLevel(logging.WARNING)


class WebApi:
    """One session for all calls, on the loop that runs. `close` it."""

    def __init__(self, base_url: str = API_BASE_URL) -> None:
        self._base_url = base_url
        self._client: AsyncWebClient | None = None

    async def call(
        self, method: str, payload: dict[str, Any], token: Secret | None, *, form: bool = False
    ) -> dict[str, Any]:
        """One call. Raises `PlatformUnavailable` or `PlatformRefused`, its detail Slack's own error word."""
        client = self._client or self._connect()
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token is not None else {}
        try:
            async with asyncio.timeout(CALL_SECONDS):
                sent = {"data": payload} if form else {"json": payload}
                answer = await client.api_call(method, headers=headers, **sent)  # type: ignore[arg-type]
        except SlackApiError as exc:
            raise _translated(method, exc) from None  # its text quotes Slack's answer
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as exc:
            raise PlatformUnavailable(f"{method}: {type(exc).__name__}") from None
        return answer.data if isinstance(answer.data, dict) else {}

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None and self._client.session is not None:
            await self._client.session.close()
        self._client = None

    def _connect(self) -> AsyncWebClient:
        """No redirects, and no proxy or password file from outside."""
        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=CALL_SECONDS),
            middlewares=(no_redirects,),
            trust_env=False,
        )
        self._client = AsyncWebClient(
            base_url=self._base_url,
            session=session,
            logger=sdk_log,
            retry_handlers=[],  # a blind repeat posts twice; delivery repeats knowingly
        )
        self._client.proxy = None
        return self._client


async def no_redirects(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """The token goes to the one host named for it."""
    response = await handler(request)
    if response.status in {301, 302, 303, 307, 308}:
        response.close()
        raise aiohttp.ClientError("redirected")
    return response


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
