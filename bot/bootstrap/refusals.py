"""What keeps Doorward from starting: half-configured parts, and demo and real parts in one place (DESIGN §6).

Pure functions over the settings; each names the setting, says what was found, and what helps.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from bot.bootstrap.directory_refusals import directory_problems
from bot.bootstrap.key_refusals import key_problems
from bot.bootstrap.provider_refusals import provider_problems
from bot.bootstrap.routing import owner_problems, route_problems
from bot.errors import Misconfigured
from bot.settings.chats import Slack, Teams
from bot.settings.directories import Idp, IdpKind
from bot.settings.systems import Mail, SystemKind
from bot.settings.tree import NAMED, Environment, Settings, variable

DEMO_MARK = "demo"
"""The mark on a database that belongs to the demonstration."""
SLACK_HOSTS = frozenset({"slack.com", "slack-gov.com"})
"""Slack and GovSlack. See: https://docs.slack.dev/govslack"""
BOT_FRAMEWORK_HOSTS = frozenset({"login.botframework.com", "login.botframework.azure.us"})
"""Public and US government. See: https://learn.microsoft.com/azure/bot-service/how-to-deploy-gov-cloud-high"""
LOGIN_HOSTS = frozenset({"login.microsoftonline.com", "login.microsoftonline.us"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
WITH_THE_DEMO = frozenset({"environment", "host", "port", "session"})
"""The only settings the demonstration takes."""


def refuse_unready(settings: Settings) -> None:
    """Refuse settings that `serve` must not start with. Raises `Misconfigured` with one line for each problem."""
    _refuse(problems(settings))


def refuse_demo_database(settings: Settings, mark: str | None) -> None:
    """Refuse in production a database that carries the demonstration's mark. Raises `Misconfigured`."""
    if mark and settings.environment is Environment.PRODUCTION:
        raise Misconfigured("DOORWARD_DATABASE_URL: this database belongs to the demo; take one of its own")


def refuse_real_parts(settings: Settings) -> None:
    """Refuse to start the demonstration beside anything real. Raises `Misconfigured` with one line for each setting."""
    _refuse(_real_parts(settings))


def _refuse(found: Iterator[str]) -> None:
    if told := "\n".join(found):
        raise Misconfigured(told)


def problems(settings: Settings) -> Iterator[str]:
    """Everything that keeps `serve` from starting with these settings, one line each.

    1. we are told our own address and where the keys are;
    2. every part that is named is complete: a guard without its measure would let everybody in;
    3. in production something is connected at all, and nothing is a demo part, a stand-in, or reached in the clear.
    """
    # (1): told what only the company knows
    if not settings.public_url:
        yield "DOORWARD_PUBLIC_URL is empty: set the address that browsers reach this under, https://…"
    yield from key_problems(settings.keys, production=settings.environment is Environment.PRODUCTION)
    # (2): by part
    if settings.slack is not None:
        yield from _slack(settings.slack)
    if settings.teams is not None:
        yield from _teams(settings.teams)
        yield from _single_sign_on(settings)
    for name, idp in settings.idps.items():
        yield from _idp(name, idp)
    yield from directory_problems(settings)
    yield from provider_problems(settings)
    yield from route_problems(settings)
    yield from owner_problems(settings)
    if settings.mail is not None:
        yield from _mail(settings.mail)
    # (3): production
    if settings.environment is Environment.PRODUCTION:
        yield from _in_production(settings)
        yield from _factors(settings)


def _slack(slack: Slack) -> Iterator[str]:
    app_token = slack.app_token.get_secret_value()
    signed = bool(slack.signing_secret) and all(one.get_secret_value().strip() for one in slack.signing_secret)
    if not signed and (slack.signing_secret or not app_token):
        yield (
            "DOORWARD_SLACK__SIGNING_SECRET is empty: copy it from the app's Basic Information page, "
            "or set DOORWARD_SLACK__APP_TOKEN to use Socket Mode alone"
        )
    if app_token and not app_token.startswith("xapp-"):
        yield "DOORWARD_SLACK__APP_TOKEN is no app-level token (xapp-…): make one with the scope connections:write"
    bot_token, client_id = slack.bot_token.get_secret_value().strip(), slack.client_id.strip()
    if not bot_token and not client_id:
        yield (
            "DOORWARD_SLACK__BOT_TOKEN is empty: install the app and copy its bot token (xoxb-…), or set "
            "DOORWARD_SLACK__CLIENT_ID and __CLIENT_SECRET and install it at /slack/install"
        )
    if not slack.team_ids or not all(slack.team_ids):
        yield "DOORWARD_SLACK__TEAM_IDS is empty: list the workspaces (T…) or organisations (E…) that are let in"
    if bool(slack.client_id.strip()) != bool(slack.client_secret.get_secret_value().strip()):
        yield (
            "DOORWARD_SLACK__CLIENT_ID and DOORWARD_SLACK__CLIENT_SECRET go together: copy both from the app's "
            "Basic Information page, or set neither (then nobody new can link an account)"
        )


def _teams(teams: Teams) -> Iterator[str]:
    if not teams.app_id.strip():
        yield "DOORWARD_TEAMS__APP_ID is empty: copy the bot's Microsoft App ID from the Azure portal"
    if not teams.app_password.get_secret_value().strip():
        yield "DOORWARD_TEAMS__APP_PASSWORD is empty: make a client secret for the bot's registration"
    if not teams.tenant_ids or not all(teams.tenant_ids):
        yield "DOORWARD_TEAMS__TENANT_IDS is empty: list the directory (tenant) ids that may write"
    if not teams.allowed_service_hosts or not all(teams.allowed_service_hosts):
        yield "DOORWARD_TEAMS__ALLOWED_SERVICE_HOSTS is empty: answers could go nowhere; leave it out for Teams' own"


def sso_provider(settings: Settings) -> str:
    """The name of the provider whose registration the tokens are for. Raises `Misconfigured`."""
    assert settings.teams is not None
    entra = [name for name, idp in settings.idps.items() if idp.kind is IdpKind.ENTRA]
    wanted = settings.teams.sso_provider
    if wanted in entra:
        return wanted
    if not wanted and len(entra) == 1:
        return entra[0]
    raise Misconfigured(
        "DOORWARD_TEAMS__SSO_RESOURCE is set, but not which provider it is for: name one of kind entra in "
        f"DOORWARD_TEAMS__SSO_PROVIDER ({', '.join(entra) or 'there is none'}), or unset DOORWARD_TEAMS__SSO_RESOURCE"
    )


def _single_sign_on(settings: Settings) -> Iterator[str]:
    assert settings.teams is not None
    teams = settings.teams
    if not teams.sso_resource:
        return
    if not teams.sso_resource.startswith("api://") or not all(teams.client_ids) or not teams.client_ids:
        yield (
            "DOORWARD_TEAMS__SSO_RESOURCE has to be the Application ID URI of the bot's registration (api://botid-…), "
            "and DOORWARD_TEAMS__CLIENT_IDS the ids of Teams' own applications"
        )
    try:
        sso_provider(settings)
    except Misconfigured as unclear:
        yield unclear.detail


def _mail(mail: Mail) -> Iterator[str]:
    if not mail.host.strip():
        yield "DOORWARD_MAIL__HOST is empty: name the company's mail server, or set none of DOORWARD_MAIL__…"
    if "@" not in mail.sender:
        yield "DOORWARD_MAIL__SENDER is no address: name the mailbox that notices come from"
    if bool(mail.username) != bool(mail.password.get_secret_value()):
        yield "DOORWARD_MAIL__USERNAME and DOORWARD_MAIL__PASSWORD go together: set both, or neither"


def _idp(name: str, idp: Idp) -> Iterator[str]:
    if not idp.client_id.strip():
        yield f"{_of_idp(name, 'client_id')} is empty: copy it from the app's registration at the provider"
    if bool(idp.client_secret.get_secret_value()) == bool(idp.client_certificate.get_secret_value()):
        yield f"{_of_idp(name, 'client_secret')}: give this or {_of_idp(name, 'client_certificate')}, one of the two"
    if idp.kind is IdpKind.ENTRA and not any(idp.tenant_ids):
        yield f"{_of_idp(name, 'tenant_ids')} is empty: list the tenants whose people may sign in"
    if not _is_https(idp.authority):
        yield f"{_of_idp(name, 'authority')} is not an https address: the provider's answers could be forged on the way"


def _in_production(settings: Settings) -> Iterator[str]:
    if settings.slack is None and settings.teams is None:
        yield "DOORWARD_SLACK__… and DOORWARD_TEAMS__… are not set: connect at least one of the two"
    if not settings.idps:
        yield "DOORWARD_IDPS__<NAME>__… is not set: nobody could sign in without an identity provider"
    if settings.public_url and not _is_https(settings.public_url):
        yield "DOORWARD_PUBLIC_URL is not an https address: sign-in and codes would travel in the clear"
    for name, idp in settings.idps.items():
        yield from _stand_in_provider(name, idp)
    if settings.slack is not None and not _is_at(settings.slack.api_base_url, SLACK_HOSTS):
        yield f"DOORWARD_SLACK__API_BASE_URL is not Slack: unset it, or take {_listed(SLACK_HOSTS)} with https"
    if settings.teams is not None:
        yield from _stand_in_teams(settings.teams)
    if settings.mail is not None and not settings.mail.starttls and settings.mail.host not in LOOPBACK:
        yield "DOORWARD_MAIL__STARTTLS is off: notices and the password would travel in the clear"
    for system, kind in (("HR", settings.hr.kind), ("CRM", settings.crm.kind)):
        if kind is SystemKind.DEMO:
            yield f"DOORWARD_{system}__KIND is demo: made-up people; connect the company's own system"


def _factors(settings: Settings) -> Iterator[str]:
    if settings.factors.first_on_password:
        yield "DOORWARD_FACTORS__FIRST_ON_PASSWORD is on: whoever has a password could bind a second factor; unset it"


def _stand_in_provider(name: str, idp: Idp) -> Iterator[str]:
    if idp.transport_url:
        yield f"{_of_idp(name, 'transport_url')} is for tests: unset it, the provider is reached at its authority"
    host = _parts(idp.authority).hostname or ""
    if host in LOOPBACK or host.endswith(".invalid"):
        yield f"{_of_idp(name, 'authority')} is a stand-in ({host}): name the company's own provider"


def _stand_in_teams(teams: Teams) -> Iterator[str]:
    if not _is_at(teams.openid_metadata_url, BOT_FRAMEWORK_HOSTS):
        hosts = _listed(BOT_FRAMEWORK_HOSTS)
        yield f"DOORWARD_TEAMS__OPENID_METADATA_URL is not Microsoft: unset it, or take {hosts} with https"
    if not _is_at(teams.login_url, LOGIN_HOSTS):
        yield f"DOORWARD_TEAMS__LOGIN_URL is not Microsoft: unset it, or take {_listed(LOGIN_HOSTS)} with https"
    if teams.token_url and not _is_https(teams.token_url):
        yield "DOORWARD_TEAMS__TOKEN_URL is not an https address: the bot's password would travel in the clear"


def _real_parts(settings: Settings) -> Iterator[str]:
    given = settings.model_fields_set
    if settings.environment is Environment.PRODUCTION and "environment" in given:
        yield "DOORWARD_ENVIRONMENT=production: the demo runs in development only; unset it"
    for name in sorted(given - WITH_THE_DEMO):
        for setting in _given(getattr(settings, name), (name,)):
            yield f"{setting} is set: the demo starts with no real part at all; unset it, or use `doorward serve`"
    if settings.host not in LOOPBACK:
        yield f"DOORWARD_HOST={settings.host}: the demo listens on loopback only; unset it"


def _given(value: object, place: tuple[str, ...]) -> Iterator[str]:
    """The variables under which something of a part was given."""
    fields = getattr(value, "model_fields_set", None)
    inner: dict[str, object] = {}
    if fields is not None:
        inner = {name: getattr(value, name) for name in sorted(fields)}
    elif len(place) == 1 and place[0] in NAMED and isinstance(value, dict):
        inner = value
    for name, part in inner.items():
        yield from _given(part, (*place, name))
    if not inner:
        yield variable(place)


def _of_idp(name: str, setting: str) -> str:
    return variable(("idps", name, setting))


def _is_https(url: str) -> bool:
    parts = _parts(url)
    return parts.scheme == "https" and bool(parts.hostname)


def _is_at(url: str, hosts: frozenset[str]) -> bool:
    """Whether this is https at exactly one of these hosts, with no port or account that would lead elsewhere."""
    parts = _parts(url)
    return parts.scheme == "https" and parts.netloc.lower() in hosts


def _parts(url: str) -> SplitResult:
    """The parts of an address; of one that is none, nothing."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _listed(hosts: frozenset[str]) -> str:
    return " or ".join(sorted(hosts))
