"""Composes the chat platforms that are configured; a platform that is not costs no import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.routing import BaseRoute

from adapters.web.site import ChatName
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.secret import Secret
from bot.ports.chat import ChatPlatform
from bot.ports.chat_sign_in import ChatSignIn
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.ingress import Ingress
from bot.ports.start import StartPage
from bot.settings.chats import Slack, Teams
from bot.texts.sentences import voice

if TYPE_CHECKING:
    from adapters.slack.config import SlackConfig
    from adapters.slack.installations import Installations
    from adapters.slack.platform import SlackPlatform

Routes = Callable[[Ingress, StartPage], list[BaseRoute]]
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One platform, and the way in from it."""

    name: Platform
    platform: ChatPlatform
    routes: Routes
    hr: Place | None
    close: Callable[[], Awaitable[None]]
    listen: Callable[[Ingress, StartPage], Callable[[], Awaitable[None]]] | None = None
    """Opens connections of our own, where the platform does not call us; what it gives back closes them."""
    sign_in: ChatSignIn | None = None
    """None where this platform cannot prove whose account a browser belongs to: then nobody can link there."""
    sign_in_origins: tuple[str, ...] = ()
    """Where its sign-in may lead a browser through."""
    called: Callable[[ChannelIdentity], Awaitable[ChatName]] | None = None
    """How it names an account; None where it cannot."""
    emails: Callable[[ChannelIdentity], Awaitable[str]] | None = None
    """An account's e-mail address, where the company's directory writes it; None where it is not asked."""


def slack_chat(settings: Slack, clock: Clock, *, database: Database | None = None, public_url: str = "") -> Chat:
    """Slack; with a database it can be installed in several workspaces. Raises `Misconfigured`."""
    from adapters.slack.app import SlackApp  # noqa: PLC0415 - see the module's sentence
    from adapters.slack.endpoint import slack_routes  # noqa: PLC0415
    from adapters.slack.socket import SocketMode  # noqa: PLC0415

    config = _slack_config(settings)
    platform, installing, leaving = _slack_platform(settings, config, clock, database, public_url)
    apps: list[SlackApp] = []

    def app(ingress: Ingress, start: StartPage) -> SlackApp:
        """One for both ways in: it remembers who people are."""
        if not apps:
            apps.append(SlackApp(config, ingress=ingress, platform=platform, clock=clock, leaving=leaving, start=start))
        return apps[0]

    def routes(ingress: Ingress, start: StartPage) -> list[BaseRoute]:
        return [*slack_routes(config, app=app(ingress, start), ingress=ingress, clock=clock), *installing]

    def listen(ingress: Ingress, start: StartPage) -> Callable[[], Awaitable[None]]:
        socket = SocketMode(config, app(ingress, start), ingress)
        socket.start()
        return socket.stop

    return Chat(
        name=Platform.SLACK,
        platform=platform,
        routes=routes,
        listen=listen if config.app_token is not None else None,
        hr=_channel(Platform.SLACK, settings.team_ids[0], settings.hr_channel),
        close=platform.close,
        sign_in=_slack_sign_in(settings, platform, clock),
        sign_in_origins=_slack_origins(settings),
        called=_slack_names(platform),
        emails=_slack_emails(platform) if settings.directory_emails else None,
    )


def _slack_config(settings: Slack) -> SlackConfig:
    from adapters.slack.config import Phrases, SigningSecret, SlackConfig  # noqa: PLC0415 - see the module's sentence

    say = voice(None).say
    app_token = settings.app_token.get_secret_value()
    return SlackConfig(
        signing_secrets=tuple(
            SigningSecret(value=Secret(secret.get_secret_value()), until=secret.until)
            for secret in settings.signing_secret
        ),
        app_token=Secret(app_token) if app_token else None,
        workspaces=frozenset(settings.team_ids),
        phrases=Phrases(
            loading_title=say("slack.loading_title"),
            loading=say("slack.loading"),
            busy=say("slack.busy"),
            not_for_you=say("slack.not_for_you"),
            working=say("slack.working"),
            prompts_title=say("slack.prompts_title"),
            prompts=(
                (say("slack.prompt_leave"), say("slack.prompt_leave_typed")),
                (say("slack.prompt_waiting"), say("slack.prompt_waiting_typed")),
                (say("slack.prompt_help"), say("slack.prompt_help_typed")),
            ),
        ),
        app_id=settings.app_id or None,
        api_base_url=settings.api_base_url,
    )


def _slack_platform(
    settings: Slack, config: SlackConfig, clock: Clock, database: Database | None, public_url: str
) -> tuple[SlackPlatform, Sequence[BaseRoute], Installations | None]:
    """The platform, and what installs it elsewhere; with a bot token and no database there is one workspace."""
    from adapters.slack.install import Installing  # noqa: PLC0415 - see the module's sentence
    from adapters.slack.installations import Installations  # noqa: PLC0415
    from adapters.slack.oauth import ORIGIN, SlackOAuth  # noqa: PLC0415
    from adapters.slack.platform import OneToken, SlackPlatform  # noqa: PLC0415
    from adapters.slack.web_api import WebApi  # noqa: PLC0415

    api, bot_token = WebApi(config.api_base_url), Secret(settings.bot_token.get_secret_value())
    if database is None or not settings.client_id:
        return SlackPlatform(OneToken(bot_token), api), (), None
    oauth = SlackOAuth(
        api,
        clock,
        client_id=settings.client_id,
        client_secret=Secret(settings.client_secret.get_secret_value()),
        directory_emails=settings.directory_emails,
        origin=_loopback_origin(settings.api_base_url) or ORIGIN,
    )
    installations = Installations(
        database, clock, renew=oauth.renew, otherwise=bot_token if bot_token.reveal() else None
    )
    installing = Installing(
        database=database,
        clock=clock,
        oauth=oauth,
        installations=installations,
        workspaces=config.workspaces,
        app_id=config.app_id,
        public_url=public_url,
    )
    return SlackPlatform(installations, api), installing.routes(), installations


