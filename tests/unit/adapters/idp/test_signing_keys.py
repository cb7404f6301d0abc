"""The provider's keys: which of them count, and how often they are fetched."""

from __future__ import annotations

from typing import Any

import pytest
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from adapters.idp.signing_keys import KEPT_SECONDS, KEYS_AT_MOST, REFRESH_PAUSE_SECONDS, SigningKeys, read_keys
from bot.errors import ProviderUnavailable, SignInRefused

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
SECOND = RSAKey.generate_key(2048, {"kid": "second"})


class Published:
    """A key set on a server that counts, and a clock beside it."""

    def __init__(self, *keys: Key, **entry: Any) -> None:
        self.entries: list[Any] = [key.as_dict(private=False) | entry for key in keys]
        self.fetched = 0
        self.seconds = 100.0

    async def fetch(self) -> dict[str, Any]:
        self.fetched += 1
        return {"keys": self.entries}

    def keys(self) -> SigningKeys:
        return SigningKeys(self.fetch, monotonic=lambda: self.seconds)


async def code(keys: SigningKeys, algorithm: str, key_id: str | None) -> str:
    with pytest.raises(SignInRefused) as refused:
        await keys.find(algorithm=algorithm, key_id=key_id)
    return refused.value.code


async def test_a_key_is_found_by_its_id_and_fetched_once() -> None:
    published = Published(RSA, SECOND)
    keys = published.keys()
    for _ in range(3):
        assert (await keys.find(algorithm="RS256", key_id="second")).get("kid") == "second"
    assert published.fetched == 1


@pytest.mark.requirement("11")
async def test_a_rotated_key_is_seen_after_the_pause_and_forgers_make_no_more_fetches() -> None:
    published = Published(RSA)
    keys = published.keys()
    await keys.find(algorithm="RS256", key_id="rsa")
    published.entries = [SECOND.as_dict(private=False)]
    for _ in range(50):
        assert await code(keys, "RS256", "second") == "idp.unknown_key"
    assert published.fetched == 1
    published.seconds += REFRESH_PAUSE_SECONDS + 0.1
    assert (await keys.find(algorithm="RS256", key_id="second")).get("kid") == "second"
    assert await code(keys, "RS256", "rsa") == "idp.unknown_key"
    assert published.fetched == 2


async def test_a_withdrawn_key_is_forgotten_in_time() -> None:
    published = Published(RSA)
    keys = published.keys()
    await keys.find(algorithm="RS256", key_id="rsa")
    published.entries = []
    published.seconds += KEPT_SECONDS + 1
    assert await code(keys, "RS256", "rsa") == "idp.unknown_key"


async def test_without_an_id_the_key_must_be_the_only_one_that_fits() -> None:
    ec = ECKey.generate_key("P-256", {"kid": "ec"})
    assert (await Published(RSA, ec).keys().find(algorithm="RS256", key_id=None)).get("kid") == "rsa"
    assert await code(Published(RSA, SECOND).keys(), "RS256", None) == "idp.unknown_key"


async def test_two_keys_of_one_id_are_no_key() -> None:
    twin = RSAKey.generate_key(2048, {"kid": "rsa"})
    assert await code(Published(RSA, twin).keys(), "RS256", "rsa") == "idp.unknown_key"


async def test_a_key_serves_its_own_kind_and_algorithm_only() -> None:
    assert await code(Published(RSA).keys(), "ES256", "rsa") == "idp.unknown_key"
    assert await code(Published(RSA).keys(), "HS256", "rsa") == "idp.unknown_key"
    assert await code(Published(RSA, alg="RS512").keys(), "RS256", "rsa") == "idp.unknown_key"
    assert await code(Published(RSA, use="enc").keys(), "RS256", "rsa") == "idp.unknown_key"
    ed = OKPKey.generate_key("Ed25519", {"kid": "ed"})
    assert (await Published(ed).keys().find(algorithm="EdDSA", key_id="ed")).get("kid") == "ed"


def test_symmetric_weak_and_broken_keys_are_passed_over() -> None:
    weak = {"kty": "RSA", "kid": "weak", "n": "sXchb1", "e": "AQAB"}
    entries = [OctKey.generate_key(256).as_dict(private=True), weak, {"kty": "RSA"}, {}, None, "x", 7]
    assert read_keys({"keys": [*entries, RSA.as_dict(private=True)]})[0].is_private is False
    assert len(read_keys({"keys": [*entries, RSA.as_dict(private=False)]})) == 1


def test_a_set_is_read_up_to_a_limit() -> None:
    assert len(read_keys({"keys": [RSA.as_dict(private=False)] * (KEYS_AT_MOST + 10)})) == KEYS_AT_MOST


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_a_document_without_keys_is_no_key_set(document: dict[str, Any]) -> None:
    with pytest.raises(ProviderUnavailable):
        read_keys(document)


async def test_keys_that_cannot_be_fetched_verify_nothing() -> None:
    async def fails() -> dict[str, Any]:
        raise ProviderUnavailable("away")

    with pytest.raises(ProviderUnavailable):
        await SigningKeys(fails).find(algorithm="RS256", key_id="rsa")
