"""`doorward setup`: each part as what to paste, a live test, and green or the exact fix; taken up where it was left.

What is pasted goes into the TOML file that DOORWARD_CONFIG names, which only this account may read; secrets are asked
for without being shown, and never printed.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from adapters.probes import Probe
from bot.bootstrap.shell_settings import MANIFEST
from bot.errors import Misconfigured
from bot.settings.directories import IdpKind
from bot.settings.systems import SystemKind
from bot.settings.tree import CONFIG, Settings, load

PROVIDER = "company"
"""The name of a provider that is set up here, where none is yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing to paste."""

    setting: tuple[str, ...]
    what: str
    secret: bool = False
    many: bool = False
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def variable(self) -> str:
        """The environment variable of the same name."""
        return "DOORWARD_" + "__".join(self.setting).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the set-up."""

    name: str
    title: str
    asked: tuple[Asked, ...]
    copy: Callable[[Settings], Iterator[str]]
    """What has to be copied from here to there, and consented to: addresses, scopes, consents."""
    test: Callable[[Settings], list[Probe]]


def configuration(environ: dict[str, str]) -> Path:
    """The file that is written. Raises `Misconfigured` where DOORWARD_CONFIG names none."""
    name = environ.get(CONFIG, "")
    if not name:
        raise Misconfigured(f"{CONFIG} is empty: name the file to write, for example {CONFIG}=doorward.toml")
    return Path(name)


def open_file(path: Path) -> None:
    """Make sure that there is a file which only this account can read. Raises `Misconfigured`."""
    if not path.exists():
        _write(path, "")
    elif stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"{path} can be read by others: run `chmod 600 {path}`")


def keep(path: Path, answers: dict[tuple[str, ...], object]) -> None:
    """Put the answers into the file, comments and everything else in it kept; replaced whole, never half-written."""
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for setting, value in answers.items():
        table: Any = document
        for name in setting[:-1]:
            if name not in table:
                table[name] = tomlkit.table()
            table = table[name]
        table[setting[-1]] = value
    _write(path, tomlkit.dumps(document))


def _write(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 600
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)


def present(settings: Settings, asked: Asked) -> object:
    """What is set already; None where nothing is."""
    value: Any = settings
    for name in asked.setting:
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
        if value is None:
            return None
    if isinstance(value, tuple):
        return ", ".join(_revealed(one) for one in value) or None
    return _revealed(value) or None


def _revealed(value: object) -> str:
    reveal = getattr(value, "get_secret_value", None)
    return str(value if reveal is None else reveal())


def parts(settings: Settings) -> tuple[Part, ...]:
    """Every part, in the order in which they are set up."""
    name = next(iter(settings.idps), PROVIDER)
    return (PUBLIC, _provider_part(name), SLACK, TEAMS, HR)


def read() -> Settings:
    """The settings as they are now. Raises `Misconfigured`."""
    return load()


def _address(settings: Settings) -> str:
    return settings.public_url.rstrip("/") or "https://YOUR-ADDRESS"


