"""`doorward migrate` on a database from before there was a ledger of who was here."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.identity import Acquaintance, ChannelIdentity, Link, Platform, Role
from bot.ports.database import Transaction
from bot.services.roles import give
from storage.crypto import Keyring
from storage.ledger import Note
from storage.migration import migrate
from tests.fakes.shell import NOON, Shell, run_sqlite
from tests.functional.test_cli_links import identity, somebody


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    Keyring.generate(now=NOON).save(tmp_path / "keys.json")
    url = f"sqlite:///{tmp_path / 'doorward.db'}"
    migrate(url)
    environ = {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_DATABASE_URL": url,
        "DOORWARD_KEYS__FILE": str(tmp_path / "keys.json"),
    }
    return Shell(environ=environ, folder=tmp_path, sql=run_sqlite(tmp_path / "doorward.db"))


def _as_before(shell: Shell) -> None:
    (made_by,) = list(Path("storage/migrations/versions").glob("*_people.py"))
    before = made_by.read_text().partition('down_revision = "')[2][:4]
    shell.write(lambda tx: tx.persons.save(somebody("john", "E1")))
    for statement in (
        "DROP TABLE known_people",
        "DROP TABLE guess_counts",
        "DROP TABLE told_accounts",
        "ALTER TABLE audit DROP COLUMN digest",
        "ALTER TABLE break_glass DROP COLUMN owner",
        "DELETE FROM marks",
        f"UPDATE alembic_version SET version_num = '{before}'",  # noqa: S608 - our own file says it
    ):
        shell.sql(statement)


def _known(shell: Shell) -> Acquaintance:
    seen: list[Acquaintance] = []
    shell.write(lambda tx: seen.append(tx.persons.acquaintance(identity("john"))))
    return seen[0]


def test_the_upgrade_puts_everybody_into_the_ledger_and_says_so_once(shell: Shell) -> None:
    _as_before(shell)
    result = shell("migrate")
    assert result.exit_code == 0, result.stderr
    assert "1 people who were here before" in result.stderr
    assert _known(shell) is Acquaintance.KNOWN
    again = shell("migrate")
    assert (again.exit_code, "before" in again.stderr) == (0, False)


def test_an_upgrade_without_the_keys_is_finished_by_the_next(shell: Shell) -> None:
    _as_before(shell)
    assert shell("migrate", DOORWARD_KEYS__FILE=str(shell.folder / "none.json")).exit_code != 0
    result = shell("migrate")
    assert (result.exit_code, "1 people" in result.stderr) == (0, True)


@pytest.mark.requirement("91")
def test_a_mark_put_in_by_hand_begins_no_ledger_over_another(shell: Shell) -> None:
    shell.write(lambda tx: tx.persons.save(somebody("john", "E1")))
    shell.sql("INSERT INTO marks VALUES ('ledger', 'wanted')")
    shell.sql("DELETE FROM persons")
    assert shell("migrate").exit_code == 1
    assert _known(shell) is Acquaintance.KNOWN


@pytest.mark.requirement("91")
def test_the_upgrade_writes_down_who_is_administrator_and_has_a_chat_account(shell: Shell) -> None:
    raj, chat = identity("raj"), ChannelIdentity(platform=Platform.SLACK, tenant="T1", account="U1")

    def as_before(tx: Transaction) -> None:
        tx.persons.save(somebody("raj", "E1"))
        give(tx, raj, Role.ADMINISTRATOR, "*", by="setup", now=NOON)
        tx.links.insert(Link(channel=chat, identity=raj, provider="corp", linked_at=NOON))
        ledger = tx.persons._ledger  # type: ignore[attr-defined]  # what an older version left
        for note in Note:
            ledger.note(raj.key, note, holds=False)

    shell.write(as_before)
    shell.sql("INSERT INTO marks VALUES ('ledger.notes', 'wanted')")  # as migration 0021 leaves it
    assert shell("migrate").exit_code == 0
    shell.sql("DELETE FROM role_grants")
    shell.sql("DELETE FROM links")
    seen: list[tuple[int, bool]] = []
    shell.write(lambda tx: seen.append((tx.persons.administrators_lost(), tx.links.lost(raj))))
    assert seen == [(1, True)]
