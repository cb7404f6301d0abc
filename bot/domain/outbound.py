"""What waits to be posted, and what was posted where, so that it can be edited later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.cards import Reply
from bot.domain.identity import ChannelIdentity
from bot.domain.messages import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxItem:
    """A reply on its way. With `edits`, the posted message of that id is replaced instead."""

    id: str
    place: Place
    to: ChannelIdentity
    reply: Reply
    created_at: datetime
    about: str = ""
    """What the card is about (`Leave::12`), so that every copy can be found and edited; empty when it never changes."""
    edits: str | None = None
    """The platform's id of the message to replace."""
    version: int = 0
    """Which rendering of that message this is; zero where it is not counted."""
    line: Reply | None = None
    """With `edits`: what is posted in the thread of that message besides."""
    anew: bool = False
    """With `edits`: a message that is gone is posted anew."""
    attempts: int = 0
    correlation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedMessage:
    """A message of ours on a platform."""

    about: str
    place: Place
    to: ChannelIdentity
    message: str
    """The platform's id of the message."""
    version: int
    posted_at: datetime
