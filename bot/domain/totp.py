"""Time-based one-time passwords (RFC 6238): steps, window, acceptance. pyotp is used here and nowhere else."""

from __future__ import annotations

import hmac
from datetime import datetime

import pyotp

STEP_SECONDS = 30
DIGITS = 6
WINDOW_STEPS = 1
"""One step to either side. RFC 6238 §5.2 recommends one of delay; accepting one ahead is our documented deviation."""
MAX_CHAT_FAILURES = 5
"""Wrong codes from a chat account, after which only our page takes one: whoever holds the chat switches nothing off."""
MAX_CONSECUTIVE_FAILURES = 100
"""NIST SP 800-63B-4 §3.2.2: disabled at the latest here."""
SEED_CHARACTERS = 32
"""160 bits in base32 (RFC 4226 §4 R6 recommends 160)."""


class _DecodedOnce(pyotp.TOTP):
    """pyotp decodes the base32 secret for every code it makes; a window has three."""

    _decoded: bytes | None = None

    def byte_secret(self) -> bytes:
        if self._decoded is None:
            self._decoded = super().byte_secret()
        return self._decoded


def new_seed() -> str:
    """A fresh shared secret of 160 bits, base32."""
    return pyotp.random_base32(SEED_CHARACTERS)


def time_step(now: datetime) -> int:
    """The time step T (RFC 6238 §4.2)."""
    return int(now.timestamp()) // STEP_SECONDS


def accepted_step(seed: str, code: str, now: datetime, *, last_step: int) -> int | None:
    """The step `code` is good for, strictly later than `last_step`; None when there is none.

    The caller stores the step in the same transaction, so that a code is accepted once (RFC 6238 §5.2).
    """
    digits = "".join(character for character in code if not character.isspace())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    generator = _DecodedOnce(seed, digits=DIGITS, interval=STEP_SECONDS)
    here = time_step(now)
    found = None
    for step in range(here - WINDOW_STEPS, here + WINDOW_STEPS + 1):
        matches = hmac.compare_digest(generator.generate_otp(step), digits)
        if matches and step > last_step:
            found = step
    return found


def provisioning_uri(seed: str, *, account: str, issuer: str = "Doorward") -> str:
    """The `otpauth://` address an authenticator app scans. A secret: shown once, never logged."""
    return pyotp.TOTP(seed, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(name=account, issuer_name=issuer)


def code_at(seed: str, now: datetime) -> str:
    """The code for `now`: for tests and the demo phone only."""
    return pyotp.TOTP(seed, digits=DIGITS, interval=STEP_SECONDS).generate_otp(time_step(now))
