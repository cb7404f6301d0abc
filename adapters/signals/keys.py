"""A transmitter's public keys: from the one address of the settings, kept for a while, fetched anew when one is new."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, RSAKey, import_key

from bot.errors import ProviderUnavailable

REQUEST_SECONDS = 2.0
ANSWER_BYTES = 256 * 1024
KEPT_SECONDS = 3600.0
REFRESH_PAUSE_SECONDS = 5.0
"""Unknown key ids come from rotation or from forgers; forgers must not make us fetch without end."""
KEYS_AT_MOST = 64
RSA_BITS_AT_LEAST = 2048
_PUBLIC = frozenset({"kty", "kid", "use", "alg", "n", "e", "crv", "x", "y"})


class TransmitterKeys:
    """The keys of one transmitter."""

    def __init__(self, url: str, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched_at: float | None = None

    async def find(self, *, algorithm: str, key_id: str | None) -> Key | None:
        """The one key for a token's header, if there is one. Raises `ProviderUnavailable`."""
        async with self._lock:
            if self._age() > KEPT_SECONDS:
                await self._refresh()
            found = _matching(self._keys, algorithm, key_id)
            if found is None and self._age() > REFRESH_PAUSE_SECONDS:
                await self._refresh()
                found = _matching(self._keys, algorithm, key_id)
        return found

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._monotonic() - self._fetched_at

    async def _refresh(self) -> None:
        self._keys = _read(await _fetch(self._url))
        self._fetched_at = self._monotonic()


async def _fetch(url: str) -> Any:
    """The document at exactly this address: no redirects, no proxies, bounded in time and size."""
    body = bytearray()
    try:
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=REQUEST_SECONDS) as client,
            client.stream("GET", url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != 200:
                raise ProviderUnavailable(f"the transmitter answered {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES:
                    raise ProviderUnavailable("the transmitter's answer is too large")
        return json.loads(body)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as failed:
        raise ProviderUnavailable(f"no answer from the transmitter: {type(failed).__name__}") from failed
    except (ValueError, RecursionError) as malformed:
        raise ProviderUnavailable("the transmitter's answer is not JSON") from malformed


def _read(document: Any) -> tuple[Key, ...]:
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ProviderUnavailable("the key set has no keys")
    read = (_read_key(entry) for entry in entries[:KEYS_AT_MOST] if isinstance(entry, dict))
    return tuple(key for key in read if key is not None)


def _read_key(entry: dict[str, Any]) -> Key | None:
    """A key that may sign; others are skipped (RFC 7517 §5)."""
    if entry.get("kty") not in ("RSA", "EC") or entry.get("use", "sig") != "sig":
        return None
    try:
        key = import_key({name: value for name, value in entry.items() if name in _PUBLIC})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS_AT_LEAST else key


def _matching(keys: tuple[Key, ...], algorithm: str, key_id: str | None) -> Key | None:
    """By key id; without one only if exactly one key fits."""
    kind = ECKey if algorithm.startswith("ES") else RSAKey
    fitting = [key for key in keys if isinstance(key, kind) and key.get("alg") in (None, algorithm)]
    named = [key for key in fitting if key_id is None or key.get("kid") == key_id]
    return named[0] if len(named) == 1 else None
