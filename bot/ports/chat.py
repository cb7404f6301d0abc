"""The chat platform: what delivery needs of Slack, Teams or the playground."""

from __future__ import annotations

from typing import Protocol

from bot.domain.cards import Dialog, Reply
from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place
from bot.domain.reference import ConversationReference


class ChatPlatform(Protocol):
    """One platform. Every method is called off the acknowledging path."""

    async def post(
        self, place: Place, to: ChannelIdentity, reply: Reply, *, dedupe_key: str, repeated: bool = False
    ) -> str | None:
        """Post; the platform's id of the message, None where it can never be edited (an ephemeral one).

        `repeated` says that somebody who is gone may have posted it: a platform that can be asked is asked first.
        Raises `PlatformUnavailable` (try again) or `PlatformRefused` (never again).
        """
        ...

    async def update(self, place: Place, message: str, reply: Reply) -> None:
        """Replace a posted message. Raises as `post`."""
        ...

    async def open_dialog(self, trigger: str, dialog: Dialog) -> str | None:
        """Open a dialog; the platform's id of it, to update it by. Raises as `post`."""
        ...

    async def update_dialog(self, view: str, dialog: Dialog) -> None:
        """Replace an open dialog. Raises as `post`."""
        ...

    async def direct_place(self, to: ChannelIdentity) -> Place:
        """The direct conversation with a person. Raises as `post`."""
        ...

    def link_to(self, place: Place, message: str, *, reached: ConversationReference | None = None) -> str:
        """The platform's own address of a message in a place, to open it by; empty where there is none.

        `reached` is what is stored of the conversation: any replica makes the same address.
        """
        ...

    def thread_of(self, place: Place, message: str) -> Place:
        """The place of what is said of a message: its thread, or the conversation itself where there are none."""
        ...

    async def take_away(self, place: Place, message: str) -> bool:
        """Remove what a person typed; False where the platform lets nobody but them. Raises as `post`."""
        ...
