"""Which addresses a provider may name."""

from __future__ import annotations

import pytest

from adapters.idp.transport import Address, parsed_object
from bot.errors import ProviderUnavailable

PUBLIC = Address(authority="https://idp.example/corp", extra_hosts=frozenset({"keys.idp.example"}))
LOOPBACK = Address(authority="https://idp.example/corp", transport_url="http://127.0.0.1:4711")


@pytest.mark.parametrize("url", ["https://idp.example/token", "https://keys.idp.example/keys"])
def test_the_providers_own_addresses_are_reached(url: str) -> None:
    assert PUBLIC.reach(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/token",
        "https://idp.example:8443/token",
        "https://idp.example@evil.example/token",
        "https://idp.example.evil.example/token",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "",
    ],
)
def test_other_addresses_are_not(url: str) -> None:
    with pytest.raises(ProviderUnavailable):
        PUBLIC.reach(url)


def test_a_transport_takes_the_place_of_the_authority() -> None:
    assert LOOPBACK.reach("https://idp.example/corp/token") == "http://127.0.0.1:4711/token"
    assert LOOPBACK.reach("http://127.0.0.1:4711/token") == "http://127.0.0.1:4711/token"


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/corporation/token",
        "https://idp.example/token",
        "http://127.0.0.1:47110/token",
        "http://127.0.0.1:4711@evil.example/token",
    ],
)
def test_a_transport_reaches_nothing_else(url: str) -> None:
    with pytest.raises(ProviderUnavailable):
        LOOPBACK.reach(url)


@pytest.mark.parametrize("text", ["", "[]", "<html>", "null", "[" * 100_000])
def test_only_an_object_is_an_answer(text: str) -> None:
    with pytest.raises(ProviderUnavailable):
        parsed_object(text)
