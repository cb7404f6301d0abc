"""Sealed columns: AES-256-GCM (NIST SP 800-38D), bound to the row they stand in.

Two forms, told apart by the first byte, both with the key id in front and the row in the associated data:

- `seal`: a data key a record, wrapped by the sealing key. For what stays: seeds, token caches, actions. Losing the
  wrapped key is losing the record.
- `seal_briefly`: straight under a data key of this process, derived from the sealing key and a random salt that
  stands in the record. For what lives milliseconds or minutes (inbox, outbox, handles), where a key a record would buy
  nothing: the whole queue dies with its rows. It halves the cost of a message's sealing.
"""

from __future__ import annotations

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import IntegrityAlarm
from storage.crypto import KEY_BYTES, Key, Keyring, Purpose

ENVELOPE = 1
BRIEF = 2
NONCE_BYTES = 12
SALT_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + 16
MESSAGES_A_KEY = 2**31
"""Random nonces: at most 2^32 messages a key (NIST SP 800-38D §8.3)."""


class Sealer:
    """Seals and opens columns under one keyring."""

    def __init__(self, keys: Keyring) -> None:
        self._keys = keys
        self._wrapping = lru_cache(maxsize=64)(_aes)
        self._derived = lru_cache(maxsize=256)(_derived)
        self._brief_left = 0
        self._brief_key: Key | None = None
        self._brief_head = b""
        self._brief_prefix = ""
        self._brief_aes = AESGCM(bytes(KEY_BYTES))

    def seal(self, plaintext: bytes, *, table: str, row: str, purpose: str) -> bytes:
        """Ciphertext that opens in this row of this table for this purpose only."""
        key = self._keys.newest(Purpose.SEAL)
        bound = _bound(ENVELOPE, key.id, table, purpose, row)
        data_key = os.urandom(KEY_BYTES)
        nonces = os.urandom(2 * NONCE_BYTES)
        wrapping, content = nonces[:NONCE_BYTES], nonces[NONCE_BYTES:]
        wrapped = self._wrapping(key).encrypt(wrapping, data_key, bound)
        return (
            _head(ENVELOPE, key.id) + wrapping + wrapped + content + AESGCM(data_key).encrypt(content, plaintext, bound)
        )

    def seal_briefly(self, plaintext: bytes, *, table: str, row: str, purpose: str) -> bytes:
        """As `seal`, under this process's own data key."""
        if not self._brief_left or self._brief_key is not self._keys.newest(Purpose.SEAL):
            self._renew()
        self._brief_left -= 1
        nonce = os.urandom(NONCE_BYTES)
        bound = _place(self._brief_prefix, table, purpose, row)
        return self._brief_head + nonce + self._brief_aes.encrypt(nonce, plaintext, bound)

    def open(self, sealed: bytes, *, table: str, row: str, purpose: str) -> bytes:
        """The plaintext. Raises `IntegrityAlarm` for anything altered, moved, or written with an unknown key."""
        try:
            form, length = sealed[0], sealed[1]
            key_id, rest = sealed[2 : 2 + length].decode(), sealed[2 + length :]
            bound = _bound(form, key_id, table, purpose, row)
            key = self._keys.named(Purpose.SEAL, key_id)
            if form == ENVELOPE:
                return self._open_envelope(key, rest, bound)
            if form == BRIEF:
                return self._open_brief(key, rest, bound)
        except (InvalidTag, IndexError, ValueError):
            raise IntegrityAlarm(f"a sealed value of {table} does not open") from None
        raise IntegrityAlarm(f"a sealed value of {table} is of an unknown form")

    def reseal(self, sealed: bytes, *, table: str, row: str, purpose: str) -> bytes:
        """The same plaintext in the same form under the present key. Raises `IntegrityAlarm`."""
        plaintext = self.open(sealed, table=table, row=row, purpose=purpose)
        again = self.seal if sealed[0] == ENVELOPE else self.seal_briefly
        return again(plaintext, table=table, row=row, purpose=purpose)

    def _open_envelope(self, key: Key, rest: bytes, bound: bytes) -> bytes:
        wrapped, content = rest[:WRAPPED_BYTES], rest[WRAPPED_BYTES:]
        data_key = self._wrapping(key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)
        return AESGCM(data_key).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound)

    def _open_brief(self, key: Key, rest: bytes, bound: bytes) -> bytes:
        salt, content = rest[:SALT_BYTES], rest[SALT_BYTES:]
        return self._derived(key, salt).decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], bound)

    def _renew(self) -> None:
        key, salt = self._keys.newest(Purpose.SEAL), os.urandom(SALT_BYTES)
        self._brief_key = key
        self._brief_aes = self._derived(key, salt)
        self._brief_head = _head(BRIEF, key.id) + salt
        self._brief_prefix = f"{BRIEF}|{key.id}|"
        self._brief_left = MESSAGES_A_KEY


def head_of(key_id: str) -> bytes:
    """What follows the first byte of everything sealed under this key."""
    return bytes((len(key_id),)) + key_id.encode()


def _head(form: int, key_id: str) -> bytes:
    return bytes((form, len(key_id))) + key_id.encode()


def _bound(form: int, key_id: str, table: str, purpose: str, row: str) -> bytes:
    return _place(f"{form}|{key_id}|", table, purpose, row)


def _place(prefix: str, table: str, purpose: str, row: str) -> bytes:
    """The associated data: with the lengths in it, no two places share one."""
    return f"{prefix}{len(table)}|{len(purpose)}|{table}|{purpose}|{row}".encode()


def _aes(key: Key) -> AESGCM:
    return AESGCM(key.secret[:KEY_BYTES])


def _derived(key: Key, salt: bytes) -> AESGCM:
    derivation = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=salt, info=b"doorward brief data key")
    return AESGCM(derivation.derive(key.secret))
