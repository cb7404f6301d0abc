"""MSAL, held to one token endpoint: it makes the authorization request, redeems codes and refreshes grants.

MSAL is synchronous, wants https and a path in every authority, looks up instances at login.microsoftonline.com, keeps
HTTP 400 answers for a minute and follows whatever discovery says. So each operation gets its own application object
with an `http_client` that answers discovery from metadata we verified and lets through one address only.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import msal

from adapters.idp.metadata import WELL_KNOWN, ProviderMetadata
from adapters.idp.transport import Answer, parsed_object
from bot.errors import ProviderUnavailable

ALIAS = "https://provider.invalid/oidc"
"""What MSAL is told where it would refuse the real address: plain http on loopback, or no path."""
# At DEBUG it writes down every exchange with its authorization code and code verifier: at no level of ours.
logging.getLogger("msal").setLevel(logging.WARNING)
OFFLINE_ACCESS = "offline_access"

Post = Callable[[str, Mapping[str, Any], Mapping[str, str]], Answer]
"""Sends a form and waits; called in MSAL's thread."""


class Kind(StrEnum):
    """The kinds of provider that differ in how MSAL is used."""

    ENTRA = "entra"
    OIDC = "oidc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who we are at the provider."""

    kind: Kind
    authority: str
    client_id: str
    credential: str | dict[str, Any] = field(repr=False)
    scopes: tuple[str, ...]
    offline_access: bool | None
    """Whether to ask for `offline_access`; None asks where the metadata offers it. Entra always."""

    def excluded(self, metadata: ProviderMetadata) -> list[str]:
        """The scopes MSAL would add by itself and must not."""
        wanted = OFFLINE_ACCESS in metadata.scopes if self.offline_access is None else self.offline_access
        return [] if wanted or self.kind is Kind.ENTRA else [OFFLINE_ACCESS]


class MsalClient:
    """One operation's MSAL application and token cache; every method blocks, so it runs in a thread."""

    def __init__(
        self, registration: Registration, metadata: ProviderMetadata, post: Post, token_cache: bytes = b""
    ) -> None:
        self._scopes = list(registration.scopes)
        self._cache = msal.SerializableTokenCache()
        self._grants_before = frozenset(refresh_tokens(token_cache)) if token_cache else frozenset()
        if token_cache:
            self._cache.deserialize(token_cache.decode())
        self._application = _application(registration, metadata, post, self._cache)

    def begin(self, **request: Any) -> dict[str, Any]:
        """The flow: authorization URL, state, nonce and code verifier (RFC 7636, S256)."""
        # MSAL warns at any other mode; `responses.authorize_url` says why it goes out as `query`
        flow: dict[str, Any] = self._application.initiate_auth_code_flow(
            self._scopes, response_mode="form_post", **request
        )
        return flow

    def redeem(self, flow: dict[str, Any], response: Mapping[str, str]) -> dict[str, Any]:
        """The token response, or one with `error`; raises ValueError or RuntimeError as MSAL does."""
        result: dict[str, Any] = self._application.acquire_token_by_auth_code_flow(flow, dict(response))
        return result

    def on_behalf_of(self, assertion: str) -> dict[str, Any]:
        """The response to an exchange of somebody's token for us (RFC 7523), or one with `error`."""
        result: dict[str, Any] = self._application.acquire_token_on_behalf_of(assertion, self._scopes)
        return result

    def refresh(self) -> dict[str, Any] | None:
        """The response to a forced refresh, one with `error`, or None when there is no grant to refresh."""
        accounts = self._application.get_accounts()
        if len(accounts) != 1:
            return None
        result: dict[str, Any] | None = self._application.acquire_token_silent_with_error(
            self._scopes, accounts[0], force_refresh=True
        )
        return result

    def saved_cache(self) -> bytes:
        """The token cache to keep: the account and its one grant; access tokens are of no use to us.

        MSAL keeps a rotated refresh token beside its successor when the scopes differ, and would try it again: a
        provider that detects reuse then ends the grant (RFC 9700 §4.14.2).
        """
        state = json.loads(self._cache.serialize())
        state.pop("AccessToken", None)
        grants = state.get("RefreshToken", {})
        fresh = {key: grant for key, grant in grants.items() if grant["secret"] not in self._grants_before}
        state["RefreshToken"] = fresh or grants
        return json.dumps(state).encode()


def refresh_tokens(token_cache: bytes) -> tuple[str, ...]:
    """The refresh tokens in a saved cache."""
    grants = json.loads(token_cache).get("RefreshToken", {})
    return tuple(grant["secret"] for grant in grants.values())


def saved_id_token(token_cache: bytes) -> str | None:
    """The ID token of the last sign-in or refresh, verified when it was saved."""
    tokens = json.loads(token_cache).get("IdToken", {})
    return next((token["secret"] for token in tokens.values()), None)


def _application(registration: Registration, metadata: ProviderMetadata, post: Post, cache: Any) -> Any:
    entra = registration.kind is Kind.ENTRA
    authority = registration.authority if _msal_takes(registration.authority) else ALIAS
    return msal.ConfidentialClientApplication(
        registration.client_id,
        client_credential=registration.credential,
        **({"authority": authority} if entra else {"oidc_authority": authority}),
        token_cache=cache,
        http_client=_PinnedHttp(authority, metadata, post),
        http_cache={},
        instance_discovery=False,
        exclude_scopes=registration.excluded(metadata),
        client_capabilities=["CP1"] if entra else None,
        azure_region=False,
    )


def _msal_takes(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(parts.path.strip("/"))


class MsalResponse:
    """The shape MSAL wants of a response."""

    def __init__(self, status_code: int, headers: Mapping[str, str], text: str) -> None:
        self.status_code = status_code
        self.headers = headers
        self.text = text

    def raise_for_status(self) -> None:
        """Errors from 500 have been raised before."""


class _PinnedHttp:
    """MSAL's way out: discovery is answered from what we verified, and only the token endpoint is reached."""

    def __init__(self, authority: str, metadata: ProviderMetadata, post: Post) -> None:
        self._token_endpoint = metadata.token_endpoint
        self._known_as = metadata.token_endpoint if _msal_takes(metadata.token_endpoint) else f"{ALIAS}/token"
        self._discovery = json.dumps(
            {
                "issuer": authority,
                "authorization_endpoint": metadata.authorization_endpoint,
                "token_endpoint": self._known_as,
            }
        )
        self._post = post

    def get(self, url: str, **_options: Any) -> MsalResponse:
        if not url.endswith(WELL_KNOWN):
            raise ProviderUnavailable("MSAL asked for an address it has no business with", code="idp.metadata")
        return MsalResponse(200, {}, self._discovery)

    def post(self, url: str, *, data: Mapping[str, Any], headers: Mapping[str, str], **_options: Any) -> MsalResponse:
        if url != self._known_as:
            raise ProviderUnavailable("MSAL asked for an address it has no business with", code="idp.metadata")
        answer = self._post(self._token_endpoint, data, headers)
        parsed_object(answer.text)  # MSAL would write an answer that is not JSON to its log, tokens and all
        return MsalResponse(answer.status, answer.headers, answer.text)

    def close(self) -> None:
        """Nothing is held."""
