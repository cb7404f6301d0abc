"""The bot's own access token: one MSAL client for the life of the process, asked in a thread, its token kept.

The SDK makes a new MSAL client every turn. MSAL blocks, wants https, and looks authorities up on the network, so its
way out is held to the one token address.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
import msal

from adapters.teams.config import TeamsConfig
from adapters.teams.tls import tls
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock

TOKEN_SECONDS = 5.0
EARLY = timedelta(minutes=5)
"""A token is replaced this long before it ends."""
RESPONSE_BYTES = 64 * 1024

_ALIAS = "https://token.invalid/bot"
"""What MSAL is told; only the configured address is reached."""


@dataclass(frozen=True, slots=True)
class _Response:
    """The shape MSAL wants of a response."""

    status_code: int
    headers: Mapping[str, str]
    text: str

    def raise_for_status(self) -> None:
        """What is not an answer has been raised before."""


class _OneAddress:
    """MSAL's way out: discovery is answered here, and one address is reached."""

    def __init__(self, token_url: str, client: httpx2.Client) -> None:
        self._token_url = token_url
        self._client = client

    def get(self, url: str, **_options: Any) -> _Response:
        discovery = {"issuer": _ALIAS, "authorization_endpoint": f"{_ALIAS}/none", "token_endpoint": f"{_ALIAS}/token"}
        return _Response(200, {}, json.dumps(discovery))

    def post(self, url: str, *, data: Mapping[str, Any], headers: Mapping[str, str], **_options: Any) -> _Response:
        if url != f"{_ALIAS}/token":
            raise PlatformUnavailable("token: an address MSAL has no business with")
        answer = self._client.post(self._token_url, data=dict(data), headers=dict(headers))
        if answer.status_code == 429 or answer.status_code >= 500 or not _is_object(answer.text):
            raise PlatformUnavailable(f"token: {answer.status_code}")
        return _Response(answer.status_code, dict(answer.headers), answer.text)

    def close(self) -> None:
        """Closed with the credential."""


def _is_object(text: str) -> bool:
    """Whether MSAL may see it: it writes an answer that is not JSON to its log."""
    try:
        return len(text) <= RESPONSE_BYTES and isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class Credential:
    """Gives the token for calls to Teams. Use it on one event loop, and `close` it."""

    def __init__(self, config: TeamsConfig, *, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._http = httpx2.Client(verify=tls(), trust_env=False, follow_redirects=False, timeout=TOKEN_SECONDS)
        self._lock = asyncio.Lock()
        self._application: Any = None
        self._token: tuple[str, datetime] | None = None

    async def token(self, *, instead_of: str = "") -> str:
        """A token that is good for a while; another than `instead_of`, which was refused.

        Raises `PlatformUnavailable`, or `PlatformRefused` when the secret is not (or no longer) taken.
        """
        async with self._lock:
            known = self._token
            if known is not None and known[0] != instead_of and self._clock.now() < known[1]:
                return known[0]
            token, seconds = await asyncio.to_thread(self._acquire)
            self._token = (token, self._clock.now() + max(timedelta(seconds=seconds) - EARLY, timedelta(0)))
            return token

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def _acquire(self) -> tuple[str, int]:
        """Blocks; called in a thread, one at a time."""
        try:
            application = self._application or self._connect()
            application.remove_tokens_for_client()  # MSAL would give the kept one again, refused or not
            result = application.acquire_token_for_client([self._config.scope])
        except (httpx2.HTTPError, OSError, ValueError) as exc:
            raise PlatformUnavailable(f"token: {type(exc).__name__}") from None
        token, seconds = result.get("access_token"), result.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise PlatformRefused("token: the app id or its secret is not taken")
        return token, seconds

    def _connect(self) -> Any:
        self._application = msal.ConfidentialClientApplication(
            self._config.app_id,
            client_credential=self._config.app_password.reveal(),
            oidc_authority=_ALIAS,
            http_client=_OneAddress(self._config.token_url, self._http),
            http_cache={},
            instance_discovery=False,
            azure_region=False,
        )
        return self._application
