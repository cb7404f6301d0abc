"""The provider's public signing keys: kept for a while, and fetched anew when a token names one that is not known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import Key, RSAKey, import_key

from bot.errors import ProviderUnavailable, SignInRefused

KEPT_SECONDS = 3600.0
REFRESH_PAUSE_SECONDS = 5.0
"""Unknown key ids come from rotation or from forgers; forgers must not make us fetch without end."""
KEYS_AT_MOST = 64
RSA_BITS_AT_LEAST = 2048

_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"})

JwksFetch = Callable[[], Awaitable[dict[str, Any]]]


class SigningKeys:
    """The keys of one provider."""

    def __init__(self, fetch: JwksFetch, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched_at: float | None = None

    async def find(self, *, algorithm: str, key_id: str | None) -> Key:
        """The one key for a token's header; raises SignInRefused when there is none, ProviderUnavailable."""
        async with self._lock:
            if self._age() > KEPT_SECONDS:
                await self._refresh()
            found = _matching(self._keys, algorithm, key_id)
            if found is None and self._age() > REFRESH_PAUSE_SECONDS:
                await self._refresh()
                found = _matching(self._keys, algorithm, key_id)
        if found is None:
            raise SignInRefused("no key of the provider fits the token", code="idp.unknown_key")
        return found

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._monotonic() - self._fetched_at

    async def _refresh(self) -> None:
        self._keys = read_keys(await self._fetch())
        self._fetched_at = self._monotonic()


def read_keys(document: dict[str, Any]) -> tuple[Key, ...]:
    """The asymmetric keys of a set that may sign; others are skipped (RFC 7517 §5). Raises ProviderUnavailable."""
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise ProviderUnavailable("the key set has no keys", code="idp.metadata")
    read = (_read_key(entry) for entry in entries[:KEYS_AT_MOST] if isinstance(entry, dict))
    return tuple(key for key in read if key is not None)


def _read_key(entry: dict[str, Any]) -> Key | None:
    if entry.get("kty") not in ("RSA", "EC", "OKP") or entry.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in entry.items() if name not in _PRIVATE}
    try:
        key = import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS_AT_LEAST else key


def _matching(keys: tuple[Key, ...], algorithm: str, key_id: str | None) -> Key | None:
    """By key id; without one only if exactly one key fits (OpenID Connect Core §10.1)."""
    kind = _KEY_TYPES.get(algorithm[:2])
    fitting = [key for key in keys if key.key_type == kind and key.get("alg") in (None, algorithm)]
    named = [key for key in fitting if key_id is None or key.get("kid") == key_id]
    return named[0] if len(named) == 1 else None
