"""Settings of the chat platforms."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from bot.settings.values import DatedSecret, Group, Listed, listed


class Slack(Group):
    """A Slack app (all of it, or nothing)."""

    signing_secret: Annotated[tuple[DatedSecret, ...], BeforeValidator(listed)] = ()
    bot_token: SecretStr = SecretStr("")
    app_token: SecretStr = SecretStr("")
    team_ids: Listed = ()
    app_id: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    sign_in: bool = True
    """Whether people link with Sign in with Slack, where there is a client id; false leaves that to installing."""
    directory_emails: bool = False
    """Whether the company's directory alone writes the addresses in Slack: then they have to be the provider's, too,
    where an account is linked by a code. Takes the scope users:read.email."""
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
    login_url: str = "https://login.microsoftonline.com"
    """Entra ID, where people sign in; another in government clouds."""
    sso_resource: str = ""
    """The Application ID URI of the bot's registration (`api://botid-…`); empty is without single sign-on."""
    sso_provider: str = ""
    """Which of `DOORWARD_IDPS__<NAME>` the single sign-on is for; empty is the only one of kind entra."""
    client_ids: Listed = ("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "5e3ce6c0-2b1f-4285-8d4b-75ee78787346")
    """Teams' own applications (desktop and phone; web): tokens that any other application got are refused."""
