"""The Teams app package from the shell: what is in it comes from the settings, the catalogue and the texts."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from adapters.teams.app_package import AppDetails, Command, app_package
from bot.bootstrap.refusals import sso_provider
from bot.capabilities.catalogue import BY_NAME
from bot.errors import Misconfigured
from bot.settings.tree import Settings
from bot.texts.sentences import voice

PERSONAL = (
    "leave_balance",
    "request_leave",
    "my_leaves",
    "waiting",
    "view_payslip",
    "view_benefits",
    "whoami",
    "my_sessions",
    "sign_out",
)
"""What everybody may ask for; who may do more learns it from `help`, since Teams shows one list to all."""
SHARED = ("leave_balance", "request_leave", "my_leaves", "waiting")
"""In a team or group chat the answers to these go where the question stood, or to the person alone."""


def write_teams_package(
    settings: Settings, path: Path, *, url: str | None, company: str, privacy_url: str | None, terms_url: str | None
) -> list[str]:
    """Write the zip; what it holds. Raises `Misconfigured`, also for a file that is there already."""
    if settings.teams is None:
        raise Misconfigured("DOORWARD_TEAMS__APP_ID is not set: make the bot's registration first (docs/teams.md, 2)")
    say, teams = voice(None).say, settings.teams
    public_url = (settings.public_url if url is None else url).rstrip("/")
    details = AppDetails(
        app_id=teams.app_id,
        version=version("doorward"),
        public_url=public_url,
        developer=company,
        privacy_url=privacy_url or public_url,
        terms_url=terms_url or public_url,
        short=say("teams.package.short"),
        full=say("teams.package.full"),
        personal=[_help(), *(_command(name) for name in PERSONAL)],
        shared=[_help(), *(_command(name) for name in SHARED)],
        sso_client_id=settings.idps[sso_provider(settings)].client_id if teams.sso_resource else "",
        sso_resource=teams.sso_resource,
    )
    content = app_package(details)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise Misconfigured(f"{path} is there already: name another file, or remove it") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written ({error.strerror})") from None
    return [command.title for command in details.personal]


def _help() -> Command:
    return Command(title="help", description=voice(None).say("teams.package.help"))


def _command(name: str) -> Command:
    capability = BY_NAME[name]
    return Command(title=capability.command, description=voice(None).say(capability.title_key))
