"""What comes in from a chat platform, already verified and translated by an adapter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import ChannelIdentity, Platform


class EventKind(StrEnum):
    """What somebody did."""

    MESSAGE = "message"
    COMMAND = "command"
    PRESS = "press"
    SUBMISSION = "submission"
    RESUME = "resume"
    """Not from a platform: a browser leg is through, and what waited goes on."""


class ReplyWindow(StrEnum):
    """How long the platform waits, and for what."""

    NONE = "none"
    OPENS_DIALOG = "opens_dialog"
    IN_RESPONSE = "in_response"


class PlaceKind(StrEnum):
    """Who can see what is posted there."""

    DIRECT = "direct"
    GROUP = "group"
    CHANNEL = "channel"


IN_ANSWER = "in_answer"
"""In place of a trigger: the platform opens the dialog that it is answered with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where something was said, and where an answer belongs."""

    platform: Platform
    tenant: str
    conversation: str
    kind: PlaceKind
    thread: str | None = None
    service: str | None = None
    """Teams only: the verified service address that answers go to."""

    @property
    def key(self) -> str:
        """One string for this conversation, thread included."""
        return f"{self.platform}:{self.tenant}:{self.conversation}:{self.thread or ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMessage:
    """One inbound event. Codes are never in here: see `bot.services.ingress`."""

    event_id: str
    """The platform's own id of the event, the same on every delivery."""
    kind: EventKind
    who: ChannelIdentity
    place: Place
    received_at: datetime
    window: ReplyWindow = ReplyWindow.NONE
    text: str = ""
    """What was typed, or a command's arguments."""
    handle: str = ""
    """The opaque handle of a pressed action or submitted dialog."""
    fields: dict[str, str] = field(default_factory=dict)
    """A submitted dialog's values, codes taken out."""
    trigger: str | None = None
    """What the platform wants back when a dialog is opened (Slack: trigger_id, three seconds, once), or `IN_ANSWER`."""
    source: str | None = None
    """The message a button stood on."""
    in_place: bool = False
    """The platform shows what was asked for on the card itself, to this person alone."""
    automatic: bool = False
    """The person's client asked, to show a card anew: nobody pressed anything, so nothing is posted for it."""
    comes_back: bool = False
    """It waited for a sign-in: the shared card it was pressed on is shown to this person anew."""
    locale: str | None = None
    timezone: str | None = None
    by_app: bool = False
    """An app, bot or workflow posted it under this account: it starts nothing, and the person is asked."""
