"""What the MAC of a row is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Column, LargeBinary, MetaData, Table

from bot.errors import IntegrityAlarm
from storage.authority import AuthorityRows
from storage.crypto import Keyring, Purpose
from storage.statement import Value
from storage.tables.metadata import authority, key, optional_text, text

KEYS = Keyring.generate()
ROW: dict[str, Value] = {"id": "1", "role": "employee", "scope": None, "blob": b"\x00\xff", "version": 1}


def a_table(name: str, *more: Column[Any]) -> Table:
    blob = Column("blob", LargeBinary)
    return Table(name, MetaData(), key("id"), text("role"), optional_text("scope"), blob, *more, *authority())


def rows(table: Table, keys: Keyring = KEYS, *, remember: int = 0) -> AuthorityRows[dict[str, Any]]:
    def parse(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name not in ("mac", "mac_key")}

    return AuthorityRows(table, keys, parse, remember=remember)


def stored(table: Table, values: dict[str, Value]) -> tuple[Value, ...]:
    return tuple(values.get(name) for name in table.c.keys())  # noqa: SIM118 - columns, not a mapping


GRANTS = a_table("grants")
SIGNED = rows(GRANTS).signed(ROW)


def test_a_signed_row_is_verified() -> None:
    assert rows(GRANTS).load(stored(GRANTS, SIGNED)) == ROW


@pytest.mark.requirement("91")
@pytest.mark.parametrize(
    "change",
    [
        {"id": "2"},
        {"role": "administrator"},
        {"scope": ""},
        {"scope": "*"},
        {"blob": None},
        {"blob": b""},
        {"blob": "00ff"},
        {"version": 2},
        {"version": "1"},
        {"version": None},
        {"mac": bytes(32)},
        {"mac_key": "another"},
        {"role": "employee\x00"},
    ],
)
def test_any_change_is_an_alarm(change: dict[str, Value]) -> None:
    with pytest.raises(IntegrityAlarm):
        rows(GRANTS).load(stored(GRANTS, {**SIGNED, **change}))


@pytest.mark.requirement("91")
def test_a_row_does_not_count_in_another_table_of_the_same_form() -> None:
    other = a_table("other_grants")
    with pytest.raises(IntegrityAlarm):
        rows(other).load(stored(other, SIGNED))


def test_a_column_added_later_breaks_no_mac_and_is_covered() -> None:
    wider = a_table("grants", optional_text("note"))
    assert rows(wider).load(stored(wider, SIGNED)) == {**ROW, "note": None}
    with pytest.raises(IntegrityAlarm):
        rows(wider).load(stored(wider, {**SIGNED, "note": ""}))


def test_a_row_signed_before_a_rotation_is_verified_after_it() -> None:
    rotated = KEYS.rotated(Purpose.ROW_MAC, older_until=None)
    assert rows(GRANTS, rotated).load(stored(GRANTS, SIGNED)) == ROW
    with pytest.raises(IntegrityAlarm):
        rows(GRANTS).load(stored(GRANTS, rows(GRANTS, rotated).signed(ROW)))


def test_what_is_remembered_is_the_whole_row() -> None:
    remembering = rows(GRANTS, remember=8)
    right = stored(GRANTS, SIGNED)
    assert remembering.load(right) is remembering.load(right)
    for _ in range(2):
        with pytest.raises(IntegrityAlarm):
            remembering.load(stored(GRANTS, {**SIGNED, "role": "administrator"}))
