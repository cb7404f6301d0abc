"""Policies from the shell: validated, tested, explained, compared, replayed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from policy.sources import POLICIES
from tests.fakes.shell import Shell


class TestPolicy:
    def test_what_is_shipped_holds(self, bare: Shell) -> None:
        assert bare.json("policy", "validate") == []
        report = bare.json("policy", "test")
        assert report["passed"] is True
        assert report["cases"] > 100

    @pytest.fixture
    def changed(self, bare: Shell) -> Path:
        """The shipped policies with every proof good for a second less."""
        folder = bare.folder / "policies"
        folder.mkdir()
        for path in POLICIES.glob("*.cedar"):
            text = path.read_text(encoding="utf-8")
            (folder / path.name).write_text(text.replace("age <= 300", "age <= 299"), encoding="utf-8")
        return folder

    def test_a_change_is_told(self, bare: Shell, changed: Path) -> None:
        assert bare("policy", "diff", "--policies", str(POLICIES)).exit_code == 0
        result = bare("policy", "diff", "--policies", str(changed), "--limit", "3", "--json")
        assert result.exit_code == 1
        rows = json.loads(result.stdout)
        assert len(rows) == 3
        assert all(row["before"] != row["after"] for row in rows)
        assert any("300s ago" in said for row in rows for said in row["circumstances"])

    def test_a_mistake_is_named_with_its_file(self, bare: Shell, changed: Path) -> None:
        (changed / "90-wrong.cedar").write_text("permit (principal, action, resource);")
        result = bare("policy", "validate", "--policies", str(changed))
        assert result.exit_code == 1
        assert result.stdout.startswith("90-wrong.cedar")
        assert bare("policy", "test", "--policies", str(changed)).exit_code == 2

    def test_a_case_that_fails_is_named(self, bare: Shell, changed: Path) -> None:
        (changed / "40-admin.cedar").unlink()
        result = bare("policy", "test", "--policies", str(changed))
        assert result.exit_code == 1
        assert "ALLOW/" in result.stdout

    def test_a_decision_is_explained(self, bare: Shell) -> None:
        told = bare.json("policy", "explain", "john_may_not_open_sarahs_payslip")
        assert (told["decision"], told["reason"]) == ("deny", "not_owner")
        standings = {one["rule"]: one["standing"] for one in told["policies"]}
        assert standings["hr.pay.department"] == "needs_role"
        table = bare("policy", "explain", "DENY/john_may_not_open_sarahs_payslip")
        assert "needs_role" in table.stdout

    def test_a_question_in_a_file_is_explained(self, bare: Shell) -> None:
        (bare.folder / "question.json").write_text(
            json.dumps({"principal": "john", "action": "ViewPayslip", "resource": "sarahs_payslip"})
        )
        assert bare.json("policy", "explain", "question.json")["decision"] == "deny"
        assert bare("policy", "explain", "nobody_asked_this").exit_code == 2
        assert bare("policy", "explain", "nowhere.json").exit_code == 2

    def test_recorded_decisions_are_replayed(self, bare: Shell) -> None:
        john = {"key": "k", "roles": ["employee"], "department": "sales", "region": "eu", "employee": "E1"}
        asked = {
            "principal": john,
            "action": "ViewLeaveBalance",
            "resource": {"type": "Employee", "id": "E1", "owner": "E1"},
        }
        recorded = bare.folder / "recorded.jsonl"
        recorded.write_text(json.dumps({**asked, "expect": {"decision": "permit", "rules": ["hr.leave.own"]}}) + "\n")
        assert bare.json("policy", "replay", str(recorded)) == []
        recorded.write_text(json.dumps({**asked, "expect": {"decision": "deny", "reason": "locked"}}) + "\n")
        result = bare("policy", "replay", str(recorded), "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)[0]["line"] == "recorded.jsonl:1"
        recorded.write_text("{\n")
        assert bare("policy", "replay", str(recorded)).exit_code == 2
