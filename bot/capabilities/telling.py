"""Who else is told of what was done: the pay office in HR's channel or chats, and the person themself past the chat."""

from __future__ import annotations

import secrets

from bot.domain.answer import Draft, Posting
from bot.domain.audit import EventType
from bot.domain.cards import Audience, Card
from bot.domain.identity import Role
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.ports.mail import Letter, WaitingLetter
from bot.services.asking import MOST_OF_HR, Routes
from bot.services.delivery import direct_place
from bot.services.standing_in import reachable
from bot.services.turns import Turn, event


def for_the_office(tx: Transaction, turn: Turn, routes: Routes, card: Card) -> tuple[Posting, ...]:
    """A card in HR's channel; without one, in the own chat of each of HR's managers but the person themself.

    None where nobody of HR can be reached either: the caller says so.
    """
    place = routes.hr_place(turn.message.who.platform)
    if place is not None:
        draft = Draft(card=card, audience=Audience.PLACE)
        return (Posting(draft=draft, to=turn.message.who, place=place, notice=Notice.PAY_OFFICE),)
    people = [person for person in tx.persons.with_role(Role.HR_MANAGER) if person.employee]
    others = [person.employee for person in people if person.employee and person.identity != turn.person.identity]
    found = [one for one in (reachable(tx, employee) for employee in others[:MOST_OF_HR]) if one is not None]
    return tuple(
        Posting(draft=Draft(card=card), to=link.channel, place=direct_place(link.channel), notice=Notice.PAY_OFFICE)
        for _, links in found
        for link in links
    )


def office_not_told(tx: Transaction, turn: Turn) -> str:
    """The sentence for the person where nobody of the pay office was told; it is in the audit log too."""
    tx.audit.append(event(turn, EventType.APPROVAL_UNREACHABLE, "", code="office.nobody"))
    return turn.voice.say("hr.change_bank_account.nobody")


def write_to_mailbox(tx: Transaction, turn: Turn, subject: str, text: str) -> None:
    """Queue a letter to the person's own company mailbox, in the transaction of what it tells."""
    owner = tx.persons.find(turn.person.identity)
    if owner is None or not owner.email:
        return
    letter = Letter(to=owner.email, subject=subject, text=f"{text}\n")
    tx.letters.put(WaitingLetter(id=secrets.token_hex(12), letter=letter, written_at=turn.now), lease_seconds=0)
