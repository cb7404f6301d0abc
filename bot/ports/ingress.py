"""The way in, as adapters see it: a verified message goes in, and only what is durable is acknowledged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from bot.domain.answer import Answer
from bot.domain.cards import Card, Dialog
from bot.domain.messages import IncomingMessage
from bot.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogClosed:
    """The dialog is through: close it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """The dialog stays open, with this sentence under the field; an empty name means the first field."""

    field: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogUpdate:
    """The dialog's place is taken by another."""

    dialog: Dialog


DialogAnswer = DialogClosed | FieldError | DialogUpdate


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The message is durable."""

    duplicate: bool = False
    """It was delivered before: acknowledged again, and nothing runs."""
    answer: DialogAnswer | None = None
    """For the window `in_response`: what a submission is answered with when that is known in time."""
    view: Card | None = None
    """The same for a press: what its own person alone is shown on the card."""
    answered: bool = False
    """For the same window: the answer is there already, wherever it stands; nobody is told to wait for it."""


class Late(TimeoutError):
    """Not durable in time; it may become so, and is worked on then."""

    def __init__(self, ended: asyncio.Task[Answer | None]) -> None:
        """`ended` has the answer once it was given after all, and None where nothing was done."""
        super().__init__("not durable in time")
        self.ended = ended


class Ingress(Protocol):
    """What an adapter hands verified messages to; `bot.services.ingress` implements it."""

    async def accept(self, message: IncomingMessage) -> Accepted:
        """Store the message, once however often it is delivered.

        Raises `StorageUnavailable` or `Late` after 800 ms: the adapter answers 503 where the platform
        delivers again, and "busy, press again" where it does not.
        """
        ...

    async def open_dialog(self, message: IncomingMessage) -> Dialog:
        """The dialog a pressed action opens, for platforms that want it in their response. Raises as `accept`."""
        ...

    async def look(self, message: IncomingMessage) -> Card | None:
        """What a person's client shows them of a shared card, which asks by itself; None where it is no more.

        Nobody did anything: no row, no record, no use of a session. Raises as `accept`.
        """
        ...

    async def submit_code(self, message: IncomingMessage, code: Secret) -> DialogAnswer:
        """Check a code inside the reply window; it is never stored. Raises as `accept`."""
        ...

    async def sign_in_silently(self, message: IncomingMessage, token: Secret) -> bool:
        """Sign in whoever the platform's own client brought a token of; False where they have to use the browser.

        Raises as `accept`. The token is never stored.
        """
        ...

    async def rejected(self, *, platform: str, code: str) -> None:
        """Note a refusal at the way in (audit `ingress.rejected`); cheap, limited, and never raises."""
        ...
