"""Conversations and what was posted in them, as values, and as the page gets them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.cards import Card, Dialog
from bot.domain.messages import PlaceKind

DOORWARD = "doorward"
DEMO = "demo"
"""The author of a line that the demonstration itself writes ("An hour passed")."""


class AuthorKind(StrEnum):
    """Who wrote a post."""

    PERSON = "person"
    BOT = "bot"
    DEMO = "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A direct conversation with Doorward, or a channel."""

    id: str
    title: str
    kind: PlaceKind
    person: str | None = None
    """Whose direct conversation this is; a channel is everybody's."""

    def seen_by(self, person: str) -> bool:
        """Whether a person is in it."""
        return self.person in (None, person)

    def as_json(self) -> dict[str, object]:
        """For the page."""
        return {"id": self.id, "title": self.title, "kind": str(self.kind)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message of a conversation."""

    id: str
    conversation: str
    thread: str | None
    author: str
    author_kind: AuthorKind
    at: datetime
    text: str = ""
    card: Card | None = None
    only: str | None = None
    """The one person who sees it."""
    edited: bool = False

    def as_json(self) -> dict[str, object]:
        """For the page. Handles stay here: a press names the post and the button's place on it."""
        return {
            "id": self.id,
            "conversation": self.conversation,
            "thread": self.thread,
            "author": self.author,
            "kind": str(self.author_kind),
            "at": self.at.isoformat(),
            "text": self.text,
            "card": card_as_json(self.card) if self.card else None,
            "onlyYou": self.only is not None,
            "edited": self.edited,
        }


def card_as_json(card: Card) -> dict[str, object]:
    """A card for the page."""
    return {
        "headline": card.headline,
        "body": card.body,
        "status": str(card.status),
        "quiet": card.quiet,
        "facts": [{"label": fact.label, "value": fact.value} for fact in card.facts],
        "quotes": [{"author": quote.author, "text": quote.text} for quote in card.quotes],
        "actions": [
            {"label": action.label, "style": str(action.style), "url": action.url, "dialog": action.opens_dialog}
            for action in card.actions
        ],
    }


def dialog_as_json(view: str, dialog: Dialog) -> dict[str, object]:
    """A dialog for the page."""
    return {
        "view": view,
        "title": dialog.title,
        "body": dialog.body,
        "submit": dialog.submit,
        "loading": dialog.loading,
        "links": [{"label": link.label, "url": link.url} for link in dialog.links],
        "signed": [{"label": fact.label, "value": fact.value} for fact in dialog.signed],
        "quotes": [{"author": quote.author, "text": quote.text} for quote in dialog.quotes],
        "fields": [
            {
                "name": field.name,
                "label": field.label,
                "kind": str(field.kind),
                "hint": field.hint,
                "value": field.value,
                "optional": field.optional,
                "error": field.error,
                "options": list(field.options),
            }
            for field in dialog.fields
        ],
    }
