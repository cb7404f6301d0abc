"""Who else is told of what was done: the pay office in HR's channel, and the person themself past the chat."""

from __future__ import annotations

import secrets

from bot.domain.answer import Draft, Posting
from bot.domain.cards import Audience, Card
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.ports.mail import Letter, WaitingLetter
from bot.services.asking import Routes
from bot.services.turns import Turn


def for_the_office(turn: Turn, routes: Routes, card: Card) -> tuple[Posting, ...]:
    """A card in HR's channel; none where there is no such channel."""
    place = routes.hr_place(turn.message.who.platform)
    if place is None:
        return ()
    draft = Draft(card=card, audience=Audience.PLACE)
    return (Posting(draft=draft, to=turn.message.who, place=place, notice=Notice.PAY_OFFICE),)


def write_to_mailbox(tx: Transaction, turn: Turn, subject: str, text: str) -> None:
    """Queue a letter to the person's own company mailbox, in the transaction of what it tells."""
    owner = tx.persons.find(turn.person.identity)
    if owner is None or not owner.email:
        return
    letter = Letter(to=owner.email, subject=subject, text=f"{text}\n")
    tx.letters.put(WaitingLetter(id=secrets.token_hex(12), letter=letter, written_at=turn.now), lease_seconds=0)
