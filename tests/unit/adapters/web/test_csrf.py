"""Tokens belong to one browser and one key."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from adapters.web.csrf import CsrfGuard, Forged

URL = "https://doorward.example"
OURS = Request({"type": "http", "headers": [(b"origin", URL.encode()), (b"sec-fetch-site", b"same-origin")]})


def test_a_token_counts_for_its_browser_and_key_only() -> None:
    guard, other = CsrfGuard(b"k" * 32, URL), CsrfGuard(b"o" * 32, URL)
    guard.check(OURS, "browser", guard.token("browser"))
    for token in (guard.token("another"), other.token("browser"), "", guard.token("browser")[:-1]):
        with pytest.raises(Forged) as forged:
            guard.check(OURS, "browser", token)
        assert forged.value.code == "csrf.token"


def test_without_a_browser_no_token_counts() -> None:
    guard = CsrfGuard(b"k" * 32, URL)
    for token in ("", guard.token(""), guard.token("None")):
        with pytest.raises(Forged):
            guard.check(OURS, None, token)


def test_the_path_of_the_public_address_is_no_part_of_the_origin() -> None:
    guard = CsrfGuard(b"k" * 32, f"{URL}/doorward/")
    guard.check(OURS, "browser", guard.token("browser"))
