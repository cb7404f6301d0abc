"""The one way out to an identity provider: named hosts only, no redirects, no proxies, bounded in time and size."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bot.errors import ProviderUnavailable

REQUEST_SECONDS = 2.0
"""Of one exchange, from the connection to the last byte."""
ANSWER_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider said."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a provider is: its public authority, and in tests and the demo the loopback address its bytes go to."""

    authority: str
    transport_url: str | None = None
    extra_hosts: frozenset[str] = frozenset()
    """Hosts besides the authority's that its metadata may name (some large providers use several)."""

    def reach(self, url: str) -> str:
        """The URL to connect to for an endpoint; raises ProviderUnavailable for one that is not this provider's."""
        if self.transport_url is not None:
            return self._reach_transport(url, self.transport_url)
        parts = urlsplit(url)
        if parts.scheme != "https" or not (self._same_origin(url) or parts.netloc in self.extra_hosts):
            raise ProviderUnavailable("the metadata names an address that is not the provider's", code="idp.metadata")
        return url

    def _reach_transport(self, url: str, transport_url: str) -> str:
        if url == transport_url or url.startswith(f"{transport_url}/"):
            return url
        if url == self.authority or url.startswith(f"{self.authority}/"):
            return transport_url + url.removeprefix(self.authority)
        raise ProviderUnavailable("the metadata names an address beyond the transport URL", code="idp.metadata")

    def _same_origin(self, url: str) -> bool:
        ours, theirs = urlsplit(self.authority), urlsplit(url)
        return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)


class Transport:
    """Requests to one provider, on the running event loop."""

    def __init__(self, address: Address, *, request_seconds: float = REQUEST_SECONDS) -> None:
        self._address = address
        self._seconds = request_seconds
        self._client = httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=request_seconds)

    async def get_json(self, url: str) -> dict[str, Any]:
        """A JSON object by GET; raises ProviderUnavailable for anything but 200 with an object."""
        answer = await self._exchange("GET", url, headers={"Accept": "application/json"})
        if answer.status != 200:
            raise ProviderUnavailable(f"the provider answered {answer.status}")
        return parsed_object(answer.text)

    async def post_form(self, url: str, *, data: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """A form by POST, whatever the status below 500 except 429; raises ProviderUnavailable."""
        answer = await self._exchange("POST", url, data=dict(data), headers=dict(headers))
        if answer.status >= 500 or answer.status == 429 or 300 <= answer.status < 400:
            raise ProviderUnavailable(
                f"the provider answered {answer.status}", retry_after_seconds=_retry_after(answer.headers)
            )
        return answer

    async def ask(self, method: str, url: str, *, headers: Mapping[str, str], body: Any = None) -> Answer:
        """A request with or without JSON, and its answer of any status but a redirect; raises ProviderUnavailable."""
        sent = {} if body is None else {"json": body}
        answer = await self._exchange(method, url, headers=dict(headers), **sent)
        if 300 <= answer.status < 400:
            raise ProviderUnavailable(f"the provider answered {answer.status}")
        return answer

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _exchange(self, method: str, url: str, **request: Any) -> Answer:
        target = self._address.reach(url)
        try:
            async with asyncio.timeout(self._seconds), self._client.stream(method, target, **request) as response:
                return Answer(
                    status=response.status_code, headers=dict(response.headers), text=await _bounded(response)
                )
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as failed:
            raise ProviderUnavailable(f"no answer from the provider: {type(failed).__name__}") from failed


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of Retry-After (RFC 9110 §10.2.3), as a number or as a date against the provider's own clock."""
    told = headers.get("retry-after", "")
    if told.isascii() and told.isdigit():
        return float(told[:9])
    try:
        until, asked = parsedate_to_datetime(told), parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (until - asked).total_seconds())
    except (ValueError, TypeError):
        return None


async def _bounded(response: httpx2.Response) -> str:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise ProviderUnavailable("the provider's answer is too large")
    return body.decode("utf-8", errors="replace")


def parsed_object(text: str) -> dict[str, Any]:
    """The JSON object in `text`; raises ProviderUnavailable when there is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as malformed:
        raise ProviderUnavailable("the provider's answer is not JSON") from malformed
    if not isinstance(value, dict):
        raise ProviderUnavailable("the provider's answer is not a JSON object")
    return value
