"""One request in Cedar's JSON."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from policy.entities import context_json, entities_json, normal_address
from policy.model import DecisionRequest, Method, ProofContext


def test_what_is_not_known_is_left_out(request_: DecisionRequest) -> None:
    principal = replace(request_.principal, employee="")
    resource = replace(request_.resource, owner="", manager=None, amount=0)
    told = json.loads(entities_json(principal, resource))
    assert "employee" not in told[0]["attrs"]
    assert told[1]["attrs"] == {"key": "7", "department": "sales", "region": "eu", "state": "pending", "amount": 0}


def test_a_role_without_a_scope_reaches_no_department(request_: DecisionRequest) -> None:
    told = json.loads(entities_json(request_.principal, request_.resource))
    assert told[0]["attrs"]["scopes"] == {"line_manager": [], "hr_manager": []}


def test_the_time_is_said_in_utc(request_: DecisionRequest) -> None:
    at = datetime(2026, 11, 16, 13, 30, tzinfo=timezone(timedelta(hours=2)))
    told = json.loads(context_json(replace(request_, now=at)))
    assert told["now"] == {"__extn": {"fn": "datetime", "arg": "2026-11-16T11:30:00Z"}}


def test_no_proof_is_no_entry(request_: DecisionRequest) -> None:
    assert "proof" not in json.loads(context_json(request_))
    proven = json.loads(context_json(replace(request_, proof=ProofContext(method=Method.PASSKEY))))
    assert proven["proof"]["method"] == {"__entity": {"type": "Method", "id": "passkey"}}
    assert "src_ip" not in proven["proof"]


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_an_address_has_one_form(written: str, normal: str) -> None:
    assert normal_address(written) == normal


@pytest.mark.parametrize("written", ["", "localhost", "10.0.0.0/8", "10.1.2.3:80", "010.1.2.3"])
def test_what_is_no_address_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="address"):
        normal_address(written)
