"""Recovery codes: ten, of eighty bits each, for whoever has lost every other factor; they never satisfy an action."""

from __future__ import annotations

import base64
import os
from datetime import datetime
from enum import StrEnum

from bot.domain.audit import EventType
from bot.domain.identity import LinkedIdentity
from bot.ports.database import Transaction
from bot.services import factors, throttling
from bot.services.audit_trail import Scribe
from bot.services.factors import Told

CODES = 10
CODE_BYTES = 10
"""Eighty bits (NIST SP 800-63B-4 §3.1.2 asks for sixty-four of a saved recovery code)."""
CODE_CHARACTERS = 16
PATH = "recovery"
OF_CODES = "recovery_codes."
"""What the log calls whatever becomes of them."""


class RecoveryRefusal(StrEnum):
    """Why a recovery code did not count; the audit trail's code."""

    THROTTLED = "recovery.throttled"
    WRONG = "recovery.wrong"


def renew(tx: Transaction, identity: LinkedIdentity, scribe: Scribe) -> tuple[str, ...]:
    """Ten new codes, to be shown once; earlier ones no longer count. They are secrets."""
    codes = tuple(base64.b32encode(os.urandom(CODE_BYTES)).decode() for _ in range(CODES))
    tx.recovery_codes.renew(identity, codes, now=scribe.time)
    tx.audit.append(scribe.event(EventType.RECOVERY_CODES_MADE, decision="allow"))
    return tuple("-".join(code[at : at + 4] for at in range(0, CODE_CHARACTERS, 4)) for code in codes)


def spend(tx: Transaction, identity: LinkedIdentity, said: str, now: datetime) -> RecoveryRefusal | None:
    """Use a code up; why not, where it does not count. The try is counted before anything is compared.

    Its owner is told when wrong ones have closed the path. Raises `IntegrityAlarm`.
    """
    if not throttling.allows_code(tx, identity, PATH, now):
        return RecoveryRefusal.THROTTLED
    code = "".join(character for character in said.upper() if character.isalnum())
    formed = len(code) == CODE_CHARACTERS and code.isascii()
    if not formed or not tx.recovery_codes.spend(identity, code, now=now, since=_taken_back(tx, identity)):
        factors.tell_if_closed(tx, identity, PATH, Told.RECOVERY_FAILED, now)
        return RecoveryRefusal.WRONG
    throttling.code_counted(tx, identity, PATH, now)
    return None


def _taken_back(tx: Transaction, identity: LinkedIdentity) -> datetime | None:
    """When the last codes from before were taken back: new ones were made, or one was used and with it all of them.

    The log knows: an older row that is put back is not believed.
    """
    latest = tx.audit.search(principal=identity.key, type_prefix=OF_CODES, limit=1)
    return latest[0].event.time if latest else None
