"""The Bot Framework's public signing keys: kept, fetched beside the requests, and never at an address a token names.

The vendor's SDK fetches them with blocking calls that have no time-out, inside the event loop. Here a request whose key
is known never waits; one whose key is not waits for the one fetch under way, which is bounded in time, size and rate.
See: https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from adapters.teams.config import TeamsConfig, origin_of
from adapters.teams.tls import tls
from bot.errors import NotProven, PlatformUnavailable
from bot.ports.clock import Clock

FETCH_SECONDS = 3.0
"""Both documents together."""
DOCUMENT_BYTES = 512 * 1024
FRESH = timedelta(hours=1)
"""After this they are fetched anew, while the old ones still serve."""
KEPT = timedelta(hours=24)
"""After this they prove nothing any more."""
PAUSE = timedelta(seconds=30)
"""Unknown key ids come from rotation or from forgers; forgers must not make us fetch without end."""
PAUSE_AFTER_FAILURE = timedelta(seconds=5)
KEYS_AT_MOST = 128
RSA_BITS_AT_LEAST = 2048

Aside = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key, and the channels it may sign for."""

    key: RSAKey
    endorsements: frozenset[str]


class SigningKeys:
    """The keys in force, by key id."""

    def __init__(
        self, config: TeamsConfig, *, clock: Clock, aside: Aside, fetch_seconds: float = FETCH_SECONDS
    ) -> None:
        self._config = config
        self._clock = clock
        self._aside = aside
        self._seconds = fetch_seconds
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at: datetime | None = None
        self._not_before: datetime | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._client = httpx2.AsyncClient(
            verify=tls(),
            trust_env=False,
            follow_redirects=False,
            timeout=fetch_seconds,
            limits=httpx2.Limits(max_connections=4, max_keepalive_connections=0),
        )

    async def find(self, key_id: str) -> SigningKey:
        """The key of that id. Raises `NotProven` where there is none, `PlatformUnavailable` where none can be had."""
        key = self._known(key_id)
        if key is None:
            await self._refreshed()
            key = self._known(key_id)
        elif not self._within(FRESH):
            self._start()
        if key is not None:
            return key
        if not self._within(KEPT):
            raise PlatformUnavailable("signing keys")
        raise NotProven("unknown key")

    def _known(self, key_id: str) -> SigningKey | None:
        return self._keys.get(key_id) if self._within(KEPT) else None

    def _within(self, limit: timedelta) -> bool:
        return self._fetched_at is not None and timedelta(0) <= self._clock.now() - self._fetched_at < limit

    async def _refreshed(self) -> None:
        self._start()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _start(self) -> None:
        """One fetch at a time, and not again at once."""
        if self._fetching is not None and not self._fetching.done():
            return
        self._fetching = None
        if self._not_before is None or self._clock.now() >= self._not_before:
            self._fetching = self._aside(self._fetch())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                keys = await self._download()
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError, ValueError, RecursionError):
            self._not_before = self._clock.now() + PAUSE_AFTER_FAILURE
            return
        self._keys = keys
        self._fetched_at = self._clock.now()
        self._not_before = self._fetched_at + PAUSE

    async def _download(self) -> dict[str, SigningKey]:
        metadata = await self._document(self._config.openid_metadata_url)
        address = metadata.get("jwks_uri")
        if not isinstance(address, str) or self._origin(address) != self._origin(self._config.openid_metadata_url):
            raise ValueError("the metadata names keys elsewhere")
        return read_keys(await self._document(address))

    def _origin(self, url: str) -> str | None:
        return origin_of(url, loopback=self._config.loopback)

    async def _document(self, url: str) -> dict[str, Any]:
        body = bytearray()
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as response:
            if response.status_code != 200:
                raise ValueError("no document")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > DOCUMENT_BYTES:
                    raise ValueError("too large")
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("not an object")  # noqa: TRY004 - one outcome for every document that is none
        return document


def read_keys(document: dict[str, Any]) -> dict[str, SigningKey]:
    """The RSA keys of a set that have an id and may sign; others are skipped (RFC 7517 §5). Raises `ValueError`."""
    entries = document.get("keys")
    if not isinstance(entries, list) or len(entries) > KEYS_AT_MOST:
        raise ValueError("no keys")
    read = ((entry.get("kid"), _read_key(entry)) for entry in entries if isinstance(entry, dict))
    return {key_id: key for key_id, key in read if isinstance(key_id, str) and key_id and key is not None}


def _read_key(entry: dict[str, Any]) -> SigningKey | None:
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    try:
        key = RSAKey.import_key({name: entry[name] for name in ("kty", "n", "e")})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    endorsements = entry.get("endorsements")
    endorsed = endorsements if isinstance(endorsements, list) else []
    if key.raw_value.key_size < RSA_BITS_AT_LEAST:
        return None
    return SigningKey(key=key, endorsements=frozenset(name for name in endorsed if isinstance(name, str)))
