"""The audit log from the shell: searched, exported, verified, and the first bad record named."""

from __future__ import annotations

import csv
import io
import json

import pytest

from bot.domain.audit import EventType
from bot.domain.identity import Link
from storage.audit_log import CHUNK
from tests.fakes.shell import CHANNEL, JOHN, NOON, Shell, event, record

CONTRACT = [
    *("seq", "time", "type", "principal", "channel", "action", "resource", "decision", "rules", "policy_hash"),
    *("correlation", "code"),
]


class TestAudit:
    def test_search_finds_by_what_is_asked(self, shell: Shell) -> None:
        record(shell, 5)
        shell.write(lambda tx: tx.audit.append(event(6, type=EventType.LINK_MADE, decision="", principal="")))
        assert [row["seq"] for row in shell.json("audit", "search")] == [6, 5, 4, 3, 2, 1]
        assert [row["seq"] for row in shell.json("audit", "search", "--type", "link")] == [6]
        assert [row["seq"] for row in shell.json("audit", "search", "--resource", "Payslip::E3")] == [3]
        assert [row["seq"] for row in shell.json("audit", "search", "--decision", "deny", "--limit", "2")] == [5, 4]
        since, until = "2026-11-16T12:02:00", "2026-11-16T13:04:00+01:00"
        assert [row["seq"] for row in shell.json("audit", "search", "--since", since, "--until", until)] == [3, 2]
        (row,) = shell.json("audit", "search", "--correlation", "c4")
        assert list(row) == CONTRACT

    def test_a_search_says_how_to_go_on(self, shell: Shell) -> None:
        record(shell, 5)
        told = shell("audit", "search", "--limit", "2", "--json")
        assert [row["seq"] for row in json.loads(told.stdout)] == [5, 4]
        assert told.stderr == "There are older ones: the same with --before 4\n"
        told = shell("audit", "search", "--limit", "3", "--before", "4", "--json")
        assert [row["seq"] for row in json.loads(told.stdout)] == [3, 2, 1]
        assert told.stderr == ""

    def test_a_search_that_finds_nothing_is_0(self, shell: Shell) -> None:
        result = shell("audit", "search", "--principal", "https://login.company.test#nobody")
        assert (result.exit_code, result.stdout) == (0, "")

    def test_a_date_that_is_none_is_2(self, shell: Shell) -> None:
        assert shell("audit", "search", "--since", "yesterday").exit_code == 2

    def test_export_has_exactly_the_fields_of_the_contract(self, shell: Shell) -> None:
        record(shell, CHUNK + 2)
        lines = [json.loads(line) for line in shell("audit", "export").stdout.splitlines()]
        assert [line["seq"] for line in lines] == list(range(1, CHUNK + 3))
        assert all(set(line) == set(CONTRACT) for line in lines)
        header, *rows = csv.reader(io.StringIO(shell("audit", "export", "--format", "csv").stdout))
        assert header == CONTRACT
        assert [row[0] for row in rows] == [str(line["seq"]) for line in lines]
        (last,) = shell("audit", "export", "--from", str(CHUNK + 2), "--chain").stdout.splitlines()
        assert set(json.loads(last)) == {*CONTRACT, "digest", "state", "previous", "hash"}

    def test_a_log_as_it_was_written_is_verified(self, shell: Shell) -> None:
        record(shell, CHUNK + 2)
        told = shell.json("audit", "verify")
        head = json.loads(shell("audit", "export", "--chain").stdout.splitlines()[-1])["hash"]
        assert told == {"records": CHUNK + 2, "head": head, "fault": None}

    def test_the_state_is_what_the_log_says_until_somebody_changes_it_by_hand(self, shell: Shell) -> None:
        link = Link(channel=CHANNEL, identity=JOHN, provider="company", linked_at=NOON)
        shell.write(lambda tx: tx.links.insert(link))
        told = shell("audit", "verify", "--state")
        assert told.exit_code == 0
        assert told.stdout.splitlines()[-1] == "every row that carries authority is as the log says"
        assert shell.json("audit", "verify", "--state")["state"] == []
        shell.sql("DELETE FROM links")
        told = shell("audit", "verify", "--state")
        assert told.exit_code == 1
        assert f"links {CHANNEL.key} is missing: the log says it is there (record 1)" in told.stdout
        named = json.loads(shell("audit", "verify", "--state", "--json").stdout)["state"]
        assert named == [{"table": "links", "row": CHANNEL.key, "kind": "missing", "seq": 1}]
        assert shell("audit", "verify").exit_code == 0, "the log itself is as it was written"

    def test_a_log_that_is_not_as_it_was_written_says_nothing_of_the_state(self, shell: Shell) -> None:
        record(shell, 3)
        shell.sql('UPDATE audit SET state = \'{"links x":"7"}\' WHERE seq = 2')
        told = shell("audit", "verify", "--state")
        assert told.exit_code == 1
        assert told.stdout == "record 2 was changed after it was written: it does not fit its own hash\n"

    def test_an_empty_log_is_verified(self, shell: Shell) -> None:
        assert shell.json("audit", "verify") == {"records": 0, "head": "", "fault": None}

    @pytest.mark.parametrize(
        ("tampering", "seq", "kind"),
        [
            ("UPDATE audit SET decision = 'allow' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET type = 'never.heard_of' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET rules = 'no list' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET hash = 'none' WHERE seq = 3", 3, "edited"),
            ("UPDATE audit SET time = 9223372036854775807 WHERE seq = 3", 3, "edited"),
            ("DELETE FROM audit WHERE seq = 3", 3, "missing"),
            ("DELETE FROM audit WHERE seq = 1", 1, "missing"),
            ("UPDATE audit SET code = 'x' WHERE seq > 500", CHUNK + 1, "edited"),
            ("UPDATE audit SET seq = -3 WHERE seq = 3", -3, "repeated"),
        ],
    )
    def test_the_first_bad_record_is_named(self, shell: Shell, tampering: str, seq: int, kind: str) -> None:
        record(shell, 5 if seq < CHUNK else CHUNK + 2)
        shell.sql(tampering)
        result = shell("audit", "verify", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["fault"] == {"seq": seq, "kind": kind}
        assert shell("audit", "verify").stdout.startswith(f"record {seq} ")

    def test_a_record_moved_with_its_hash_is_named(self, shell: Shell) -> None:
        record(shell, 4)
        for old, new in ((2, 99), (3, 2), (99, 3)):
            shell.sql(f"UPDATE audit SET seq = {new} WHERE seq = {old}")  # noqa: S608 - numbers of this test
        assert json.loads(shell("audit", "verify", "--json").stdout)["fault"] == {"seq": 2, "kind": "misplaced"}

    @pytest.mark.requirement("57", "73")
    def test_a_log_that_tells_of_two_actions_under_one_consent_is_named_though_its_chain_fits(
        self, shell: Shell
    ) -> None:
        """Whoever writes the log anew makes its chain fit; what was shown and what was done are compared as well."""
        shown = event(1, digest="a" * 64, decision="step_up")
        begun = event(2, digest="b" * 64, type=EventType.EFFECT_INTENDED, resource=shown.resource, code="origin.press")
        shell.write(lambda tx: [tx.audit.append(each) for each in (shown, begun)])
        told = shell("audit", "verify", "--json")
        assert told.exit_code == 1
        assert json.loads(told.stdout)["fault"] == {"seq": 2, "kind": "disagrees"}
        assert "record 2 is of another action than" in shell("audit", "verify").stdout

    def test_an_export_that_meets_what_it_cannot_read_says_so(self, shell: Shell) -> None:
        record(shell, 4)
        shell.sql("UPDATE audit SET type = 'never.heard_of' WHERE seq = 3")
        result = shell("audit", "export")
        assert result.exit_code == 1
        assert len(result.stdout.splitlines()) == 2
        assert "record 3" in result.stderr

    def test_verification_needs_no_keys_and_makes_no_database(self, shell: Shell) -> None:
        record(shell, 1)
        assert shell("audit", "verify", DOORWARD_KEYS__FILE="").exit_code == 0
        assert shell("audit", "verify", DOORWARD_DATABASE_URL="sqlite:///nowhere.db").exit_code == 2
        assert not (shell.folder / "nowhere.db").exists()
