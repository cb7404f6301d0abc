"""How a use of break-glass is shown: the alarm to those who review, a line of the list, the letter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.answer import Button, Draft, Posting
from bot.domain.break_glass import REVIEWERS, Finding, Use
from bot.domain.cards import ActionStyle, Audience, Card, Fact, Quote, Status
from bot.domain.identity import Person, Role, principal_of
from bot.domain.intent import Intent, Origin
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.ports.mail import Letter
from bot.services.delivery import direct_place
from bot.services.people import identity_from_key
from bot.texts.formats import moment
from bot.texts.sentences import Voice, voice

MOST_ON_TOP = 3


def readers(tx: Transaction, now: datetime) -> tuple[Person, ...]:
    """Who is told: administrators and auditors who are not locked."""
    found: dict[str, Person] = {}
    for role in (Role.ADMINISTRATOR, Role.AUDITOR):
        for person in tx.persons.with_role(role.value):
            grants = tuple(tx.roles.of_identity(person.identity))
            if not person.locked and role in principal_of(person, grants, now).roles:
                found[person.identity.key] = person
    return tuple(found.values())


def line(tx: Transaction, use: Use, reader: Voice, timezone: str) -> str:
    """Who did what, when, and how many have reviewed it."""
    return reader.say(
        "break_glass.line",
        who=_who(tx, use),
        what=_what(use),
        at=moment(use.at, timezone, reader.language),
        count=len(use.reviews),
        needed=REVIEWERS,
    )


def _what(use: Use) -> str:
    """The request as everybody else calls it: by its number."""
    return use.resource.partition("::")[2] or use.resource


def finding_in_words(reader: Voice, finding: str) -> str:
    """What is said of a use, as its button says it."""
    return reader.say(f"break_glass.{Finding(finding)}").removesuffix("…")


def review_buttons(reader: Voice, use_id: str) -> tuple[Button, ...]:
    """What a reviewer says of a use: each opens a dialog for the reason, and is signed after it."""
    return tuple(
        Button(
            label=reader.say(f"break_glass.{finding}"),
            intent=Intent(
                capability="list_break_glass", arguments={"use": use_id, "finding": finding}, origin=Origin.PRESS
            ),
            style=style,
            opens_dialog=True,
        )
        for finding, style in ((Finding.FINE, ActionStyle.PLAIN), (Finding.WRONG, ActionStyle.DANGER))
    )


def on_top(card: Card, uses: Sequence[Use], tx: Transaction, reader: Voice, timezone: str) -> Card:
    """A list of what waits, with the uses that wait for a review before everything else."""
    label = reader.say("start.reviews.label")
    facts = tuple(Fact(label=label, value=line(tx, use, reader, timezone)) for use in uses[:MOST_ON_TOP])
    headline = reader.say("break_glass.first", count=len(uses), rest=card.headline)
    return replace(card, headline=headline, facts=(*facts, *card.facts), status=Status.WAITING)


def show_button(reader: Voice) -> Button:
    """Leads to the list of what waits for a review."""
    intent = Intent(capability="list_break_glass", arguments={}, origin=Origin.PRESS)
    return Button(label=reader.say("break_glass.show"), intent=intent, style=ActionStyle.PRIMARY)


def postings(tx: Transaction, use: Use, people: tuple[Person, ...]) -> list[Posting]:
    """A card in every chat of each."""
    found: list[Posting] = []
    for person in people:
        reader = voice(person.locale)
        card = Card(
            headline=reader.say("break_glass.headline", who=_who(tx, use)),
            body=reader.say("break_glass.body"),
            facts=(
                Fact(label=reader.say("break_glass.what"), value=_what(use)),
                Fact(label=reader.say("break_glass.when"), value=moment(use.at, person.timezone, reader.language)),
            ),
            quotes=(Quote(author=_who(tx, use), text=use.reason),),
            status=Status.WAITING,
            quiet=reader.say("break_glass.how", id=use.id),
        )
        draft = Draft(card=card, buttons=review_buttons(reader, use.id), audience=Audience.PLACE)
        found += [
            Posting(draft=draft, to=link.channel, place=direct_place(link.channel), notice=Notice.BREAK_GLASS)
            for link in tx.links.of_identity(person.identity)
        ]
    return found


def letters(tx: Transaction, use: Use, people: tuple[Person, ...]) -> list[Letter]:
    """A letter to each, past the chat; the reason, which may be about somebody, stays out of it."""
    found = []
    for person in people:
        if person.email:
            reader = voice(person.locale)
            told = (
                reader.say("break_glass.headline", who=_who(tx, use)),
                line(tx, use, reader, person.timezone),
                reader.say("break_glass.body"),
                reader.say("break_glass.how", id=use.id),
            )
            subject = reader.say("break_glass.letter_subject")
            found.append(Letter(to=person.email, subject=subject, text="\n\n".join(told) + "\n"))
    return found


def _who(tx: Transaction, use: Use) -> str:
    person = tx.persons.find(identity_from_key(use.identity))
    return person.display_name if person else use.employee
