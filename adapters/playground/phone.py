"""The demo phone: an authenticator app beside each person, outside the bot and absent from production."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from bot.domain.totp import DIGITS, STEP_SECONDS, code_at
from bot.errors import Malformed
from bot.ports.clock import Clock

_SEED = re.compile(r"[A-Z2-7]{16,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneScreen:
    """What the phone shows now."""

    label: str
    code: str
    seconds_left: float


class DemoPhone:
    """One phone a person; each keeps the last key it scanned."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, tuple[str, str]] = {}

    def scan(self, person: str, uri: str) -> None:
        """Take the key of an `otpauth://` address. Raises `Malformed` for anything an app would not take."""
        parts = urlsplit(uri)
        values = {name: found[0] for name, found in parse_qs(parts.query).items()}
        seed = values.get("secret", "").replace(" ", "").upper()
        standard = values.get("period", str(STEP_SECONDS)) == str(STEP_SECONDS)
        standard = standard and values.get("digits", str(DIGITS)) == str(DIGITS)
        if parts.scheme != "otpauth" or parts.netloc != "totp" or not standard or not _SEED.fullmatch(seed):
            raise Malformed("not an otpauth address the demo phone understands")
        self._keys[person] = (unquote(parts.path.strip("/")), seed)

    def screen(self, person: str) -> PhoneScreen | None:
        """The current code; None before the first scan."""
        if person not in self._keys:
            return None
        label, seed = self._keys[person]
        now = self._clock.now()
        left = STEP_SECONDS - now.timestamp() % STEP_SECONDS
        return PhoneScreen(label=label, code=code_at(seed, now), seconds_left=left)
