"""Slack's OAuth endpoints, as an app that is installed in several workspaces uses them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from adapters.slack.web_api import WebApi
from adapters.slack.workspaces import tenant_of, text_of
from bot.domain.installation import Installation
from bot.domain.secret import Secret
from bot.errors import PlatformRefused, PlatformUnavailable
from bot.ports.clock import Clock

ORIGIN = "https://slack.com"
SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "chat:write",
    "commands",
    "im:history",
    "im:write",
    "users:read",
)
"""What an installation asks for; `manifest.json` names the same (a test compares)."""
EMAIL_SCOPE = "users:read.email"
"""See: https://docs.slack.dev/reference/scopes/users.read.email"""


def scopes(*, directory_emails: bool) -> tuple[str, ...]:
    """What an installation asks for; addresses only where they have to be the provider's."""
    return (*SCOPES, EMAIL_SCOPE) if directory_emails else SCOPES


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a redeemed code gave."""

    app: str
    team: str
    enterprise: str
    bot: str
    by: str
    token: Secret
    renewal: Secret | None
    lives_seconds: int | None

    @property
    def tenant(self) -> str:
        """As installations are keyed."""
        return tenant_of(self.enterprise, self.team) if self.team else self.enterprise

    def installation(self, now: datetime) -> Installation:
        """What is kept of it."""
        return Installation(
            tenant=self.tenant,
            app=self.app,
            bot=self.bot,
            token=self.token,
            renewal=self.renewal,
            token_until=_until(now, self.lives_seconds),
            installed_by=self.by,
            installed_at=now,
            # Another than before, so that a renewal under way does not write over it.
            version=int(now.timestamp() * 1_000_000),
        )


class SlackOAuth:
    """Codes and refresh tokens into tokens."""

    def __init__(
        self,
        api: WebApi,
        clock: Clock,
        *,
        client_id: str,
        client_secret: Secret,
        directory_emails: bool = False,
        origin: str = ORIGIN,
    ) -> None:
        """`origin` is another in tests."""
        self._scopes = scopes(directory_emails=directory_emails)
        self._api = api
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._origin = origin.rstrip("/")

    def authorize_url(self, state: str, redirect_uri: str) -> str:
        """Where the browser goes."""
        query = {
            "client_id": self._client_id,
            "scope": ",".join(self._scopes),
            "state": state,
            "redirect_uri": redirect_uri,
        }
        return f"{self._origin}/oauth/v2/authorize?{urlencode(query)}"

    def app_url(self, granted: Granted) -> str:
        """Where the browser goes afterwards: to the app, in Slack."""
        query = {"app": granted.app} | ({"team": granted.team} if granted.team else {})
        return f"{self._origin}/app_redirect?{urlencode(query)}"

    async def exchange(self, code: str, redirect_uri: str) -> Granted:
        """Redeem a code. Raises `PlatformRefused`, `PlatformUnavailable`."""
        answer = await self._ask({"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri})
        team, enterprise, by = (_part(answer, name) for name in ("team", "enterprise", "authed_user"))
        whole = answer.get("is_enterprise_install") is True
        token, renewal = _tokens(answer)
        granted = Granted(
            app=text_of(answer, "app_id"),
            team="" if whole else text_of(team, "id"),
            enterprise=text_of(enterprise, "id"),
            bot=text_of(answer, "bot_user_id"),
            by=text_of(by, "id"),
            token=token,
            renewal=renewal,
            lives_seconds=_seconds(answer),
        )
        if not granted.tenant or not granted.app:
            raise PlatformRefused("no workspace in the answer")
        return granted

    async def renew(self, installation: Installation) -> Installation:
        """The installation with a new token. Raises `PlatformRefused`, `PlatformUnavailable`."""
        if installation.renewal is None:
            return installation
        now = self._clock.now()
        answer = await self._ask({"grant_type": "refresh_token", "refresh_token": installation.renewal.reveal()})
        token, renewal = _tokens(answer)
        until = _until(now, _seconds(answer))
        return replace(installation, token=token, renewal=renewal, token_until=until)

    async def revoke(self, token: Secret) -> None:
        """Give a token back. Raises nothing: it is not kept either way."""
        try:
            await self._api.call("auth.revoke", {}, token)
        except (PlatformRefused, PlatformUnavailable):
            return

    async def _ask(self, form: dict[str, str]) -> dict[str, Any]:
        client = {"client_id": self._client_id, "client_secret": self._client_secret.reveal()}
        return await self._api.call("oauth.v2.access", form | client, None, form=True)


def _part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    part = answer.get(name)
    return part if isinstance(part, dict) else {}


def _tokens(answer: dict[str, Any]) -> tuple[Secret, Secret | None]:
    token, renewal = text_of(answer, "access_token"), text_of(answer, "refresh_token")
    if not token or answer.get("token_type") != "bot":
        raise PlatformRefused("no bot token in the answer")
    return Secret(token), Secret(renewal) if renewal else None


def _seconds(answer: dict[str, Any]) -> int | None:
    seconds = answer.get("expires_in")
    return seconds if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0 else None


def _until(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
