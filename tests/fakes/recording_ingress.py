"""The core as adapters see it, remembering what reached it and accepting each event once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.domain.cards import Card, Dialog
from bot.domain.messages import IncomingMessage
from bot.domain.secret import Secret
from bot.ports.ingress import Accepted, DialogAnswer, DialogClosed


@dataclass
class RecordingIngress:
    """An `Ingress` in memory."""

    accepted: list[IncomingMessage] = field(default_factory=list)
    """Every message once, however often it was delivered."""
    deliveries: int = 0
    looks: list[IncomingMessage] = field(default_factory=list)
    card: Card | None = None
    """What a viewer is shown."""
    codes: list[tuple[IncomingMessage, str]] = field(default_factory=list)
    exchanges: list[tuple[IncomingMessage, str]] = field(default_factory=list)
    signs_in: bool = False
    rejections: list[str] = field(default_factory=list)
    failure: Exception | None = None
    """Raised instead of accepting: the database is away."""
    hangs: bool = False
    """Never answers: the database is locked."""
    hang_seconds: float = 0.8
    """When the core's own limit ends it."""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, what hangs goes on."""
    answer: DialogAnswer | None = None
    dialog: Dialog = field(default_factory=lambda: Dialog(handle="h", title="Dialog", submit="Send"))
    _seen: set[str] = field(default_factory=set)

    async def accept(self, message: IncomingMessage) -> Accepted:
        self.deliveries += 1
        await self._available()
        duplicate = message.event_id in self._seen
        if not duplicate:
            self._seen.add(message.event_id)
            self.accepted.append(message)
        return Accepted(duplicate=duplicate, answer=self.answer)

    async def open_dialog(self, message: IncomingMessage) -> Dialog:
        await self.accept(message)
        return self.dialog

    async def look(self, message: IncomingMessage) -> Card | None:
        await self._available()
        self.looks.append(message)
        return self.card

    async def submit_code(self, message: IncomingMessage, code: Secret) -> DialogAnswer:
        await self._available()
        self.codes.append((message, code.reveal()))
        return self.answer or DialogClosed()

    async def sign_in_silently(self, message: IncomingMessage, token: Secret) -> bool:
        await self._available()
        self.exchanges.append((message, token.reveal()))
        return self.signs_in

    async def rejected(self, *, platform: str, code: str) -> None:
        self.rejections.append(code)

    @property
    def untouched(self) -> bool:
        """Whether nothing reached the core."""
        return not self.accepted and not self.codes and not self.deliveries

    async def _available(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.hangs:
            async with asyncio.timeout(self.hang_seconds):
                await self.released.wait()
