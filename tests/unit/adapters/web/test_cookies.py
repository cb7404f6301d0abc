"""The cookie: where it may do without https, and what counts as one."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from adapters.web.cookies import BrowserCookie, new_browser_id
from bot.errors import Misconfigured


def request_with(cookie: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})


@pytest.mark.parametrize(
    ("public_url", "development"),
    [
        ("http://doorward.example", True),
        ("http://doorward.example", False),
        ("http://127.0.0.1:8080", False),
        ("http://localhost:8080", False),
        ("http://127.0.0.1.evil.example", True),
        ("http://10.0.0.1", True),
        ("ftp://127.0.0.1", True),
        ("", True),
    ],
)
def test_plain_http_is_for_development_on_this_computer(public_url: str, development: bool) -> None:
    with pytest.raises(Misconfigured, match="public_url"):
        BrowserCookie(public_url, development=development)


@pytest.mark.parametrize("public_url", ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:8080"])
def test_development_on_this_computer_does_without_https(public_url: str) -> None:
    assert BrowserCookie(public_url, development=True).name == "dw_session"


@pytest.mark.parametrize("development", [True, False])
def test_https_has_the_host_prefix_always(development: bool) -> None:
    assert BrowserCookie("https://doorward.example", development=development).name == "__Host-dw_session"


@pytest.mark.parametrize("value", ["", "short", "x" * 65, "a b" * 10, "é" * 30, "../" * 10])
def test_what_is_no_id_is_no_cookie(value: str) -> None:
    cookie = BrowserCookie("https://doorward.example", development=False)
    assert cookie.read(request_with(f"__Host-dw_session={value}")) is None


def test_the_name_without_the_prefix_does_not_count_over_https() -> None:
    cookie = BrowserCookie("https://doorward.example", development=False)
    assert cookie.read(request_with(f"dw_session={'x' * 32}")) is None
    assert cookie.read(request_with(f"__Host-dw_session={'x' * 32}")) == "x" * 32


def test_ids_are_long_and_never_the_same() -> None:
    ids = {new_browser_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(browser_id) == 32 for browser_id in ids), "192 bits"
