"""Rate limits: counted first, then compared; a limiter that cannot count says no by raising."""

from __future__ import annotations

from datetime import datetime

from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.limit import Limit
from bot.domain.messages import EventKind, IncomingMessage
from bot.ports.database import Transaction

MESSAGES = Limit(count=60, window_seconds=60)
"""Typed sentences of one chat account."""
PRESSES = Limit(count=120, window_seconds=60)
"""Buttons and dialogs of one chat account, apart, so that typing cannot close the buttons."""
VIEWS = Limit(count=240, window_seconds=60)
"""Shared cards that one person's clients ask about by themselves, apart: looking on closes nobody's buttons."""
STARTS = Limit(count=60, window_seconds=60)
"""Openings of the home page and of an empty conversation by one chat account: each reads in the systems behind."""
SAME_START = Limit(count=1, window_seconds=900)
"""One opening, delivered again or replayed: longer than a signed request is taken for fresh."""
SAID_SO = Limit(count=1, window_seconds=60)
"""Sentences that tell one chat account that it is too much: a flood makes no flood of answers."""
POSTED_BY_APPS = Limit(count=3, window_seconds=3600)
"""Questions whether a person meant what an app posted under their account; what comes beyond is dropped."""
CODES = Limit(count=5, window_seconds=900)
"""Wrong codes of one person by one path (RFC 4226 §7.3: throttle)."""
CODES_A_DAY = Limit(count=20, window_seconds=86_400)
GUESSES = (CODES, CODES_A_DAY)
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


def says_so(tx: Transaction, who: ChannelIdentity, now: datetime) -> bool:
    """Whether this chat account is told that it was too much, or was told a moment ago."""
    return hit(tx, f"said-so|{who.key}", SAID_SO, now)


def allows_view(tx: Transaction, who: ChannelIdentity, now: datetime) -> bool:
    """Whether what one person's client shows them is made anew."""
    return hit(tx, f"viewed|{who.key}", VIEWS, now)


def allows_start(tx: Transaction, who: ChannelIdentity, event: str, now: datetime) -> bool:
    """Whether what this account begins with is read for this event of the platform's."""
    if event and not hit(tx, f"start|{who.key}|{event}", SAME_START, now):
        return False
    return hit(tx, f"started|{who.key}", STARTS, now)


def allows_code(tx: Transaction, person: LinkedIdentity, path: str, now: datetime) -> bool:
    """Whether one more code may be tried by this path (`chat` or `page`). Raises `IntegrityAlarm`."""
    return tx.guesses.hit(person, path, GUESSES, now)


def code_counted(tx: Transaction, person: LinkedIdentity, path: str, now: datetime) -> None:
    """A code was right: only wrong ones use tries up, so that thirty approvals in a row are thirty approvals."""
    tx.guesses.give_back(person, path, GUESSES, now)


def codes_left(tx: Transaction, person: LinkedIdentity, path: str, now: datetime) -> int:
    """How many more codes may be tried by this path before it closes. Raises `IntegrityAlarm`."""
    return tx.guesses.left(person, path, GUESSES, now)


def hit(tx: Transaction, key: str, limit: Limit, now: datetime) -> bool:
    """Count one and say whether it is within the limit."""
    return tx.throttle.hit(key, limit=limit.count, window_seconds=limit.window_seconds, now=now)
