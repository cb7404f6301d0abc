"""Sign in with Microsoft: the browser leg that proves whose Teams account the browser belongs to (OpenID Connect).

A redeemed code counts when all of this holds:

(1) Entra's token endpoint, asked with the bot's secret and this leg's code verifier, takes it for our redirect address;
(2) the ID token is signed with RS256 by a key Entra publishes;
(3) issuer (of the token's own tenant), audience, nonce and times are ours (OIDC Core §3.1.3.7);
(4) the tenant is on the list;
(5) it names a directory account of that tenant's own, not a guest from elsewhere.

The account is (tenant, object id), the same two that an activity of Teams names: whoever asked in chat and whoever
signed in here are compared by the caller. The code verifier (RFC 7636) is derived from the leg's nonce under the bot's
secret, so that nothing has to be kept for it.
See: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jws, jwt
from joserfc.errors import JoseError

from adapters.teams.signing_keys import DOCUMENT_BYTES, SigningKey, read_keys
from adapters.teams.tls import tls
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.secret import Secret
from bot.errors import ProviderUnavailable, SignInRefused
from bot.ports.clock import Clock

ORIGIN = "https://login.microsoftonline.com"
SEVERAL = "organizations"
"""Entra's name for "any company directory": the list is ours to enforce, see condition 4."""
TIMEOUT_SECONDS = 5
SKEW_SECONDS = 60

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class TeamsSignIn:
    """Implements `bot.ports.chat_sign_in.ChatSignIn`."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: Secret,
        tenants: frozenset[str],
        clock: Clock,
        issuer_origin: str = ORIGIN,
        transport_url: str = "",
    ) -> None:
        """`transport_url` is a loopback address in tests; tokens still name `issuer_origin`."""
        self._client_id = client_id
        self._client_secret = client_secret
        self._tenants = frozenset(tenant.lower() for tenant in tenants)
        self._clock = clock
        self._issuer_origin = issuer_origin.rstrip("/")
        self._origin = (transport_url or issuer_origin).rstrip("/")
        self._authority = next(iter(self._tenants)) if len(self._tenants) == 1 else SEVERAL

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        """Where the browser goes."""
        digest = hashlib.sha256(self._verifier(nonce).encode()).digest()
        query = {
            "response_type": "code",
            "response_mode": "query",
            "scope": "openid profile",
            "client_id": self._client_id,
            "state": state,
            "nonce": nonce,
            "redirect_uri": redirect_uri,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self._origin}/{self._authority}/oauth2/v2.0/authorize?{urlencode(query)}"

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        """The account the browser is signed in to. Raises `SignInRefused`, `ProviderUnavailable`."""
        # Conditions 1 and 2 of the list above.
        claims = await self._claims(code, nonce, redirect_uri)
        tenant = _text(claims, "tid").lower()
        # Condition 3 of the list above.
        self._check(claims, nonce, tenant)
        # Condition 4 of the list above.
        if tenant not in self._tenants:
            raise SignInRefused("the tenant is not on the list", code="chat.tenant")
        # Condition 5 of the list above.
        account = _text(claims, "oid").lower()
        if not _GUID.fullmatch(account):
            raise SignInRefused("no account in the token", code="chat.claims")
        if _is_guest(claims):
            raise SignInRefused("a guest", code="chat.not_a_member")
        return ChannelIdentity(platform=Platform.TEAMS, tenant=tenant, account=account)

    def _verifier(self, nonce: str) -> str:
        key = self._client_secret.reveal().encode()
        return hmac.new(key, f"pkce:{nonce}".encode(), hashlib.sha256).hexdigest()

    def _check(self, claims: dict[str, Any], nonce: str, tenant: str) -> None:
        now = self._clock.now().timestamp()
        expires, issued = claims.get("exp"), claims.get("iat")
        if claims.get("iss") != f"{self._issuer_origin}/{tenant}/v2.0" or claims.get("aud") != self._client_id:
            raise SignInRefused("issuer or audience", code="chat.issuer")
        if not nonce or not hmac.compare_digest(_text(claims, "nonce").encode(), nonce.encode()):
            raise SignInRefused("nonce", code="chat.nonce")
        if not isinstance(expires, int) or not isinstance(issued, int):
            raise SignInRefused("times", code="chat.expired")
        if now >= expires + SKEW_SECONDS or now < issued - SKEW_SECONDS:
            raise SignInRefused("times", code="chat.expired")

    async def _claims(self, code: str, nonce: str, redirect_uri: str) -> dict[str, Any]:
        """The keys are fetched with every sign-in, since one is rare and keys rotate."""
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": self._verifier(nonce),
            "redirect_uri": redirect_uri,
            "scope": "openid profile",
        }
        base = f"{self._origin}/{self._authority}"
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                httpx2.AsyncClient(
                    verify=tls(), trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS
                ) as client,
            ):
                answer = await client.post(f"{base}/oauth2/v2.0/token", data=form)
                token = _token(answer)
                keys = read_keys(_json(await client.get(f"{base}/discovery/v2.0/keys")))
        except (httpx2.HTTPError, TimeoutError, OSError) as exc:
            raise ProviderUnavailable(type(exc).__name__, code="chat.unavailable") from None
        except ValueError:
            raise ProviderUnavailable("keys", code="chat.unavailable") from None
        return _verified(token, keys)


def _token(answer: httpx2.Response) -> str:
    if answer.status_code in {400, 401}:
        raise SignInRefused("Entra does not take the code", code="chat.code")
    token = _json(answer).get("id_token")
    if not isinstance(token, str):
        raise SignInRefused("no ID token", code="chat.code")
    return token


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.text) if answer.is_success and len(answer.content) <= DOCUMENT_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ProviderUnavailable(answer.url.path, code="chat.unavailable")
    return found


def _verified(token: str, keys: dict[str, SigningKey]) -> dict[str, Any]:
    try:
        known = keys.get(str(jws.extract_compact(token.encode("ascii")).headers().get("kid", "")))
        if known is None:
            raise ValueError("unknown key")
        return dict(jwt.decode(token, known.key, algorithms=["RS256"]).claims)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise SignInRefused("the token is not signed by Entra", code="chat.signature") from exc


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _is_guest(claims: dict[str, Any]) -> bool:
    """Entra names another issuer in `idp` for accounts of elsewhere, 1 in `acct`, and `#EXT#` in their user name."""
    elsewhere = "idp" in claims and claims["idp"] != claims.get("iss")
    external = "#ext#" in _text(claims, "preferred_username").lower()
    return elsewhere or external or claims.get("acct") == 1
