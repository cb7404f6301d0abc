"""The app package: the zip that an administrator uploads to Teams, checked against Microsoft's own schema.

See: https://learn.microsoft.com/microsoftteams/platform/resources/schema/manifest-schema
The schema in `package` is that of Microsoft's npm package `@microsoft/app-manifest` (MIT), only white space taken out;
a test compares the two.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft4Validator

from bot.errors import Misconfigured

SCHEMA_VERSION = "1.30"
COMMANDS_AT_MOST = 10
"""What Teams' documentation says a list may have; its schema says twelve."""
ACCENT = "#2A52CC"
ICONS = ("color.png", "outline.png")

_PARTS = Path(__file__).parent / "package"
_MADE_AT = (1980, 1, 1, 0, 0, 0)
"""The same input gives the same bytes."""
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line of what Teams suggests while somebody types to the bot."""

    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDetails:
    """What one company's package says."""

    app_id: str
    version: str
    public_url: str
    developer: str
    privacy_url: str
    terms_url: str
    short: str
    full: str
    personal: Sequence[Command]
    shared: Sequence[Command]
    sso_client_id: str = ""
    sso_resource: str = ""


def app_package(details: AppDetails) -> bytes:
    """The zip: manifest and two icons. Raises `Misconfigured` for what Teams would refuse."""
    written = manifest(details)
    if problems := schema_problems(written):
        raise Misconfigured("Teams would refuse this manifest: " + "; ".join(problems))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
        parts = {"manifest.json": json.dumps(written, ensure_ascii=False, indent=2).encode()}
        parts |= {name: (_PARTS / name).read_bytes() for name in ICONS}
        for name, content in parts.items():
            package.writestr(zipfile.ZipInfo(name, date_time=_MADE_AT), content, zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def manifest(details: AppDetails) -> dict[str, Any]:
    """The manifest. Raises `Misconfigured`."""
    host = _host(details.public_url)
    if not _GUID.fullmatch(details.app_id):
        raise Misconfigured("DOORWARD_TEAMS__APP_ID is no GUID: copy the bot's Microsoft App ID from the Azure portal")
    written = {
        "$schema": f"https://developer.microsoft.com/json-schemas/teams/v{SCHEMA_VERSION}/MicrosoftTeams.schema.json",
        "manifestVersion": SCHEMA_VERSION,
        "version": details.version,
        "id": details.app_id,
        "developer": {
            "name": details.developer,
            "websiteUrl": details.public_url,
            "privacyUrl": details.privacy_url,
            "termsOfUseUrl": details.terms_url,
        },
        "name": {"short": "Doorward", "full": "Doorward"},
        "description": {"short": details.short, "full": details.full},
        "icons": {"color": ICONS[0], "outline": ICONS[1]},
        "accentColor": ACCENT,
        "bots": [
            {
                "botId": details.app_id,
                "scopes": ["personal", "team", "groupChat"],
                "isNotificationOnly": False,
                "supportsFiles": False,
                "commandLists": [
                    {"scopes": ["personal"], "commands": _listed(details.personal)},
                    {"scopes": ["team", "groupChat"], "commands": _listed(details.shared)},
                ],
            }
        ],
        "permissions": ["identity", "messageTeamMembers"],
        "validDomains": [host],
        "defaultInstallScope": "personal",
    }
    if details.sso_resource:
        written["webApplicationInfo"] = {"id": details.sso_client_id, "resource": details.sso_resource}
    return written


def schema_problems(written: dict[str, Any]) -> list[str]:
    """Where a manifest does not fit Microsoft's schema."""
    found = sorted(_validator().iter_errors(written), key=lambda error: list(map(str, error.absolute_path)))
    return [f"{'/'.join(map(str, error.absolute_path)) or 'manifest'}: {error.message[:200]}" for error in found]


@cache
def _validator() -> Draft4Validator:
    schema = json.loads((_PARTS / "MicrosoftTeams.schema.json").read_text(encoding="utf-8"))
    return Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)


def _listed(commands: Sequence[Command]) -> list[dict[str, str]]:
    return [{"title": one.title, "description": one.description} for one in commands[:COMMANDS_AT_MOST]]


def _host(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured(f"{url!r} is no address that Teams can call: give --url https://…, or DOORWARD_PUBLIC_URL")
    return parts.hostname
