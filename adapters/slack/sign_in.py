"""Sign in with Slack: the leg that proves whose Slack account the browser belongs to (OpenID Connect).

A redeemed code counts when all of this holds:

(1) Slack's token endpoint, asked with our client secret over TLS, takes it for our redirect address;
(2) the ID token is signed by a key Slack publishes, with RS256;
(3) issuer, audience, nonce and times are ours (OIDC Core §3.1.3.7);
(4) the account is a full member of an allowed workspace, by Slack's own directory.

See: api.slack.com/authentication/sign-in-with-slack
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.domain.identity import ChannelIdentity
from bot.domain.secret import Secret
from bot.errors import NotAllowed, PlatformRefused, PlatformUnavailable, ProviderUnavailable, SignInRefused
from bot.ports.clock import Clock

ISSUER = "https://slack.com"
ORIGIN = "https://slack.com"
TIMEOUT_SECONDS = 2.5
SKEW_SECONDS = 60
ACCOUNT_CLAIM = "https://slack.com/user_id"
TEAM_CLAIM = "https://slack.com/team_id"


class SlackSignIn:
    """Implements `bot.ports.chat_sign_in.ChatSignIn`."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: Secret,
        member: Callable[[str], Awaitable[ChannelIdentity | None]],
        clock: Clock,
        origin: str = ORIGIN,
    ) -> None:
        """`member` looks an account up and answers None for whoever is no full member; `origin` is another in tests."""
        self._client_id = client_id
        self._client_secret = client_secret
        self._member = member
        self._clock = clock
        self._origin = origin.rstrip("/")

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        """Where the browser goes."""
        query = urlencode(
            {
                "response_type": "code",
                "scope": "openid profile",
                "client_id": self._client_id,
                "state": state,
                "nonce": nonce,
                "redirect_uri": redirect_uri,
            }
        )
        return f"{self._origin}/openid/connect/authorize?{query}"

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        """The account the browser is signed in to. Raises `SignInRefused`, `ProviderUnavailable`."""
        # Condition 1 of the list above.
        token = await self._token(code, redirect_uri)
        claims = await self._claims(token)
        # Condition 3 of the list above.
        self._check(claims, nonce)
        # Condition 4 of the list above.
        account, team = claims.get(ACCOUNT_CLAIM), claims.get(TEAM_CLAIM)
        if not isinstance(account, str) or not isinstance(team, str):
            raise SignInRefused("no account in the token", code="chat.claims")
        return await self._identity(account)

    async def _identity(self, account: str) -> ChannelIdentity:
        try:
            who = await self._member(account)
        except (PlatformRefused, NotAllowed):
            who = None
        except PlatformUnavailable as exc:
            raise ProviderUnavailable("Slack's directory does not answer", code="chat.unavailable") from exc
        if who is None:
            raise SignInRefused("not a full member of an allowed workspace", code="chat.not_a_member")
        return who

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        now = self._clock.now().timestamp()
        expires, issued = claims.get("exp"), claims.get("iat")
        if claims.get("iss") != ISSUER or claims.get("aud") != self._client_id:
            raise SignInRefused("issuer or audience", code="chat.issuer")
        if claims.get("nonce") != nonce:
            raise SignInRefused("nonce", code="chat.nonce")
        timely = isinstance(expires, int) and isinstance(issued, int)
        if not timely or now >= expires + SKEW_SECONDS or now < issued - SKEW_SECONDS:
            raise SignInRefused("times", code="chat.expired")

    async def _token(self, code: str, redirect_uri: str) -> str:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
            "code": code,
            "redirect_uri": redirect_uri,
            "grant_type": "authorization_code",
        }
        answer = await self._json("POST", "/api/openid.connect.token", form)
        token = answer.get("id_token")
        if answer.get("ok") is not True or not isinstance(token, str):
            raise SignInRefused("Slack does not take the code", code="chat.code")
        return token

    async def _claims(self, token: str) -> dict[str, Any]:
        """Condition 2: fetched with every sign-in, since one is rare and keys rotate."""
        keys = await self._json("GET", "/openid/connect/keys", None)
        try:
            return dict(jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims)  # type: ignore[arg-type]  # the library checks the form
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            raise SignInRefused("the token is not signed by Slack", code="chat.signature") from exc

    async def _json(self, method: str, path: str, form: dict[str, str] | None) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS) as client:
                answer = await client.request(method, self._origin + path, data=form)
            found = answer.json() if answer.is_success else None
        except (httpx2.HTTPError, ValueError) as exc:
            raise ProviderUnavailable(f"{path}: {type(exc).__name__}", code="chat.unavailable") from None
        if not isinstance(found, dict):
            raise ProviderUnavailable(path, code="chat.unavailable")
        return found
