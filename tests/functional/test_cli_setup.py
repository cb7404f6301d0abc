"""`doorward setup` and `doorward admin recover`, as somebody on the host uses them."""

from __future__ import annotations

import pytest

from bot.domain.audit import EventType
from tests.fakes.shell import Shell

COMPANY = {
    "DOORWARD_PUBLIC_URL": "https://doorward.example",
    "DOORWARD_IDPS__CORP__AUTHORITY": "https://id.example",
    "DOORWARD_IDPS__CORP__CLIENT_ID": "doorward",
    "DOORWARD_IDPS__CORP__CLIENT_SECRET": "s",
}
NAMED = "DOORWARD_BOOTSTRAP__ADMINISTRATORS"


def test_setup_prints_a_link_and_nothing_else_on_stdout(shell: Shell) -> None:
    told = shell("setup", **COMPANY)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("https://doorward.example/setup/")
    assert len(told.stdout.split()) == 1
    assert "15 minutes" in told.stderr
    found = shell.json("audit", "search")
    assert [record["type"] for record in found] == [EventType.ADMINISTRATOR_OFFERED.value]
    assert told.stdout.strip().rpartition("/")[2] not in str(found)


def test_setup_is_not_needed_where_the_settings_name_them(bare: Shell) -> None:
    told = bare("setup", **COMPANY, **{NAMED: "https://id.example#john"})
    assert (told.exit_code, told.stdout) == (2, "")
    assert NAMED in told.stderr


def test_recover_wants_a_last_administrator(shell: Shell) -> None:
    told = shell("admin", "recover", **COMPANY)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "doorward setup" in told.stderr


def test_setup_says_what_is_missing(bare: Shell) -> None:
    told = bare("setup")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "DOORWARD_PUBLIC_URL" in told.stderr


@pytest.mark.parametrize("wrong", ["john", "group:", "#john", "https://id.example#", "group:a,group:b"])
def test_a_name_of_no_form_is_refused(bare: Shell, wrong: str) -> None:
    told = bare("setup", **COMPANY, **{NAMED: wrong})
    assert told.exit_code == 2
    assert NAMED in told.stderr