def _manifest_scopes() -> tuple[str, ...]:
    return tuple(json.loads(MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"])


def _slack_copies(settings: Settings) -> Iterator[str]:
    yield "https://api.slack.com/apps › Create New App › From a manifest; paste what `doorward manifest slack` prints."
    yield f"Events, commands and interactivity go to {_address(settings)}/slack/events"
    yield f"OAuth redirect URL: {_address(settings)}/signin/slack/callback"
    yield f"Bot token scopes: {', '.join(_manifest_scopes())}"
    yield "A workspace administrator has to approve the app where your workspace asks for that (Install App › Request)."


def _slack_tests(settings: Settings) -> list[Probe]:
    from adapters import probes  # noqa: PLC0415 - only where something is tested

    given = settings.slack
    if given is None:
        return [Probe(what="settings", good=False, fix="nothing of Slack is set")]
    token = given.bot_token.get_secret_value()
    found = probes.slack(token, teams=given.team_ids, scopes=_manifest_scopes(), api_base_url=given.api_base_url)
    signing = bool(given.signing_secret)
    fix = "paste the Signing Secret of Basic Information"
    return [*found, Probe(what="signing secret", good=signing, fix="" if signing else fix)]


def _teams_copies(settings: Settings) -> Iterator[str]:
    yield "https://portal.azure.com › Azure Bot › Create (single tenant); then Channels › Microsoft Teams."
    yield f"Messaging endpoint: {_address(settings)}/api/messages"
    yield "Certificates & secrets › New client secret; copy its value, not its id."
    yield "Consent: a Teams administrator uploads the app package (`doorward manifest teams`) under Manage apps."


def _teams_tests(settings: Settings) -> list[Probe]:
    from adapters import probes  # noqa: PLC0415 - only where something is tested

    given = settings.teams
    if given is None:
        return [Probe(what="settings", good=False, fix="nothing of Teams is set")]
    tenant = given.tenant_ids[0] if given.tenant_ids else "botframework.com"
    return probes.teams(
        given.app_id,
        given.app_password.get_secret_value(),
        tenant=tenant,
        token_url=given.token_url or f"{given.login_url}/{tenant}/oauth2/v2.0/token",
        metadata_url=given.openid_metadata_url,
    )


def _provider_part(name: str) -> Part:
    place = ("idps", name)

    def copies(settings: Settings) -> Iterator[str]:
        yield "At your provider, register a web application (confidential client, authorization code with PKCE)."
        yield f"Redirect URI: {_address(settings)}/signin/callback/{name}"
        yield f"Back-channel logout URI, where it has one: {_address(settings)}/oidc/backchannel-logout"
        yield "Scopes: openid profile email offline_access. Entra ID: grant admin consent for them."

    def tests(settings: Settings) -> list[Probe]:
        from adapters import probes  # noqa: PLC0415 - only where something is tested

        given = settings.idps.get(name)
        if given is None:
            return [Probe(what="settings", good=False, fix="no provider is set")]
        return probes.provider(
            given.authority,
            given.client_id,
            given.client_secret.get_secret_value(),
            redirect_uri=f"{_address(settings)}/signin/callback/{name}",
            transport=given.transport_url,
        )

    asked = (
        Asked(setting=(*place, "kind"), what="Kind of provider", choices=tuple(kind.value for kind in IdpKind)),
        Asked(setting=(*place, "authority"), what="Authority (the issuer's address, https://…)"),
        Asked(setting=(*place, "client_id"), what="Client id"),
        Asked(setting=(*place, "client_secret"), what="Client secret", secret=True),
    )
    return Part(name="provider", title="Identity provider", asked=asked, copy=copies, test=tests)


def _hr_copies(_settings: Settings) -> Iterator[str]:
    yield "Which HR system answers about leave and pay. `demo` is for development only."


def _hr_tests(settings: Settings) -> list[Probe]:
    if settings.hr.kind is SystemKind.DEMO:
        production = settings.environment.value == "production"
        fix = "the demo system is refused in production: set DOORWARD_HR__KIND once your HR system is supported"
        return [Probe(what="ping", good=not production, fix=fix if production else "", found="the demo system")]
    fix = f"this version does not speak with {settings.hr.kind} yet"
    return [Probe(what="ping", good=False, fix=fix)]


def _public_copies(_settings: Settings) -> Iterator[str]:
    yield "The address that browsers, Slack and Teams reach this under; everything else is made from it."


def _public_tests(settings: Settings) -> list[Probe]:
    good = settings.public_url.startswith("https://") or settings.public_url.startswith("http://localhost")
    return [Probe(what="address", good=good, fix="" if good else "give it as https://…", found=settings.public_url)]


PUBLIC = Part(
    name="address",
    title="Public address",
    asked=(Asked(setting=("public_url",), what="Public address (https://…)"),),
    copy=_public_copies,
    test=_public_tests,
)
SLACK = Part(
    name="slack",
    title="Slack",
    asked=(
        Asked(setting=("slack", "app_id"), what="App ID (A…, Basic Information)"),
        Asked(setting=("slack", "signing_secret"), what="Signing Secret (Basic Information)", secret=True),
        Asked(setting=("slack", "client_id"), what="Client ID (Basic Information)"),
        Asked(setting=("slack", "client_secret"), what="Client Secret (Basic Information)", secret=True),
        Asked(setting=("slack", "bot_token"), what="Bot User OAuth Token (xoxb-…, OAuth & Permissions)", secret=True),
        Asked(setting=("slack", "team_ids"), what="Workspaces (T…, comma-separated)", many=True),
    ),
    copy=_slack_copies,
    test=_slack_tests,
)
TEAMS = Part(
    name="teams",
    title="Microsoft Teams",
    asked=(
        Asked(setting=("teams", "app_id"), what="Microsoft App ID of the bot"),
        Asked(setting=("teams", "app_password"), what="Client secret (its value)", secret=True),
        Asked(setting=("teams", "tenant_ids"), what="Tenants (ids, comma-separated)", many=True),
    ),
    copy=_teams_copies,
    test=_teams_tests,
)
HR = Part(
    name="hr",
    title="HR system",
    asked=(Asked(setting=("hr", "kind"), what="Which HR system", choices=tuple(kind.value for kind in SystemKind)),),
    copy=_hr_copies,
    test=_hr_tests,
)
