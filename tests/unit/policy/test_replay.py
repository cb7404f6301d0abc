"""Recorded decisions against other policies."""

import json
from pathlib import Path

import pytest

from policy.cases import CaseRefused
from policy.cedar import load
from policy.engine import MissingPolicy
from policy.replay import read_recorded, replay

RECORDED = {
    "principal": {"key": "k", "roles": ["employee"], "department": "sales", "region": "eu", "employee": "E1"},
    "action": "ViewLeaveBalance",
    "resource": {"type": "Employee", "id": "E1", "owner": "E1"},
    "expect": {"decision": "permit", "rules": ["hr.leave.own"]},
}


def test_only_what_would_come_out_differently_is_told(tmp_path: Path) -> None:
    path = tmp_path / "recorded.jsonl"
    path.write_text(json.dumps(RECORDED) + "\n" + json.dumps(RECORDED) + "\n")
    assert list(replay(load(), read_recorded(path))) == []
    changed = list(replay(MissingPolicy(), read_recorded(path)))
    assert [(one.case.name, one.now.decision) for one in changed] == [
        ("recorded.jsonl:1", "deny"),
        ("recorded.jsonl:2", "deny"),
    ]


@pytest.mark.parametrize("line", ["{", "{}", json.dumps({**RECORDED, "principal": "john"})])
def test_a_line_that_cannot_be_read_is_refused_by_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "recorded.jsonl"
    path.write_text(json.dumps(RECORDED) + "\n" + line + "\n")
    with pytest.raises(CaseRefused, match=r"recorded\.jsonl:2"):
        list(read_recorded(path))
