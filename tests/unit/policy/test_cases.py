"""Case files that cannot be read are refused, and differences are told."""

import json
from pathlib import Path

import pytest

from policy.cases import CaseRefused, Outcome, read_cases
from policy.cedar import load
from policy.testing import run, survivors
from tests.unit.policy.written import written

WORLD = {
    "people": {"john": {"key": "k", "roles": ["employee"], "department": "sales", "region": "eu", "employee": "E1"}},
    "resources": {"own": {"type": "Employee", "id": "E1", "owner": "E1"}},
}
ASKS = {"principal": "john", "action": "ViewLeaveBalance", "resource": "own"}
PERMITTED = {"decision": "permit", "rules": ["hr.leave.own"]}


def _folder(tmp_path: Path, folder: str, said: object) -> Path:
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "john_asks.json").write_text(json.dumps(said))
    return tmp_path


def test_a_case_is_read_and_holds(tmp_path: Path) -> None:
    cases = read_cases(_folder(tmp_path, "ALLOW", {**ASKS, "expect": PERMITTED}))
    report = run(load(), cases)
    assert (report.cases, report.failures) == (1, ())
    assert "hr.leave.own" not in report.undecided
    assert "hr.leave.request" in report.undecided
    assert not report.passed


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("DENY", {**ASKS, "expect": PERMITTED}),
        ("ALLOW", {**ASKS, "expect": PERMITTED, "exept": {}}),
        ("ALLOW", {**ASKS, "principal": "nobody", "expect": PERMITTED}),
        ("ALLOW", {**ASKS, "session": {"idp_age": 3}, "expect": PERMITTED}),
        ("ALLOW", {**ASKS, "proof": {"method": "sms"}, "expect": PERMITTED}),
        ("ALLOW", {**ASKS, "expect": {**PERMITTED, "obligations": {"consent": "twice"}}}),
        ("ALLOW", ASKS),
    ],
)
def test_a_case_with_a_fault_is_refused_by_name(tmp_path: Path, folder: str, said: object) -> None:
    with pytest.raises(CaseRefused, match="john_asks"):
        read_cases(_folder(tmp_path, folder, said))


def test_no_cases_are_not_a_success(tmp_path: Path) -> None:
    with pytest.raises(CaseRefused, match=r"world\.json"):
        read_cases(tmp_path)
    (tmp_path / "world.json").write_text(json.dumps(WORLD))
    with pytest.raises(CaseRefused, match="no case"):
        read_cases(tmp_path)


def test_a_difference_is_told_by_the_first_field() -> None:
    expected = Outcome(decision="permit", rules=("a",))
    assert expected.differs(Outcome(decision="permit", rules=("a",))) is None
    assert expected.differs(Outcome(decision="deny")) == "decision: expected 'permit', got 'deny'"
    assert "rules" in (expected.differs(Outcome(decision="permit", rules=("b",))) or "")


def test_a_change_that_no_case_notices_survives(tmp_path: Path) -> None:
    cases = read_cases(_folder(tmp_path, "ALLOW", {**ASKS, "expect": {"decision": "permit", "rules": ["a"]}}))
    engine = written(
        '@id("a") @reason("not_owner")'
        ' permit (principal in Role::"employee", action == Action::"ViewLeaveBalance", resource);'
    )
    assert survivors(engine, cases) == (
        "written.cedar:1: a: without @reason",
        "written.cedar:1: a: for any principal",
    )
