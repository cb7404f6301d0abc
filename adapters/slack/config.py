"""What the Slack adapter is told by the composition; refuses to exist half-configured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.reply_limits import REPLY_LIMITS, ReplyLimits
from bot.domain.secret import Secret
from bot.errors import Misconfigured

API_BASE_URL = "https://slack.com/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningSecret:
    """One signing secret; while a new one is introduced the old one stands beside it until its end date."""

    value: Secret
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The few sentences the adapter says itself, before the core is reached."""

    loading_title: str
    loading: str
    busy: str
    not_for_you: str
    working: str
    prompts_title: str
    prompts: tuple[tuple[str, str], ...]
    """Up to four: what is shown, and what pressing it types; for whom nothing better is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig:
    """What it takes to speak with one Slack app. Raises `Misconfigured` where a guard would have nothing to check."""

    signing_secrets: tuple[SigningSecret, ...] = ()
    """What HTTP deliveries are signed with; none where only Socket Mode is used."""
    app_token: Secret | None = None
    """The app-level token (`xapp-…`) that opens Socket Mode."""
    workspaces: frozenset[str]
    """The workspaces (`T…`) and organisations (`E…`) that are let in."""
    phrases: Phrases
    app_id: str | None = None
    """The app's own id (`A…`); the signature proves the app already, this also refuses a shared secret's other app."""
    api_base_url: str = API_BASE_URL
    replies: ReplyLimits = REPLY_LIMITS

    def __post_init__(self) -> None:
        if not self.signing_secrets and self.app_token is None:
            raise Misconfigured(
                "DOORWARD_SLACK__SIGNING_SECRET is empty: copy it from the app's Basic Information page, "
                "or set DOORWARD_SLACK__APP_TOKEN for Socket Mode"
            )
        if not all(secret.value.reveal() for secret in self.signing_secrets):
            raise Misconfigured("DOORWARD_SLACK__SIGNING_SECRET: an entry is empty")
        if self.app_token is not None and not self.app_token.reveal():
            raise Misconfigured("DOORWARD_SLACK__APP_TOKEN is empty: make an app-level token with connections:write")
        if not self.workspaces or not all(self.workspaces):
            raise Misconfigured("DOORWARD_SLACK__TEAM_IDS is empty: list the workspaces (T…) or organisations (E…)")