def _slack_sign_in(settings: Slack, platform: SlackPlatform, clock: Clock) -> ChatSignIn | None:
    from adapters.slack.people import People  # noqa: PLC0415 - see the module's sentence
    from adapters.slack.sign_in import ORIGIN, SlackSignIn  # noqa: PLC0415

    if not settings.client_id or not settings.sign_in:
        return None
    alone = len(settings.team_ids) == 1 and settings.team_ids[0].startswith("T")
    return SlackSignIn(
        client_id=settings.client_id,
        client_secret=Secret(settings.client_secret.get_secret_value()),
        member=People(platform, frozenset(settings.team_ids), clock).member,
        clock=clock,
        team=settings.team_ids[0] if alone else "",
        origin=_loopback_origin(settings.api_base_url) or ORIGIN,
    )


def _slack_origins(settings: Slack) -> tuple[str, ...]:
    """Slack sends the browser on to the workspace's own address before it asks."""
    if not settings.client_id or not settings.sign_in:
        return ()
    stand_in = _loopback_origin(settings.api_base_url)
    return (stand_in,) if stand_in else ("https://slack.com", "https://*.slack.com")


def _loopback_origin(url: str) -> str:
    """The origin of a stand-in on this computer, else nothing: codes and the secret go to Slack itself."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.hostname in LOOPBACK else ""


def _slack_names(platform: SlackPlatform) -> Callable[[ChannelIdentity], Awaitable[ChatName]]:
    from adapters.slack.naming import Names  # noqa: PLC0415 - see the module's sentence

    names = Names(platform)

    async def called(who: ChannelIdentity) -> ChatName:
        return ChatName(account=await names.account(who), place=f"{await names.place(who)}, Slack")

    return called


def _slack_emails(platform: SlackPlatform) -> Callable[[ChannelIdentity], Awaitable[str]]:
    from adapters.slack.people import email_of  # noqa: PLC0415 - see the module's sentence

    async def email(who: ChannelIdentity) -> str:
        return email_of(await platform.person(who.account, who.tenant))

    return email


def teams_chat(settings: Teams, clock: Clock, *, database: Database | None = None) -> Chat:
    """Teams; with a database, whoever was met is reached after a restart. Raises `Misconfigured`."""
    from adapters.teams.config import TOKEN_URL, Phrases, TeamsConfig  # noqa: PLC0415 - see the module's sentence
    from adapters.teams.endpoint import teams_routes  # noqa: PLC0415
    from adapters.teams.platform import TeamsPlatform  # noqa: PLC0415

    say = voice(None).say
    config = TeamsConfig(
        app_id=settings.app_id,
        app_password=Secret(settings.app_password.get_secret_value()),
        tenants=frozenset(settings.tenant_ids),
        phrases=Phrases(
            working=say("teams.working"),
            answered=say("teams.answered"),
            busy=say("teams.busy"),
            gone=say("teams.gone"),
        ),
        openid_metadata_url=settings.openid_metadata_url,
        token_url=settings.token_url or TOKEN_URL,
        service_hosts=frozenset(settings.allowed_service_hosts),
        sso_resource=settings.sso_resource,
        loopback=urlsplit(settings.openid_metadata_url).hostname == "127.0.0.1",
    )
    platform = TeamsPlatform(config, clock=clock, database=database)
    return Chat(
        name=Platform.TEAMS,
        platform=platform,
        routes=lambda ingress, _: [*teams_routes(config, ingress=ingress, platform=platform, clock=clock)],
        hr=_channel(Platform.TEAMS, settings.tenant_ids[0], settings.hr_conversation),
        close=platform.close,
        sign_in=_teams_sign_in(settings, clock),
        sign_in_origins=(_origin_of(settings.login_url),),
    )


def _teams_sign_in(settings: Teams, clock: Clock) -> ChatSignIn:
    from adapters.teams.sign_in import ORIGIN, TeamsSignIn  # noqa: PLC0415 - see the module's sentence

    stand_in = _loopback_origin(settings.login_url)
    return TeamsSignIn(
        client_id=settings.app_id,
        client_secret=Secret(settings.app_password.get_secret_value()),
        tenants=frozenset(settings.tenant_ids),
        clock=clock,
        issuer_origin=ORIGIN if stand_in else _origin_of(settings.login_url),
        transport_url=stand_in,
    )


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _channel(platform: Platform, tenant: str, conversation: str) -> Place | None:
    if not conversation:
        return None
    return Place(platform=platform, tenant=tenant, conversation=conversation, kind=PlaceKind.CHANNEL)
