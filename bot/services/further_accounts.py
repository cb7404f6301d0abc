"""A second chat account of one person takes what the first did not: a factor bound before signs that very link."""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import EventType
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.passkey import Passkey
from bot.domain.proof import ProofMethod
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.ports.webauthn import WebAuthn
from bot.services import passkeys, step_up, throttling
from bot.services.audit_trail import Scribe
from bot.services.own_changes import ADD_LINK, OwnChanges
from bot.services.passkeys import PasskeyRefusal
from bot.services.step_up import CodePath, CodeRefusal

PROVIDER = ProofMethod.PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What came with the button: a code, or a passkey's response and the handle of its challenge."""

    code: str = ""
    credential: str = ""
    ceremony: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongFactor:
    """A factor that did not count."""

    refusal: CodeRefusal | PasskeyRefusal
    tries_left: int = 0


def is_further(tx: Transaction, identity: LinkedIdentity, channel: ChannelIdentity) -> bool:
    """Whether this person has a chat account besides this one, or had one whose row somebody took out by hand."""
    others = any(link.channel != channel for link in tx.links.of_identity(identity))
    return others or tx.links.lost(identity)


def methods(
    tx: Transaction,
    identity: LinkedIdentity,
    channel: ChannelIdentity,
    now: datetime,
    webauthn: WebAuthn | None,
    own_changes: OwnChanges,
) -> frozenset[ProofMethod]:
    """The kinds of factor that policy takes for the linking of this chat account; none where it takes none.

    Raises `NotAllowed` where it takes one and there is none: a company password alone links no second account.
    """
    if not is_further(tx, identity, channel):
        return frozenset()
    usable, person = step_up.usable(tx, identity, now), tx.persons.find(identity)
    if not usable:
        raise NotAllowed("no factor for a further chat account", code="link.factor_missing")
    if person is None:
        # Nobody to ask policy about: a missing row is an alarm after a factor, which the linking raises.
        kinds = frozenset(item.method for item in usable)
        taken = kinds & {ProofMethod.PASSKEY} or kinds
    else:
        # Whoever comes here has just signed in, which is the newest word of their provider's.
        # Its strongest sign-in is taken on the pages of one's own factors, not here, where nothing is linked yet.
        taken = own_changes.asked(tx, person, ADD_LINK, usable, checked_at=now, now=now).methods - {PROVIDER}
    able = taken if webauthn is not None else taken - {ProofMethod.PASSKEY}
    if not able:
        raise NotAllowed("no factor for a further chat account", code="link.factor_missing")
    return able


def digest(leg: str, identity: LinkedIdentity, channel: ChannelIdentity) -> str:
    """What a passkey signs: this sign-in, and both accounts it would link."""
    return hashlib.sha256(f"link|{leg}|{identity.key}|{channel.key}".encode()).hexdigest()


def check(
    tx: Transaction,
    identity: LinkedIdentity,
    resource: str,
    given: Given,
    scribe: Scribe,
    *,
    signs: str,
    able: AbstractSet[ProofMethod],
    webauthn: WebAuthn | None,
) -> WrongFactor | None:
    """Check what was given on our page about `resource`; why not, where it does not count.

    A refusal is a value, so that the attempt that was counted stays counted.
    """
    result: object
    if given.credential and webauthn is not None and ProofMethod.PASSKEY in able:
        result, method = _passkey(tx, webauthn, identity, given, signs, scribe.time), ProofMethod.PASSKEY
    elif ProofMethod.TOTP not in able:
        result, method = CodeRefusal.NOT_ENOUGH, ProofMethod.TOTP
    else:
        result = step_up.check_code(tx, identity, given.code, path=CodePath.PAGE, now=scribe.time)
        method = ProofMethod.TOTP
    refusal = result if isinstance(result, CodeRefusal | PasskeyRefusal) else None
    tx.audit.append(
        scribe.event(
            EventType.PROOF_GIVEN if refusal is None else EventType.PROOF_REFUSED,
            resource=resource,
            decision="allow" if refusal is None else "deny",
            code=method.value if refusal is None else refusal.value,
        )
    )
    if refusal is None:
        return None
    left = throttling.codes_left(tx, identity, CodePath.PAGE.value, scribe.time)
    return WrongFactor(refusal=refusal, tries_left=left)


def _passkey(
    tx: Transaction, webauthn: WebAuthn, identity: LinkedIdentity, given: Given, signs: str, now: datetime
) -> Passkey | PasskeyRefusal:
    return passkeys.check(
        tx, webauthn, identity, handle=given.ceremony, response=given.credential, signs=signs, now=now
    )
