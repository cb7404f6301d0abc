"""Addresses in one form, and what budget they count on."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from adapters.web.visitors import _budget, address_of


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("testclient", None),
        ("", None),
    ],
)
def test_an_address_has_one_form(client: str, address: str | None) -> None:
    assert address_of(Request({"type": "http", "client": (client, 1), "headers": []})) == address


def test_a_connection_without_an_address_has_none() -> None:
    assert address_of(Request({"type": "http", "client": None, "headers": []})) is None


def test_a_holder_of_ipv6_has_one_budget_for_the_whole_network() -> None:
    assert _budget(None, "2001:db8::1") == _budget(None, "2001:db8::ffff") != _budget(None, "2001:db8:0:1::1")
    assert _budget(None, "192.0.2.1") != _budget(None, "192.0.2.2")
