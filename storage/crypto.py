"""Keys by purpose, sealing and keyed hashes. No key here is ever in the database.

A `Keyring` holds, for each purpose, a list of keys: the newest is used for writing, all of them for reading, so that
a rotation has no gap. Ciphertext and MACs name the key they were made with.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from bot.errors import IntegrityAlarm, Misconfigured

KEY_BYTES = 32
FILE_FORM = 1
Randomness = Callable[[int], bytes]


class Purpose(StrEnum):
    """What a key is for; no key serves two."""

    SEAL = "seal"
    """Wraps the data keys of sealed columns."""
    ROW_MAC = "row_mac"
    """Authenticates rows that carry authority."""
    PEPPER = "pepper"
    """Hashes session ids, event ids and recovery codes."""
    HANDLES = "handles"
    """Hashes the opaque handles of buttons and links."""
    CSRF = "csrf"
    GRANT = "grant"
    """Authenticates grants."""
    CHECKPOINT = "checkpoint"
    """Seed of the key that signs the audit log's checkpoints."""
    CLIENT_ASSERTION = "client_assertion"
    """Seed of the key that signs our assertions to other systems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key; its secret is never shown."""

    id: str
    secret: bytes = field(repr=False)
    until: datetime | None = None
    """After this it is not used, not even for reading."""


class Keyring:
    """The keys of one installation."""

    def __init__(self, keys: Mapping[Purpose, Sequence[Key]]) -> None:
        """Take the keys of every purpose, newest first. Raises `Misconfigured`."""
        for purpose in Purpose:
            if not keys.get(purpose):
                raise Misconfigured(f"there is no key for {purpose}; run `doorward keys rotate {purpose}`")
            for key in keys[purpose]:
                _check(purpose, key)
        self._keys = {purpose: tuple(keys[purpose]) for purpose in Purpose}
        self._by_id = {(purpose, key.id): key for purpose, held in self._keys.items() for key in held}

    @classmethod
    def generate(cls, *, randomness: Randomness = os.urandom) -> Keyring:
        """A fresh keyring, one key a purpose."""
        return cls({purpose: (_new_key(randomness),) for purpose in Purpose})

    @classmethod
    def load(cls, path: Path, *, now: datetime) -> Keyring:
        """The keyring of a file written by `save`, without the keys past their end. Raises `Misconfigured`."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["form"] != FILE_FORM:
                raise ValueError("unknown form")
            held = {
                Purpose(name): [_from_json(entry) for entry in entries] for name, entries in document["keys"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            # The cause could quote the file.
            raise Misconfigured(f"the keys file {path} cannot be read ({type(exc).__name__})") from None
        return cls({p: [key for key in keys if key.until is None or now < key.until] for p, keys in held.items()})

    def save(self, path: Path) -> None:
        """Write the keyring, readable by this account only, in one step."""
        keys = {purpose.value: [_to_json(key) for key in held] for purpose, held in self._keys.items()}
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"form": FILE_FORM, "keys": keys}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

    def rotated(
        self, purpose: Purpose, *, older_until: datetime | None, randomness: Randomness = os.urandom
    ) -> Keyring:
        """A keyring with a new key for `purpose`; the older ones still read until `older_until`."""
        older = [
            Key(id=key.id, secret=key.secret, until=older_until if key.until is None else key.until)
            for key in self._keys[purpose]
        ]
        return Keyring({**self._keys, purpose: (_new_key(randomness), *older)})

    def newest(self, purpose: Purpose) -> Key:
        """The key to write with."""
        return self._keys[purpose][0]

    def of(self, purpose: Purpose) -> tuple[Key, ...]:
        """Every key of a purpose, newest first."""
        return self._keys[purpose]

    def named(self, purpose: Purpose, key_id: str) -> Key:
        """The key something was written with. Raises `IntegrityAlarm` for one we do not hold."""
        try:
            return self._by_id[purpose, key_id]
        except KeyError:
            raise IntegrityAlarm(f"written with an unknown {purpose} key") from None

    def mac(self, purpose: Purpose, message: bytes) -> tuple[str, bytes]:
        """HMAC-SHA-256 (RFC 2104) under the newest key, with its id."""
        key = self._keys[purpose][0]
        return key.id, hmac.digest(key.secret, message, "sha256")

    def check_mac(self, purpose: Purpose, key_id: str, message: bytes, mac: bytes) -> None:
        """Return if the MAC is right, in constant time. Raises `IntegrityAlarm`."""
        expected = hmac.digest(self.named(purpose, key_id).secret, message, "sha256")
        if not hmac.compare_digest(expected, mac):
            raise IntegrityAlarm(f"a {purpose} MAC does not fit")

    def sign(self, purpose: Purpose, message: bytes) -> str:
        """`<key id>.<MAC in hexadecimal>`."""
        key_id, mac = self.mac(purpose, message)
        return f"{key_id}.{mac.hex()}"

    def check(self, purpose: Purpose, message: bytes, signature: str) -> None:
        """Return if `sign` made this signature. Raises `IntegrityAlarm`."""
        key_id, _, mac = signature.partition(".")
        try:
            given = bytes.fromhex(mac)
        except ValueError:
            raise IntegrityAlarm(f"a {purpose} signature is malformed") from None
        self.check_mac(purpose, key_id, message, given)

    def hashed(self, purpose: Purpose, value: str) -> str:
        """The keyed hash to store."""
        return hmac.digest(self._keys[purpose][0].secret, value.encode(), "sha256").hex()

    def hashes(self, purpose: Purpose, value: str) -> tuple[str, ...]:
        """Every keyed hash under which the value may be stored, the newest key's first."""
        encoded = value.encode()
        return tuple([hmac.digest(key.secret, encoded, "sha256").hex() for key in self._keys[purpose]])


def _check(purpose: Purpose, key: Key) -> None:
    if len(key.secret) < KEY_BYTES or not key.id or len(key.id.encode()) > 255 or not key.id.isascii():
        raise Misconfigured(f"a key for {purpose} is too short or has no proper id")
    if "." in key.id or "|" in key.id:
        raise Misconfigured(f"a key id for {purpose} holds a character that separates fields")


def _new_key(randomness: Randomness) -> Key:
    return Key(id=randomness(4).hex(), secret=randomness(KEY_BYTES))


def _to_json(key: Key) -> dict[str, str | None]:
    return {
        "id": key.id,
        "secret": base64.urlsafe_b64encode(key.secret).decode(),
        "until": key.until.isoformat() if key.until else None,
    }


def _from_json(entry: dict[str, str | None]) -> Key:
    until, key_id, secret = entry.get("until"), entry["id"], entry["secret"]
    if not isinstance(key_id, str) or not isinstance(secret, str):
        raise TypeError("a key has an id and a secret")
    moment = datetime.fromisoformat(until) if until else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("an end without a time zone")
    return Key(id=key_id, secret=base64.urlsafe_b64decode(secret), until=moment)
