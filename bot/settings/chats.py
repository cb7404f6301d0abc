"""Settings of the chat platforms."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from bot.settings.values import DatedSecret, Group, Listed, listed


class Slack(Group):
    """A Slack app (all of it, or nothing)."""

    signing_secret: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    bot_token: SecretStr = SecretStr("")
    team_ids: Listed = ()
    app_id: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    api_base_url: str = "https://slack.com/api/"
    hr_channel: str = ""


class Teams(Group):
    """A Teams bot (all of it, or nothing)."""

    app_id: str = ""
    app_password: SecretStr = SecretStr("")
    tenant_ids: Listed = ()
    openid_metadata_url: str = "https://login.botframework.com/v1/.well-known/openidconfiguration"
    token_url: str = ""
    allowed_service_hosts: Listed = ("smba.trafficmanager.net",)
    hr_conversation: str = ""
