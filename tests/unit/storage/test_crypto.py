"""Keys by purpose, their file, their rotation, and that no secret shows."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.errors import IntegrityAlarm, Misconfigured
from storage.crypto import Key, Keyring, Purpose

NOW = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


@pytest.fixture
def keys(random_bytes: Callable[[int], bytes]) -> Keyring:
    return Keyring.generate(randomness=random_bytes)


def test_every_purpose_has_a_key_of_its_own(keys: Keyring) -> None:
    secrets = {keys.newest(purpose).secret for purpose in Purpose}
    assert len(secrets) == len(Purpose)
    assert all(len(secret) == 32 for secret in secrets)


def test_no_secret_shows(keys: Keyring) -> None:
    key = keys.newest(Purpose.SEAL)
    for shown in (repr(key), str(key), repr(keys), f"{key}"):
        assert key.secret.hex() not in shown
        assert repr(key.secret) not in shown


def test_a_keyring_comes_back_from_its_file(keys: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    loaded = Keyring.load(path, now=NOW)
    assert all(loaded.of(purpose) == keys.of(purpose) for purpose in Purpose)


def test_a_rotation_writes_with_the_new_key_and_reads_with_both(keys: Keyring, tmp_path: Path) -> None:
    old = keys.sign(Purpose.GRANT, b"message")
    rotated = keys.rotated(Purpose.GRANT, older_until=NOW + timedelta(days=1))
    rotated.check(Purpose.GRANT, b"message", old)
    new = rotated.sign(Purpose.GRANT, b"message")
    assert new.split(".")[0] != old.split(".")[0]
    with pytest.raises(IntegrityAlarm):
        keys.check(Purpose.GRANT, b"message", new)
    assert rotated.hashes(Purpose.GRANT, "x") == (rotated.hashed(Purpose.GRANT, "x"), keys.hashed(Purpose.GRANT, "x"))

    rotated.save(tmp_path / "keys.json")
    later = Keyring.load(tmp_path / "keys.json", now=NOW + timedelta(days=1))
    later.check(Purpose.GRANT, b"message", new)
    with pytest.raises(IntegrityAlarm):
        later.check(Purpose.GRANT, b"message", old)
    assert len(Keyring.load(tmp_path / "keys.json", now=NOW).of(Purpose.GRANT)) == 2


def test_a_second_rotation_does_not_prolong_the_oldest_key(keys: Keyring) -> None:
    twice = keys.rotated(Purpose.SEAL, older_until=NOW).rotated(Purpose.SEAL, older_until=NOW + timedelta(days=9))
    assert [key.until for key in twice.of(Purpose.SEAL)] == [None, NOW + timedelta(days=9), NOW]


def test_macs_are_hmac_sha_256_and_say_their_key(keys: Keyring) -> None:
    key_id, mac = keys.mac(Purpose.ROW_MAC, b"message")
    key = keys.newest(Purpose.ROW_MAC)
    assert key_id == key.id
    assert mac == hmac.new(key.secret, b"message", hashlib.sha256).digest()
    keys.check_mac(Purpose.ROW_MAC, key_id, b"message", mac)


@pytest.mark.parametrize(
    ("purpose", "key_id", "message", "mac"),
    [
        (Purpose.ROW_MAC, "right", b"messagE", "right"),
        (Purpose.ROW_MAC, "right", b"message", "wrong"),
        (Purpose.ROW_MAC, "right", b"message", "cut"),
        (Purpose.ROW_MAC, "right", b"message", "empty"),
        (Purpose.ROW_MAC, "unknown", b"message", "right"),
        (Purpose.GRANT, "right", b"message", "right"),
    ],
)
def test_any_difference_is_an_alarm(keys: Keyring, purpose: Purpose, key_id: str, message: bytes, mac: str) -> None:
    right_id, right = keys.mac(Purpose.ROW_MAC, b"message")
    given = {"right": right, "wrong": bytes(32), "cut": right[:-1], "empty": b""}[mac]
    with pytest.raises(IntegrityAlarm):
        keys.check_mac(purpose, right_id if key_id == "right" else key_id, message, given)


@pytest.mark.parametrize("signature", ["", "nothing", "unknown.00", ".", "unknown.xyz"])
def test_a_malformed_signature_is_an_alarm(keys: Keyring, signature: str) -> None:
    with pytest.raises(IntegrityAlarm):
        keys.check(Purpose.CSRF, b"message", signature)


def test_hashes_need_the_key(keys: Keyring, random_bytes: Callable[[int], bytes]) -> None:
    other = Keyring.generate(randomness=random_bytes)
    assert keys.hashed(Purpose.PEPPER, "x") != other.hashed(Purpose.PEPPER, "x")
    assert keys.hashed(Purpose.PEPPER, "x") != keys.hashed(Purpose.HANDLES, "x")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"form": 2, "keys": {}}',
        '{"form": 1}',
        '{"form": 1, "keys": {"unknown": []}}',
        '{"form": 1, "keys": {}}',
    ],
)
def test_a_spoilt_keys_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(Misconfigured):
        Keyring.load(path, now=NOW)


def test_a_refused_keys_file_is_not_quoted(keys: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    keys.save(path)
    document = json.loads(path.read_text())
    secret = document["keys"]["seal"][0]["secret"]
    document["keys"]["seal"][0]["until"] = f"not a time {secret}"
    path.write_text(json.dumps(document))
    with pytest.raises(Misconfigured) as refused:
        Keyring.load(path, now=NOW)
    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(Misconfigured):
        Keyring.load(tmp_path / "missing.json", now=NOW)


@pytest.mark.parametrize(
    "key",
    [
        Key(id="k", secret=bytes(31)),
        Key(id="", secret=bytes(32)),
        Key(id="k.1", secret=bytes(32)),
        Key(id="k|1", secret=bytes(32)),
        Key(id="ä", secret=bytes(32)),
        Key(id="k" * 256, secret=bytes(32)),
    ],
)
def test_a_weak_or_misnamed_key_is_refused(keys: Keyring, key: Key) -> None:
    held = {purpose: keys.of(purpose) for purpose in Purpose}
    with pytest.raises(Misconfigured):
        Keyring({**held, Purpose.CSRF: (key,)})
