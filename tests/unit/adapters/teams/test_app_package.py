"""The Teams app package: what it says, that Microsoft's schema takes it, and what its icons are."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.teams.app_package import AppDetails, Command, app_package, manifest, schema_problems
from bot.bootstrap.shell_teams import PERSONAL, SHARED, write_teams_package
from bot.capabilities.catalogue import BY_NAME
from bot.errors import Misconfigured
from bot.settings.tree import load
from tests.fakes.teams_server import APP_ID, TENANT

HERE = Path(__file__).parents[4]
DETAILS = AppDetails(
    app_id=APP_ID,
    version="1.2.3",
    public_url="https://doorward.example",
    developer="A Company",
    privacy_url="https://doorward.example/privacy",
    terms_url="https://doorward.example/terms",
    short="Short.",
    full="Longer.",
    personal=[Command(title="help", description="Help")],
    shared=[Command(title="help", description="Help")],
    sso_client_id=APP_ID,
    sso_resource=f"api://botid-{APP_ID}",
)
ENVIRON = {
    "DOORWARD_PUBLIC_URL": "https://doorward.example",
    "DOORWARD_TEAMS__APP_ID": APP_ID,
    "DOORWARD_TEAMS__APP_PASSWORD": "made up",
    "DOORWARD_TEAMS__TENANT_IDS": TENANT,
}


def test_the_zip_holds_a_manifest_and_two_icons_of_teams_sizes() -> None:
    with zipfile.ZipFile(io.BytesIO(app_package(DETAILS))) as package:
        assert package.namelist() == ["manifest.json", "color.png", "outline.png"]
        assert json.loads(package.read("manifest.json")) == manifest(DETAILS)
        assert _png(package.read("color.png"))[:2] == (192, 192)
        assert _png(package.read("outline.png")) == (32, 32, "with transparency")
    assert app_package(DETAILS) == app_package(DETAILS)


def _png(content: bytes) -> tuple[int, int, str]:
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, _, kind = struct.unpack(">IIBB", content[16:26])
    return width, height, "with transparency" if kind == 6 else "opaque"


def test_the_outline_is_white_and_nothing_else() -> None:
    assert "#ffffff" in (HERE / "adapters/teams/package/outline.svg").read_text()
    assert "rect" not in (HERE / "adapters/teams/package/outline.svg").read_text()


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"id": "x"}, "id"),
        ({"more": 1}, "manifest"),
        ({"accentColor": "blue"}, "accentColor"),
        ({"name": {"short": "x" * 31}}, "name/short"),
        ({"bots": [{"botId": APP_ID, "scopes": ["everywhere"]}]}, "bots/0/scopes/0"),
    ],
)
def test_what_microsofts_schema_refuses_is_named(changes: dict[str, Any], at: str) -> None:
    assert schema_problems(manifest(DETAILS)) == []
    (problem,) = schema_problems(manifest(DETAILS) | changes)
    assert problem.startswith(f"{at}: ")


def test_a_package_that_teams_would_refuse_is_not_written() -> None:
    with pytest.raises(Misconfigured, match="description/short"):
        app_package(replace(DETAILS, short="x" * 81))
    with pytest.raises(Misconfigured, match="APP_ID"):
        app_package(replace(DETAILS, app_id="x"))
    with pytest.raises(Misconfigured, match="--url"):
        app_package(replace(DETAILS, public_url="http://doorward.example"))


def test_without_single_sign_on_it_asks_for_none() -> None:
    assert "webApplicationInfo" not in manifest(replace(DETAILS, sso_resource=""))
    assert manifest(DETAILS)["webApplicationInfo"] == {"id": APP_ID, "resource": f"api://botid-{APP_ID}"}


def test_the_commands_are_those_of_the_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "app.zip"
    titles = write_teams_package(load(ENVIRON), path, url=None, company="A Company", privacy_url=None, terms_url=None)
    assert titles == ["help", *(BY_NAME[name].command for name in PERSONAL)]
    with zipfile.ZipFile(path) as package:
        (bot,) = json.loads(package.read("manifest.json"))["bots"]
    personal, shared = bot["commandLists"]
    assert [line["title"] for line in personal["commands"]] == titles
    assert [line["title"] for line in shared["commands"]] == ["help", *(BY_NAME[name].command for name in SHARED)]
    with pytest.raises(Misconfigured, match="there already"):
        write_teams_package(load(ENVIRON), path, url=None, company="A", privacy_url=None, terms_url=None)


def test_the_schema_is_microsofts() -> None:
    published = HERE / "tests/node/node_modules/@microsoft/app-manifest/build/json-schemas/teams/v1.30"
    if not published.exists():
        pytest.skip("the npm packages are missing: .ci/setup full node")
    ours = json.loads((HERE / "adapters/teams/package/MicrosoftTeams.schema.json").read_text())
    assert ours == json.loads((published / "MicrosoftTeams.schema.json").read_text())
