"""What each viewer is shown of a shared card: the same card, with the buttons that policy would let this one press.

A shared card has a handle of its own. The client of a platform that can show each person their own asks by that handle;
under it lies the card as it was posted, where, and in which version. What comes of it is looks alone: a press is
decided on like any other, whatever card it was made on, so a viewer who is shown too much gains nothing. No value that
is not on the card for all is ever added here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Audience, Card
from bot.domain.identity import Platform
from bot.domain.interaction import Interaction
from bot.domain.messages import IncomingMessage, Place, PlaceKind
from bot.ports.database import Transaction
from bot.services.buttons import SHARED_SECONDS, VIEWED, with_handles

PER_VIEWER = frozenset({Platform.TEAMS})
"""The platforms whose clients show each person their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewed:
    """A shared card as it was posted; its actions have their handles."""

    card: Card
    about: str
    place: Place
    version: int


_VIEWED: TypeAdapter[Viewed] = TypeAdapter(Viewed)


def rendered(tx: Transaction, posting: Posting, now: datetime) -> Card:
    """The card of a posting, a handle under every button, and one for itself where each viewer is shown their own."""
    draft = posting.draft
    per_viewer = draft.audience is Audience.PLACE and _shared(posting.place) and draft.about and draft.buttons
    if not per_viewer:
        return with_handles(tx, draft, posting.to, now)
    until = now + timedelta(seconds=SHARED_SECONDS)
    # Buttons and card name each other, so one of them has to be there before it is complete.
    empty = Interaction(kind=VIEWED, payload={}, audience="*", until=until)
    handle = tx.interactions.create(empty)
    card = replace(with_handles(tx, draft, posting.to, now, viewed=handle), refresh=handle)
    viewed = Viewed(card=card, about=draft.about, place=posting.place, version=posting.version)
    tx.interactions.replace(handle, replace(empty, payload=_payload(viewed)))
    return card


def find(tx: Transaction, handle: str, place: Place, now: datetime) -> Viewed | None:
    """The card under its handle; None where it was posted elsewhere, or shows something else by now."""
    found = tx.interactions.find(handle, now=now)
    if found is None or found.kind != VIEWED or not found.payload:
        return None
    viewed = _VIEWED.validate_python(found.payload)
    if not _same(viewed.place, place):
        return None
    # A card that has just been posted may be asked about before it is known where it stands.
    versions = {posted.version for posted in tx.posted.about(viewed.about) if _same(posted.place, place)}
    return viewed if not versions or viewed.version in versions else None


def stands_on(pressed: Interaction | None) -> str:
    """The handle of the shared card that a pressed button stands on; empty where there is none."""
    return "" if pressed is None else str(pressed.payload.get(VIEWED, ""))


def bring_back(tx: Transaction, message: IncomingMessage, pressed: Interaction | None, now: datetime) -> Posting | None:
    """The shared card again as it is, so that this person's client asks for theirs; None where it has changed."""
    handle = stands_on(pressed)
    viewed = find(tx, handle, message.place, now) if handle else None
    found = tx.interactions.find(handle, now=now) if viewed else None
    if viewed is None or found is None:
        return None
    copies = [
        posted
        for posted in tx.posted.about(viewed.about)
        if _same(posted.place, message.place) and posted.version == viewed.version
    ]
    version = viewed.version + 1
    if not copies or not tx.posted.swap(replace(copies[-1], version=version), version=viewed.version):
        return None
    tx.interactions.replace(handle, replace(found, payload=_payload(replace(viewed, version=version))))
    card = replace(viewed.card, viewers=(message.who,))
    return Posting(
        draft=Draft(card=card, audience=Audience.PLACE, about=viewed.about),
        to=copies[-1].to,
        place=copies[-1].place,
        edits=copies[-1].message,
        version=version,
    )


def began_on_a_card(message: IncomingMessage) -> bool:
    """Whether something was pressed on a shared card of which each viewer is shown their own."""
    return bool(message.handle and message.source) and _shared(message.place)


def _shared(place: Place) -> bool:
    return place.platform in PER_VIEWER and place.kind is not PlaceKind.DIRECT


def _same(one: Place, other: Place) -> bool:
    """The same conversation, whatever thread of it."""
    return (one.platform, one.tenant, one.conversation) == (other.platform, other.tenant, other.conversation)


def _payload(viewed: Viewed) -> dict[str, object]:
    payload: dict[str, object] = _VIEWED.dump_python(viewed, mode="json")
    return payload
