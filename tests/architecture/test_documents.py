"""What README and docs tell people to type, set and open is there: every command, setting and path."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from adapters.signals import routes as signals
from adapters.slack import endpoint as slack
from adapters.slack import install
from adapters.teams import endpoint as teams
from adapters.web import routes as web
from adapters.web.pages import OWN_RECORDS
from adapters.web.signing_in import SIGN_OUT, START
from adapters.web.visitors import OWN_PAGE
from bot.cli import app
from bot.settings import tree as settings
from tests.architecture.spoken import ROOT

DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NOT_SETTINGS = {settings.CONFIG, settings.PREFIX, "DOORWARD_PICTURES"}
"""What names the file, what they begin with, and where a run for developers puts its pictures."""
COMMAND = re.compile(r"(?:^ {4}|`)doorward ([a-z][a-z-]+(?: [a-z][a-z-]+)*)", re.MULTILINE)
ADDRESS = re.compile(r"https://doorward\.example(?:\.com)?(/[a-z0-9_/.-]+)")


def _commands() -> set[str]:
    found = set()

    def walk(prefix: str, group: object) -> None:
        for name, command in getattr(group, "commands", {}).items():
            found.add(f"{prefix}{name}")
            walk(f"{prefix}{name} ", command)

    walk("", typer.main.get_command(app))
    return found


COMMANDS = _commands()


def _is_setting(name: str) -> bool:
    """A whole one, or the beginning of some; any provider's name may stand for the placeholder."""
    if name in NOT_SETTINGS or name.startswith("DOORWARD_TEST_"):
        return True
    patterns = [re.sub(r"<[A-Z]+>", "[A-Z0-9]+", known) for known in settings.names()]
    plain = name.replace("<NAME>", "NAME")
    return any(re.fullmatch(pattern, plain) for pattern in patterns) or any(
        known.startswith(re.sub(r"^(DOORWARD_(?:IDPS|SCIM|SIGNALS)__)[A-Z]+", r"\1<NAME>", plain).rstrip("_") + "_")
        for known in settings.names()
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_setting_a_document_names_is_one(document: Path) -> None:
    named = set(re.findall(r"DOORWARD_[A-Z0-9_<>]*[A-Z0-9>_]", document.read_text(encoding="utf-8")))
    assert {name for name in named if not _is_setting(name)} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_a_document_gives_is_one(document: Path) -> None:
    unknown = set()
    for typed in COMMAND.findall(document.read_text(encoding="utf-8")):
        words = typed.split()
        if words[0] not in COMMANDS or (
            any(known.startswith(f"{words[0]} ") for known in COMMANDS)
            and len(words) > 1
            and " ".join(words[:2]) not in COMMANDS
        ):
            unknown.add(typed)
    assert unknown == set()


def _paths() -> set[str]:
    source = "\n".join(
        Path(module.__file__ or "").read_text(encoding="utf-8") for module in (web, slack, install, teams, signals)
    )
    constants = {START, SIGN_OUT, OWN_PAGE, OWN_RECORDS, slack.PATH, teams.PATH}
    return constants | set(re.findall(r'"(/[a-z0-9_/{}.-]+)"', source))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_address_to_copy_is_a_route(document: Path) -> None:
    patterns = [re.sub(r"\{[a-z]+\}", "[^/]+", path) for path in _paths()]
    copied = {path.rstrip(".") for path in ADDRESS.findall(document.read_text(encoding="utf-8"))}
    assert {path for path in copied if not any(re.match(rf"{pattern}(/|$)", path) for pattern in patterns)} == set()


def test_what_is_not_there_would_be_found() -> None:
    names = ("DOORWARD_SLAK__TEAM_IDS", "DOORWARD_IDPS__COMPANY__AUTHORTY", "DOORWARD_SLACK__TEEM")
    assert [name for name in names if _is_setting(name)] == []
    assert "setup" in COMMANDS
    assert "manifest slack" in COMMANDS
    assert not any(re.match(r"/signin/slak", path) for path in _paths())
