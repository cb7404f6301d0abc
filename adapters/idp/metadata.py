"""What a provider says of itself (OpenID Connect Discovery 1.0), checked, and kept for a limited time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from adapters.idp.transport import Address, Transport
from bot.errors import ProviderUnavailable

KEPT_SECONDS = 3600.0
WELL_KNOWN = "/.well-known/openid-configuration"
TENANT_PLACE = "{tenantid}"
"""In Entra's issuer for several tenants; filled with the token's own, allowed tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """The endpoints, and the issuer every token has to carry."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    revocation_endpoint: str | None
    revocation_auth_methods: tuple[str, ...]
    end_session_endpoint: str | None
    iss_parameter_promised: bool
    """RFC 9207 §3: the authorization response always carries `iss`."""
    scopes: frozenset[str]

    def issuer_for(self, tenant: str | None) -> str:
        """The issuer a token of that tenant must carry."""
        return self.issuer.replace(TENANT_PLACE, tenant or "")


def read_metadata(document: dict[str, Any], address: Address, expected_issuers: frozenset[str]) -> ProviderMetadata:
    """The metadata of a discovery document; raises ProviderUnavailable when it is another issuer's or lacks something.

    OpenID Connect Discovery 1.0 §4.3: the issuer must be the one asked for; a trailing slash apart, which some
    providers have in one place only. Tokens are then held to the exact string.
    """
    issuer = _text(document, "issuer")
    if issuer.rstrip("/") not in {expected.rstrip("/") for expected in expected_issuers}:
        raise ProviderUnavailable("the metadata is another issuer's", code="idp.metadata")
    for endpoint in ("token_endpoint", "jwks_uri"):
        address.reach(_text(document, endpoint))
    return ProviderMetadata(
        issuer=issuer,
        authorization_endpoint=_for_browsers(_text(document, "authorization_endpoint"), address),
        token_endpoint=_text(document, "token_endpoint"),
        jwks_uri=_text(document, "jwks_uri"),
        revocation_endpoint=_optional(document, "revocation_endpoint"),
        revocation_auth_methods=_texts(document, "revocation_endpoint_auth_methods_supported")
        or ("client_secret_basic",),
        end_session_endpoint=_optional(document, "end_session_endpoint"),
        iss_parameter_promised=document.get("authorization_response_iss_parameter_supported") is True,
        scopes=frozenset(_texts(document, "scopes_supported")),
    )


class MetadataCache:
    """The provider's metadata, fetched when needed and at most once at a time."""

    def __init__(
        self,
        transport: Transport,
        address: Address,
        *,
        discovery_url: str,
        expected_issuers: frozenset[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._address = address
        self._url = discovery_url
        self._expected_issuers = expected_issuers
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._known: tuple[float, ProviderMetadata] | None = None

    async def get(self) -> ProviderMetadata:
        """The metadata, at most an hour old; raises ProviderUnavailable."""
        async with self._lock:
            if self._known is None or self._monotonic() - self._known[0] > KEPT_SECONDS:
                await self._fetch()
            return self._current()

    async def refresh(self) -> ProviderMetadata:
        """The metadata of this moment; raises ProviderUnavailable."""
        async with self._lock:
            await self._fetch()
            return self._current()

    async def _fetch(self) -> None:
        document = await self._transport.get_json(self._url)
        metadata = read_metadata(document, self._address, self._expected_issuers)
        self._known = (self._monotonic(), metadata)

    def _current(self) -> ProviderMetadata:
        if self._known is None:
            raise ProviderUnavailable("no metadata")
        return self._known[1]


def _for_browsers(url: str, address: Address) -> str:
    """The authorization endpoint as it stands: browsers go there, we do not; https, or the loopback transport."""
    if urlsplit(url).scheme == "https":
        return url
    return address.reach(url)


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable(f"the metadata has no {name}", code="idp.metadata")
    return value


def _optional(document: dict[str, Any], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) and value else None


def _texts(document: dict[str, Any], name: str) -> tuple[str, ...]:
    value = document.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
