"""The company mailbox: notices that must reach a person past the chat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice in plain text. It carries no link and nothing confidential."""

    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLetter:
    """A letter that the mail server has not taken yet."""

    id: str
    letter: Letter
    written_at: datetime
    attempts: int = 1


class LetterStore(Protocol):
    """Letters waiting for the mail server; sealed."""

    def put(self, waiting: WaitingLetter, *, lease_seconds: int) -> None:
        """Queue, held by this process for the lease (the caller posts it itself; a claim takes over after a crash)."""
        ...

    def claim(self, *, now: datetime, lease_seconds: int, limit: int) -> Sequence[WaitingLetter]:
        """Take up to `limit` that are due and nobody holds."""
        ...

    def done(self, letter_id: str) -> None:
        """Forget it."""
        ...

    def retry(self, letter_id: str, *, at: datetime) -> None:
        """Not taken: try again at."""
        ...


class Mail(Protocol):
    """Somewhere to hand letters over."""

    async def send(self, letter: Letter) -> None:
        """Hand one over. Raises `MailUnavailable`."""
        ...


class NullMail:
    """Nobody is written to: the demonstration, and an installation without a mail server."""

    async def send(self, letter: Letter) -> None:
        """Drop it."""
