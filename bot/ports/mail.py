"""The company mailbox: notices that must reach a person past the chat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice in plain text. It carries no link and nothing confidential."""

    to: str
    subject: str
    text: str


class Mail(Protocol):
    """Somewhere to hand letters over."""

    async def send(self, letter: Letter) -> None:
        """Hand one over. Raises `MailUnavailable`."""
        ...


class NullMail:
    """Nobody is written to: the demonstration, and an installation without a mail server."""

    async def send(self, letter: Letter) -> None:
        """Drop it."""
