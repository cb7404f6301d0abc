"""Keys by purpose, sealing and keyed hashes. No key here is ever in the database.

A `Keyring` holds, for each purpose, a list of keys: one is used for writing, all of them for reading, so that a
rotation has no gap. Ciphertext and MACs name the key they were made with. A keyring learns of new keys while in use.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    made_at: datetime | None = None
    """When it was made; None for keys older than this record."""
    standby: bool = False
    """Everybody is to hold it for reading before anybody writes with it."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What a keyring holds at one moment: swapped as one, so that no thread sees half of a change."""

    keys: Mapping[Purpose, tuple[Key, ...]]
    by_id: Mapping[tuple[Purpose, str], Key]


class Keyring:
    """The keys of one installation."""

    def __init__(self, keys: Mapping[Purpose, Sequence[Key]]) -> None:
        """Take the keys of every purpose, newest first. Raises `Misconfigured`."""
        self._held = _held(keys)
        self.generation = 0
        """Counts what was adopted: whoever keeps something made or checked with a key keeps it for one generation."""
        self._relearn: Callable[[], bool] = lambda: False

    @classmethod
    def generate(cls, *, randomness: Randomness = os.urandom, now: datetime | None = None) -> Keyring:
        """A fresh keyring, one key a purpose."""
        return cls({purpose: (new_key(randomness, made_at=now),) for purpose in Purpose})

    @classmethod
    def parse(cls, content: bytes, *, now: datetime) -> Keyring:
        """The keyring that `document` wrote down, without the keys past their end. Raises `Misconfigured`."""
        try:
            document = json.loads(content)
            if document["form"] != FILE_FORM:
                raise ValueError("unknown form")
            held = {
                Purpose(name): [_from_json(entry) for entry in entries] for name, entries in document["keys"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            # The cause could quote the keys.
            raise Misconfigured(f"no keyring is written there ({type(exc).__name__})") from None
        return cls({p: [key for key in keys if key.until is None or now < key.until] for p, keys in held.items()})

    def document(self) -> bytes:
        """The keyring written down, secrets and all."""
        keys = {purpose.value: [_to_json(key) for key in held] for purpose, held in self._held.keys.items()}
        return json.dumps({"form": FILE_FORM, "keys": keys}, indent=1).encode()

    @classmethod
    def load(cls, path: Path, *, now: datetime) -> Keyring:
        """The keyring of a file written by `save`, without the keys past their end. Raises `Misconfigured`."""
        try:
            return cls.parse(path.read_bytes(), now=now)
        except OSError as exc:
            raise Misconfigured(f"the keys file {path} cannot be read ({type(exc).__name__})") from None
        except Misconfigured as refused:
            raise Misconfigured(f"the keys file {path} cannot be read: {refused.detail}") from None

    def save(self, path: Path) -> None:
        """Write the keyring in the clear, readable by this account only, in one step. Raises OSError."""
        write_privately(path, self.document())

    def adopt(self, other: Keyring) -> None:
        """Hold the keys of `other` from now on; whoever uses this keyring does, on every thread."""
        self._held = other._held
        self.generation += 1

    def learn_from(self, relearn: Callable[[], bool]) -> None:
        """Ask this before a key is called unknown: it adopts what is new, if anything, and says whether there was."""
        self._relearn = relearn

    def with_standby(
        self, purpose: Purpose, *, now: datetime | None = None, randomness: Randomness = os.urandom
    ) -> Keyring:
        """A keyring that also reads with a new key for `purpose`, and does not yet write with it."""
        return self._with(purpose, (new_key(randomness, made_at=now, standby=True), *self._held.keys[purpose]))

    def promoted(self, purpose: Purpose, *, older_until: datetime | None = None) -> Keyring:
        """A keyring that writes with the key on standby; the older ones still read until `older_until`."""
        standby = self.standby(purpose)
        if standby is None:
            return self
        older = [_ending(key, older_until) for key in self._held.keys[purpose] if key.id != standby.id]
        return self._with(purpose, (replace(standby, standby=False), *older))

    def rotated(
        self, purpose: Purpose, *, older_until: datetime | None, randomness: Randomness = os.urandom
    ) -> Keyring:
        """A keyring with a new key for `purpose`; the older ones still read until `older_until`."""
        return self.with_standby(purpose, randomness=randomness).promoted(purpose, older_until=older_until)

    def without(self, purpose: Purpose, key_id: str) -> Keyring:
        """A keyring that no longer holds an older key. Raises `Misconfigured` for the one that is written with."""
        if key_id == self.newest(purpose).id:
            raise Misconfigured(f"{purpose} {key_id} is written with: rotate first, then remove it")
        if (purpose, key_id) not in self._held.by_id:
            raise Misconfigured(f"there is no {purpose} key {key_id}; `doorward keys list` shows what there is")
        return self._with(purpose, [key for key in self._held.keys[purpose] if key.id != key_id])

    def newest(self, purpose: Purpose) -> Key:
        """The key to write with."""
        return _writer(self._held.keys[purpose])

    def standby(self, purpose: Purpose) -> Key | None:
        """The key that is to be written with next, if there is one."""
        return next((key for key in self._held.keys[purpose] if key.standby), None)

    def of(self, purpose: Purpose) -> tuple[Key, ...]:
        """Every key of a purpose: the one to write with, then those that only read, newest first."""
        held = self._held.keys[purpose]
        writer = _writer(held)
        return held if held[0] is writer else (writer, *[key for key in held if key is not writer])

    def secrets(self, purpose: Purpose) -> tuple[bytes, ...]:
        """The secrets of `of`, for code that makes its own MACs."""
        return tuple([key.secret for key in self.of(purpose)])

    def named(self, purpose: Purpose, key_id: str) -> Key:
        """The key something was written with. Raises `IntegrityAlarm` for one we do not hold."""
        key = self._held.by_id.get((purpose, key_id))
        if key is None and self._relearn():
            key = self._held.by_id.get((purpose, key_id))
        if key is None:
            raise IntegrityAlarm(f"written with an unknown {purpose} key")
        return key

    def mac(self, purpose: Purpose, message: bytes) -> tuple[str, bytes]:
        """HMAC-SHA-256 (RFC 2104) under the newest key, with its id."""
        key = self.newest(purpose)
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
        return hmac.digest(self.newest(purpose).secret, value.encode(), "sha256").hex()

    def hashes(self, purpose: Purpose, value: str) -> tuple[str, ...]:
        """Every keyed hash under which the value may be stored, the newest key's first."""
        encoded = value.encode()
        return tuple([hmac.digest(key.secret, encoded, "sha256").hex() for key in self.of(purpose)])

    def _with(self, purpose: Purpose, keys: Sequence[Key]) -> Keyring:
        return Keyring({**self._held.keys, purpose: keys})


def write_privately(path: Path, content: bytes) -> None:
    """Put a file in place in one step, readable by its present owner only. Raises OSError."""
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            before = path.stat()
            os.chown(partial, before.st_uid, before.st_gid)
            partial.chmod(stat.S_IMODE(before.st_mode) & 0o640)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _held(keys: Mapping[Purpose, Sequence[Key]]) -> _Held:
    for purpose in Purpose:
        if not any(not key.standby for key in keys.get(purpose, ())):
            raise Misconfigured(f"there is no key for {purpose}; bring back a copy of the keys file")
        for key in keys[purpose]:
            _check(purpose, key)
    held = {purpose: tuple(keys[purpose]) for purpose in Purpose}
    return _Held(held, {(purpose, key.id): key for purpose, of in held.items() for key in of})


def _writer(held: Sequence[Key]) -> Key:
    return held[0] if not held[0].standby else next(key for key in held if not key.standby)


def _ending(key: Key, until: datetime | None) -> Key:
    return replace(key, until=until if key.until is None else key.until)


def _check(purpose: Purpose, key: Key) -> None:
    if len(key.secret) < KEY_BYTES or not key.id or len(key.id.encode()) > 255 or not key.id.isascii():
        raise Misconfigured(f"a key for {purpose} is too short or has no proper id")
    if "." in key.id or "|" in key.id:
        raise Misconfigured(f"a key id for {purpose} holds a character that separates fields")


def new_key(randomness: Randomness = os.urandom, *, made_at: datetime | None = None, standby: bool = False) -> Key:
    """A fresh key."""
    return Key(id=randomness(4).hex(), secret=randomness(KEY_BYTES), made_at=made_at, standby=standby)


def _to_json(key: Key) -> dict[str, str | bool | None]:
    return {
        "id": key.id,
        "secret": base64.urlsafe_b64encode(key.secret).decode(),
        "until": key.until.isoformat() if key.until else None,
        "made_at": key.made_at.isoformat() if key.made_at else None,
        "standby": key.standby,
    }


def _from_json(entry: Mapping[str, str | bool | None]) -> Key:
    key_id, secret, standby = entry["id"], entry["secret"], entry.get("standby", False)
    if not isinstance(key_id, str) or not isinstance(secret, str) or not isinstance(standby, bool):
        raise TypeError("a key has an id and a secret")
    return Key(
        id=key_id,
        secret=base64.urlsafe_b64decode(secret),
        until=_moment(entry.get("until")),
        made_at=_moment(entry.get("made_at")),
        standby=standby,
    )


def _moment(text: object) -> datetime | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError("a moment is text")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment
