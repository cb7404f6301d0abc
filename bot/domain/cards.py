"""What goes out: replies, cards and dialogs, free of any platform, and the plain text that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.identity import ChannelIdentity


class Status(StrEnum):
    """The meaning a card carries; shown as icon and word, never colour alone."""

    PLAIN = "plain"
    ALLOWED = "allowed"
    DENIED = "denied"
    NEEDS_PROOF = "needs_proof"
    WAITING = "waiting"
    BROKEN = "broken"


class ActionStyle(StrEnum):
    """How a button looks."""

    PRIMARY = "primary"
    DANGER = "danger"
    PLAIN = "plain"


class Audience(StrEnum):
    """Who may see a reply."""

    PERSON = "person"
    """Only the person addressed (an ephemeral message, or the direct conversation)."""
    PLACE = "place"
    """Everybody in the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A labelled value."""

    label: str
    value: str


_INNER = str.maketrans("“”„«»", "‘’‚‹›")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What another person or a model wrote: shown apart and marked as theirs."""

    author: str
    text: str

    @property
    def said(self) -> str:
        """Where nothing can be set apart: one line, whose quotation marks only we open and close."""
        return f"{self.author}: “{' '.join(self.text.translate(_INNER).split())}”"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A button. `handle` is opaque and all the platform gets; `url` opens a page of ours instead."""

    label: str
    handle: str = ""
    url: str = ""
    style: ActionStyle = ActionStyle.PLAIN
    opens_dialog: bool = False
    """Pressing opens a dialog: the platform wants it at once (Slack: three seconds)."""
    signs_in: bool = False
    """The address begins a sign-in: a platform whose client can sign its user in by itself may try that first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One message, one purpose."""

    headline: str
    body: str = ""
    facts: tuple[Fact, ...] = ()
    quotes: tuple[Quote, ...] = ()
    actions: tuple[Action, ...] = ()
    status: Status = Status.PLAIN
    quiet: str = ""
    """Source system and time."""
    refresh: str = ""
    """An opaque handle by which a client asks what its own person is shown of a shared card (`bot.services.views`)."""
    viewers: tuple[ChannelIdentity, ...] = ()
    """Who is to be shown their own now, where not everybody can be; a platform that cannot takes no notice."""


class FieldKind(StrEnum):
    """What a dialog asks for."""

    TEXT = "text"
    CODE = "code"
    """A one-time code: the adapter hands it over apart, it is never stored."""
    DATE = "date"
    """A day; the value is `YYYY-MM-DD`."""
    CHOICES = "choices"
    """Some of `options`; the value is their positions with commas between (`chosen`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogField:
    """One question of a dialog."""

    name: str
    label: str
    kind: FieldKind = FieldKind.TEXT
    hint: str = ""
    optional: bool = False
    value: str = ""
    """What stands in it at first: a day of the present state, which is no secret to whoever the dialog is for."""
    error: str = ""
    options: tuple[str, ...] = ()
    """What there is to choose from; a platform gets the positions, never what they stand for."""


MAX_OPTIONS = 50
"""More are not offered at once: nobody reads a longer list before ticking."""


def chosen(value: str, options: int) -> tuple[int, ...]:
    """The positions ticked in a field of kind `CHOICES`, each once, in the list's order. Raises `ValueError`."""
    if not value:
        return ()
    parts = value.split(",")
    if len(parts) > MAX_OPTIONS or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise ValueError("positions with commas between are needed")
    positions = {int(part) for part in parts}
    if max(positions) >= options:
        raise ValueError("a position that is not on the list")
    return tuple(sorted(positions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """A modal dialog. `signed` is what the person agrees to, line by line."""

    handle: str
    title: str
    submit: str
    fields: tuple[DialogField, ...] = ()
    signed: tuple[Fact, ...] = ()
    quotes: tuple[Quote, ...] = ()
    """What others wrote of it: shown apart, and no part of what is agreed to."""
    body: str = ""
    links: tuple[Action, ...] = ()
    """Pages of ours to go to instead (only `label` and `url` are set)."""
    loading: bool = False
    """Opened at once to keep the platform's three seconds; the real one replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A card on its way to an audience in a place."""

    audience: Audience
    card: Card


def plain_text(card: Card) -> str:
    """The fallback that says the same for screen readers and notifications; a quote keeps to its own line."""
    lines = [card.headline, card.body]
    lines += [f"{fact.label}: {fact.value}" for fact in card.facts]
    lines += [quote.said for quote in card.quotes]
    lines += [f"[{action.label}]" for action in card.actions]
    lines.append(card.quiet)
    return "\n".join(line for line in lines if line)
