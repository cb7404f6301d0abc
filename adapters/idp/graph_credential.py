"""The right to ask Microsoft Graph as an application: MSAL client credentials, one token a tenant, kept in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import msal

from adapters.idp.metadata import WELL_KNOWN
from adapters.idp.msal_client import MsalResponse, Post
from adapters.idp.transport import parsed_object
from bot.errors import ProviderUnavailable

TOKEN_PATH = "/oauth2/v2.0/token"  # noqa: S105 - the endpoint's path


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRegistration:
    """Who asks, and where its tokens come from."""

    login: str
    """The authority without its tenant: `https://login.microsoftonline.com`."""
    base_url: str
    client_id: str
    credential: str | dict[str, Any] = field(repr=False)

    @property
    def scope(self) -> str:
        """Everything an administrator consented to for this application, and nothing that is asked for here."""
        return f"{self.base_url}/.default"


def login_of(authority: str) -> str:
    """The authority of an Entra provider without its tenant."""
    parts = urlsplit(authority)
    return f"{parts.scheme}://{parts.netloc}"


class GraphCredential:
    """Tokens by tenant; MSAL keeps each until shortly before it ends. Every method blocks, so it runs in a thread."""

    def __init__(self, registration: GraphRegistration) -> None:
        self._registration = registration
        self._caches: dict[str, Any] = {}
        self._challenges: dict[str, str] = {}
        self._lock = Lock()

    def token(self, tenant: str, post: Post) -> str:
        """An access token for Graph; raises `ProviderUnavailable`, where we are refused too."""
        with self._lock:
            authority = f"{self._registration.login}/{tenant}"
            cache = self._caches.setdefault(tenant, msal.TokenCache())
            application = msal.ConfidentialClientApplication(
                self._registration.client_id,
                client_credential=self._registration.credential,
                authority=authority,
                token_cache=cache,
                http_client=_TokenEndpoint(authority, post),
                http_cache={},
                instance_discovery=False,
                azure_region=False,
            )
            try:
                result = application.acquire_token_for_client(
                    [self._registration.scope], claims_challenge=self._challenges.get(tenant)
                )
            except ProviderUnavailable:
                raise
            except Exception:  # noqa: BLE001 - MSAL breaks in many ways on an answer that is none; it may hold the token
                raise ProviderUnavailable("the token response cannot be read", code="idp.bad_token") from None
        token = (result or {}).get("access_token")
        if not isinstance(token, str):
            raise ProviderUnavailable("the provider refused the application", code="idp.client_refused")
        self._challenges.pop(tenant, None)
        return token

    def forget(self, tenant: str, challenge: str = "") -> None:
        """After Graph refused a token before its time: the next one is a new one, with what Graph's challenge asks."""
        with self._lock:
            self._caches.pop(tenant, None)
            if challenge:
                self._challenges[tenant] = challenge


class _TokenEndpoint:
    """MSAL's way out: discovery is answered here, and one address is reached."""

    def __init__(self, authority: str, post: Post) -> None:
        self._authority = authority
        self._post = post

    def get(self, url: str, **_options: Any) -> MsalResponse:
        if not url.endswith(WELL_KNOWN):
            raise ProviderUnavailable("MSAL asked for an address it has no business with", code="idp.metadata")
        document = {
            "issuer": f"{self._authority}/v2.0",
            "authorization_endpoint": f"{self._authority}/oauth2/v2.0/authorize",
            "token_endpoint": self._authority + TOKEN_PATH,
        }
        return MsalResponse(200, {}, json.dumps(document))

    def post(self, url: str, *, data: Mapping[str, Any], headers: Mapping[str, str], **_options: Any) -> MsalResponse:
        if url != self._authority + TOKEN_PATH:
            raise ProviderUnavailable("MSAL asked for an address it has no business with", code="idp.metadata")
        answer = self._post(url, data, headers)
        parsed_object(answer.text)
        return MsalResponse(answer.status, answer.headers, answer.text)

    def close(self) -> None:
        """Nothing is held."""
