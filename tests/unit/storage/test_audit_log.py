"""What is hashed, and what is exported."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.audit import AuditEvent, AuditRecord, EventType
from storage.audit_export import FIELDS, to_csv, to_json_lines
from storage.audit_log import GENESIS, canonical, chained, to_fields

TIME = datetime(2026, 11, 16, 9, 0, 0, 7, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(principal=words, channel=words, resource=words, rules=st.lists(words, max_size=3), time=st.datetimes())
def test_the_hashed_form_is_that_of_rfc_8785(
    principal: str, channel: str, resource: str, rules: list[str], time: datetime
) -> None:
    event = AuditEvent(
        time=time.replace(tzinfo=UTC), type=EventType.LINK_MADE, principal=principal, channel=channel,
        resource=resource, rules=tuple(rules),
    )  # fmt: skip
    assert canonical(event) == rfc8785.dumps(to_fields(event))


def test_the_time_is_utc_whatever_zone_it_came_in() -> None:
    there = TIME.astimezone(timezone(timedelta(hours=5, minutes=30)))
    event = AuditEvent(time=there, type=EventType.LINK_MADE)
    assert to_fields(event)["time"] == "2026-11-16T09:00:00.000007Z"


def test_the_chain_is_sha_256_over_the_hash_before_and_the_event() -> None:
    event = AuditEvent(time=TIME, type=EventType.LINK_MADE)
    expected = hashlib.sha256(bytes.fromhex(GENESIS) + canonical(event)).hexdigest()
    assert chained(GENESIS, event) == expected


def record(**changes: str) -> AuditRecord:
    event = AuditEvent(time=TIME, type=EventType.ACCESS_DECIDED, rules=("a", "b"), **changes)
    return AuditRecord(seq=1, event=event, previous=GENESIS, hash=chained(GENESIS, event))


CONTRACT = [
    "seq",
    "time",
    "type",
    "principal",
    "channel",
    "action",
    "resource",
    "decision",
    "rules",
    "policy_hash",
    "correlation",
    "code",
]
"""DESIGN §6."""


def test_json_lines_have_the_fields_of_the_contract_and_the_chain() -> None:
    (line,) = to_json_lines([record(principal="https://issuer#jöhn")])
    exported = json.loads(line)
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert set(exported) == {*CONTRACT, "digest", "state", "previous", "hash"}
    assert exported["principal"] == "https://issuer#jöhn"
    assert exported["rules"] == ["a", "b"]
    assert (exported["seq"], exported["time"]) == (1, "2026-11-16T09:00:00.000007Z")


def test_csv_has_a_header_and_the_same_fields() -> None:
    header, row = csv.reader(io.StringIO("".join(to_csv([record(resource='a "quoted", one\nof two lines')]))))
    assert header == [*CONTRACT, "digest", "state", "previous", "hash"]
    assert tuple(header) == FIELDS
    assert dict(zip(header, row, strict=True))["resource"] == 'a "quoted", one\nof two lines'
    assert dict(zip(header, row, strict=True))["rules"] == "a b"


@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_runs_nothing_in_a_spreadsheet(formula: str) -> None:
    _, row = csv.reader(io.StringIO("".join(to_csv([record(resource=formula, code="fine=1")]))))
    assert f"'{formula}" in row
    assert "fine=1" in row
