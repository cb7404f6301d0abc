"""A transmitter's own word on our stream: its status, and a verification event on request (Shared Signals 1.0 §8.1)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from bot.errors import ProviderUnavailable

REQUEST_SECONDS = 5.0
ANSWER_BYTES = 256 * 1024
MEANINGS = {
    401: "it does not take our credential: check API_TOKEN",
    403: "our credential may not do that: check its scopes (ssf.read, ssf.manage)",
    404: "it knows no such stream: check STREAM_ID",
    429: "it asks to be left alone for a while: try again in a minute",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One stream at a transmitter that offers its management API."""

    configuration_url: str
    """Its metadata, `…/.well-known/ssf-configuration…`; endpoints are taken from the same host alone."""
    stream_id: str
    token: str = field(repr=False)
    issuer: str = ""

    async def status(self) -> tuple[str, str]:
        """`enabled`, `paused` or `disabled`, and why, in the transmitter's words. Raises `ProviderUnavailable`."""
        endpoint = await self._endpoint("status_endpoint")
        answer = await self._ask("GET", str(httpx2.URL(endpoint).copy_merge_params({"stream_id": self.stream_id})))
        return _word(answer.get("status")), _word(answer.get("reason"))

    async def verify(self, state: str) -> None:
        """Have it send a verification event that carries `state` (§8.1.4). Raises `ProviderUnavailable`."""
        endpoint = await self._endpoint("verification_endpoint")
        await self._ask("POST", endpoint, {"stream_id": self.stream_id, "state": state})

    async def _endpoint(self, name: str) -> str:
        metadata = await self._ask("GET", self.configuration_url, credential=False)
        if metadata.get("issuer") != self.issuer:
            raise ProviderUnavailable("its metadata is another issuer's: check ISSUER and CONFIGURATION_URL")
        endpoint = metadata.get(name)
        if not isinstance(endpoint, str):
            raise ProviderUnavailable(f"it offers no {name}")
        ours, theirs = urlsplit(self.configuration_url), urlsplit(endpoint)
        if (ours.scheme, ours.netloc) != (theirs.scheme, theirs.netloc):
            raise ProviderUnavailable(f"its {name} is on another host: our credential does not go there")
        return endpoint

    async def _ask(
        self, method: str, url: str, body: dict[str, str] | None = None, *, credential: bool = True
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json"}
        if credential:
            headers["Authorization"] = f"Bearer {self.token}"
        read = bytearray()
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=REQUEST_SECONDS) as client,
                client.stream(method, url, headers=headers, json=body) as response,
            ):
                if response.status_code not in (200, 202, 204):
                    meaning = MEANINGS.get(response.status_code, f"it answered {response.status_code}")
                    raise ProviderUnavailable(meaning)
                async for chunk in response.aiter_bytes():
                    read += chunk
                    if len(read) > ANSWER_BYTES:
                        raise ProviderUnavailable("its answer is too large")
            answer = json.loads(read) if read else {}
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as failed:
            raise ProviderUnavailable(f"it does not answer: {type(failed).__name__}") from failed
        except (ValueError, RecursionError) as malformed:
            raise ProviderUnavailable("its answer is not JSON") from malformed
        return answer if isinstance(answer, dict) else {}


def _word(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""
