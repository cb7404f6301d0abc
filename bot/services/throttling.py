"""Rate limits: counted first, then compared; a limiter that cannot count says no by raising."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.messages import EventKind, IncomingMessage
from bot.ports.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """So many in so many seconds."""

    count: int
    window_seconds: int


MESSAGES = Limit(count=60, window_seconds=60)
"""Typed sentences of one chat account."""
PRESSES = Limit(count=120, window_seconds=60)
"""Buttons and dialogs of one chat account, apart, so that typing cannot close the buttons."""
POSTED_BY_APPS = Limit(count=3, window_seconds=3600)
"""Questions whether a person meant what an app posted under their account; what comes beyond is dropped."""
CODES = Limit(count=5, window_seconds=900)
"""Wrong codes of one person by one path (RFC 4226 §7.3: throttle)."""
CODES_A_DAY = Limit(count=20, window_seconds=86_400)
FEEDBACK = Limit(count=5, window_seconds=86_400)
"""Sentences of one person that go to the owner."""
QUESTIONS = Limit(count=5, window_seconds=86_400)
"""Questions of one person about one request, and as many answers: each is a message to somebody else."""
PAGES = Limit(count=60, window_seconds=60)
"""Requests of one browser session or address to our pages that lead to work."""


def allows_message(tx: Transaction, message: IncomingMessage, now: datetime) -> bool:
    """Whether this chat account may go on; each account has its own budget, so nobody exhausts another's."""
    if message.by_app:
        return hit(tx, f"by-app|{message.who.key}", POSTED_BY_APPS, now)
    typed = message.kind in (EventKind.MESSAGE, EventKind.COMMAND)
    limit, path = (MESSAGES, "typed") if typed else (PRESSES, "pressed")
    return hit(tx, f"{path}|{message.who.key}", limit, now)


def allows_code(tx: Transaction, person: str, path: str, now: datetime) -> bool:
    """Whether one more code may be tried by this path (`chat` or `page`)."""
    short = hit(tx, f"code|{path}|{person}", CODES, now)
    return hit(tx, f"code-day|{path}|{person}", CODES_A_DAY, now) and short


def code_counted(tx: Transaction, person: str, path: str, now: datetime) -> None:
    """A code was right: only wrong ones use tries up, so that thirty approvals in a row are thirty approvals."""
    tx.throttle.give_back(f"code|{path}|{person}", window_seconds=CODES.window_seconds, now=now)
    tx.throttle.give_back(f"code-day|{path}|{person}", window_seconds=CODES_A_DAY.window_seconds, now=now)


def codes_left(tx: Transaction, person: str, path: str, now: datetime) -> int:
    """How many more codes may be tried by this path before it closes."""
    short = tx.throttle.used(f"code|{path}|{person}", window_seconds=CODES.window_seconds, now=now)
    day = tx.throttle.used(f"code-day|{path}|{person}", window_seconds=CODES_A_DAY.window_seconds, now=now)
    return max(0, min(CODES.count - short, CODES_A_DAY.count - day))


def hit(tx: Transaction, key: str, limit: Limit, now: datetime) -> bool:
    """Count one and say whether it is within the limit."""
    return tx.throttle.hit(key, limit=limit.count, window_seconds=limit.window_seconds, now=now)
