"""Passkeys: binding one, and checking that one signed exactly what is consented to.

An assertion counts when all of this holds:

(1) its ceremony was begun by this person, is five minutes old at the most, and is used once; it is used up first;
(2) the credential it names is one of this person's own, and its delay is over (`assurance.FactorRules`);
(3) the challenge it signs is SHA-256 over that ceremony's nonce and the digest of what is consented to now;
(4) origin, relying party, presence, user verification and signature are right (WebAuthn §7.2);
(5) the credential's counter went on, or never counted; storing it succeeds once among all replicas.

A registration for a request that waits is for that one alone: its challenge is over the request's digest too. With
attestation "none" nothing is signed over it (WebAuthn Level 3 §8.7), so it proves what the first code of a new app
proves, possession of what was just made, and never counts as resistant to phishing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.assurance import counts
from bot.domain.identity import LinkedIdentity
from bot.domain.interaction import Interaction
from bot.domain.passkey import NONCE_BYTES, Passkey, challenge_for
from bot.errors import NotProven
from bot.ports.database import Transaction
from bot.ports.webauthn import WebAuthn

KIND = "passkey"
CEREMONY_SECONDS = 300
MAX_PASSKEYS = 20
MAX_NAME = 60
MAX_HANDLE = 128


class PasskeyRefusal(StrEnum):
    """Why a passkey did not count; the audit trail's code."""

    COPIED = "passkey.copied"
    SPENT = "passkey.spent"
    TAKEN = "passkey.taken"
    TOO_NEW = "passkey.too_new"
    UNKNOWN = "passkey.unknown"
    WRONG = "passkey.wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceremony:
    """What one use of an authenticator is about."""

    handle: str
    challenge: bytes


def begin(tx: Transaction, identity: LinkedIdentity, *, signs: str, now: datetime) -> Ceremony:
    """A fresh challenge for this person over `signs`, a digest in hexadecimal."""
    nonce = os.urandom(NONCE_BYTES)
    handle = tx.interactions.create(
        Interaction(
            kind=KIND,
            payload={"nonce": base64.b64encode(nonce).decode()},
            audience=identity.key,
            until=now + timedelta(seconds=CEREMONY_SECONDS),
        )
    )
    return Ceremony(handle=handle, challenge=challenge_for(nonce, signs))


def check(
    tx: Transaction,
    webauthn: WebAuthn,
    identity: LinkedIdentity,
    *,
    handle: str,
    response: str,
    signs: str,
    now: datetime,
    too_new_as_well: bool = False,
) -> Passkey | PasskeyRefusal:
    """Check conditions (1) to (5) of this module; the passkey that signed, or why not.

    `too_new_as_well` is for a change among factors of which none counts yet.
    """
    # Conditions 1 and 3 of the list above: another digest makes another challenge.
    challenge = _take(tx, identity, handle, signs, now)
    if challenge is None:
        return PasskeyRefusal.SPENT
    try:
        named = webauthn.named(response)
        # Condition 2 of the list above.
        passkey = next((item for item in tx.passkeys.of_identity(identity) if item.id == named), None)
        if passkey is None:
            return PasskeyRefusal.UNKNOWN
        if not too_new_as_well and not counts(passkey.counts_from, now):
            return PasskeyRefusal.TOO_NEW
        # Condition 4 of the list above.
        sign_count = webauthn.asserted(response, challenge=challenge, passkey=passkey)
    except NotProven:
        return PasskeyRefusal.WRONG
    # Condition 5 of the list above.
    if not tx.passkeys.used(passkey.id, sign_count=sign_count, now=now):
        return PasskeyRefusal.COPIED
    return passkey


def bind(
    tx: Transaction,
    webauthn: WebAuthn,
    identity: LinkedIdentity,
    *,
    handle: str,
    response: str,
    name: str,
    now: datetime,
    counts_from: datetime | None = None,
    waiting: str = "",
) -> Passkey | PasskeyRefusal:
    """Bind a new credential to this person; why not, where it cannot be (WebAuthn §7.1).

    The caller has checked that this person may bind a factor now; `waiting` is the digest of what that page shows.
    """
    challenge = _take(tx, identity, handle, binding_digest(identity, waiting), now)
    if challenge is None:
        return PasskeyRefusal.SPENT
    try:
        made = webauthn.created(response, challenge=challenge)
    except NotProven:
        return PasskeyRefusal.WRONG
    passkey = Passkey(
        id=made.id,
        identity=identity,
        name=name_of(name),
        public_key=made.public_key,
        sign_count=made.sign_count,
        transports=made.transports,
        created_at=now,
        counts_from=counts_from,
    )
    if len(tx.passkeys.of_identity(identity)) >= MAX_PASSKEYS or not tx.passkeys.insert(passkey):
        return PasskeyRefusal.TAKEN
    return passkey


def binding_digest(identity: LinkedIdentity, waiting: str = "") -> str:
    """What the challenge for a new credential is over: whose it will be, and the digest of what waits, if anything."""
    return hashlib.sha256(f"bind|{waiting}|{identity.key}".encode()).hexdigest()


def user_handle(identity: LinkedIdentity) -> bytes:
    """The account's id for authenticators: says nothing about the person (WebAuthn §14.6.1)."""
    return hashlib.sha256(f"user handle|{identity.key}".encode()).digest()


def name_of(said: str) -> str:
    """What somebody calls their passkey, in one line."""
    printable = "".join(character if character.isprintable() else " " for character in said)
    return " ".join(printable.split())[:MAX_NAME].strip() or "passkey"


def _take(tx: Transaction, identity: LinkedIdentity, handle: str, signs: str, now: datetime) -> bytes | None:
    """The challenge of a ceremony, which is used up by this."""
    if not 0 < len(handle) <= MAX_HANDLE or not handle.isascii():
        return None
    found = tx.interactions.find(handle, now=now)
    # Somebody else's is left alone, so that nobody uses up another person's.
    if found is None or found.kind != KIND or found.audience != identity.key:
        return None
    if tx.interactions.take(handle, now=now) is None:
        return None
    return challenge_for(base64.b64decode(str(found.payload["nonce"])), signs)
