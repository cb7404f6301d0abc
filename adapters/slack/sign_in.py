"""Sign in with Slack: the leg that proves whose Slack account the browser belongs to (OpenID Connect).

A redeemed code counts when all of this holds:

(1) Slack's token endpoint, asked with our client secret over TLS, takes it for our redirect address;
(2) the ID token is signed by a key Slack publishes, with RS256;
(3) issuer, audience, nonce and times are ours (OIDC Core §3.1.3.7);
(4) it names one account, as subject and in Slack's own claim;
(5) the account is a full member of an allowed workspace, by Slack's own directory;
(6) the token is of that account's own workspace or organisation: an account id alone is only unique in one.

The nonce binds the code to this leg, as PKCE would (RFC 9700 §2.1.1); Slack's metadata offers no PKCE to apps with a
secret. See: https://docs.slack.dev/authentication/sign-in-with-slack
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from adapters.slack.workspaces import tenant_of
from bot.domain.identity import ChannelIdentity
from bot.domain.secret import Secret
from bot.errors import NotAllowed, PlatformRefused, PlatformUnavailable, ProviderUnavailable, SignInRefused
from bot.ports.clock import Clock

ISSUER = "https://slack.com"
ORIGIN = "https://slack.com"
TIMEOUT_SECONDS = 5
"""For both calls to Slack together: somebody looks at an empty page meanwhile."""
SKEW_SECONDS = 60
ACCOUNT_CLAIM = "https://slack.com/user_id"
TEAM_CLAIM = "https://slack.com/team_id"
ENTERPRISE_CLAIM = "https://slack.com/enterprise_id"


class SlackSignIn:
    """Implements `bot.ports.chat_sign_in.ChatSignIn`."""

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: Secret,
        member: Callable[[str, str], Awaitable[ChannelIdentity | None]],
        clock: Clock,
        team: str = "",
        origin: str = ORIGIN,
    ) -> None:
        """`member` looks an account up in a workspace, and answers None for whoever is no full member.

        `team` spares people the question for their workspace, and proves nothing; `origin` is another in tests.
        """
        self._client_id = client_id
        self._client_secret = client_secret
        self._member = member
        self._clock = clock
        self._team = team
        self._origin = origin.rstrip("/")

    def authorize_url(self, *, state: str, nonce: str, redirect_uri: str) -> str:
        """Where the browser goes."""
        query = {
            "response_type": "code",
            "scope": "openid profile",
            "client_id": self._client_id,
            "state": state,
            "nonce": nonce,
            "redirect_uri": redirect_uri,
        }
        query |= {"team": self._team} if self._team else {}
        return f"{self._origin}/openid/connect/authorize?{urlencode(query)}"

    async def redeem(self, *, code: str, nonce: str, redirect_uri: str) -> ChannelIdentity:
        """The account the browser is signed in to. Raises `SignInRefused`, `ProviderUnavailable`."""
        # Conditions 1 and 2 of the list above.
        claims = await self._claims(code, redirect_uri)
        # Condition 3 of the list above.
        self._check(claims, nonce)
        # Condition 4 of the list above.
        account = claims.get(ACCOUNT_CLAIM)
        if not isinstance(account, str) or not account or claims.get("sub") != account:
            raise SignInRefused("no account in the token", code="chat.claims")
        # Condition 5 of the list above.
        who = await self._identity(account, _workspace_in(claims))
        # Condition 6 of the list above.
        if not _is_of(who, claims):
            raise SignInRefused("the token is of another workspace", code="chat.other_workspace")
        return who

    async def _identity(self, account: str, tenant: str) -> ChannelIdentity:
        try:
            who = await self._member(account, tenant)
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
        if not nonce or claims.get("nonce") != nonce:
            raise SignInRefused("nonce", code="chat.nonce")
        if not isinstance(expires, int) or not isinstance(issued, int):
            raise SignInRefused("times", code="chat.expired")
        if now >= expires + SKEW_SECONDS or now < issued - SKEW_SECONDS:
            raise SignInRefused("times", code="chat.expired")

    async def _claims(self, code: str, redirect_uri: str) -> dict[str, Any]:
        """The keys are fetched with every sign-in, since one is rare and keys rotate."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS) as client,
            ):
                token = await self._token(client, code, redirect_uri)
                keys = _json(await client.get(f"{self._origin}/openid/connect/keys"))
        except (httpx2.HTTPError, TimeoutError) as exc:
            raise ProviderUnavailable(type(exc).__name__, code="chat.unavailable") from None
        return _verified(token, keys)

    async def _token(self, client: httpx2.AsyncClient, code: str, redirect_uri: str) -> str:
        form = {
            "client_id": self._client_id,
            "client_secret": self._client_secret.reveal(),
            "code": code,
            "redirect_uri": redirect_uri,
            "grant_type": "authorization_code",
        }
        answer = _json(await client.post(f"{self._origin}/api/openid.connect.token", data=form))
        token = answer.get("id_token")
        if answer.get("ok") is not True or not isinstance(token, str):
            raise SignInRefused("Slack does not take the code", code="chat.code")
        return token


def _workspace_in(claims: dict[str, Any]) -> str:
    """Which workspace's directory to ask; what it answers still has to fit the claims."""
    team, enterprise = claims.get(TEAM_CLAIM), claims.get(ENTERPRISE_CLAIM)
    return tenant_of(enterprise if isinstance(enterprise, str) else "", team if isinstance(team, str) else "")


def _is_of(who: ChannelIdentity, claims: dict[str, Any]) -> bool:
    """Whether the token's workspace is the account's own, or, in Enterprise Grid, its organisation is."""
    enterprise, _, team = who.tenant.rpartition("/")
    if claims.get(TEAM_CLAIM) in {team, enterprise or team}:
        return True
    return bool(enterprise) and claims.get(ENTERPRISE_CLAIM) == enterprise


def _json(answer: httpx2.Response) -> dict[str, Any]:
    try:
        found = answer.json() if answer.is_success else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderUnavailable(answer.url.path, code="chat.unavailable")
    return found


def _verified(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims)  # type: ignore[arg-type]  # the library checks the form
    except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as exc:
        raise SignInRefused("the token is not signed by Slack", code="chat.signature") from exc
