"""How a change that waits is shown: the question to administrators, the alarm, a line of the list, the letter."""

from __future__ import annotations

from bot.domain.answer import Button, Draft, Posting
from bot.domain.cards import ActionStyle, Card, Status
from bot.domain.change import ENROLMENT, Change
from bot.domain.identity import Person
from bot.domain.intent import Intent, Origin
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.ports.mail import Letter
from bot.services import changes
from bot.services.delivery import direct_place
from bot.services.people import identity_from_key
from bot.texts.formats import moment
from bot.texts.sentences import Voice, voice


def line(tx: Transaction, change: Change, reader: Voice, timezone: str) -> str:
    """What, for whom, and what it waits for."""
    return f"{_what(tx, change, reader)} · {_waits_for(change, reader, timezone)}"


def _what(tx: Transaction, change: Change, reader: Voice) -> str:
    wanted, say = change.wanted, reader.say
    role = wanted.arguments.get("role", "")
    said = say(f"admin.{wanted.capability}.shown", name=changes.target_name(tx, change))
    return f"{said}: {say(f'roles.{role}')}" if role else said


def _waits_for(change: Change, reader: Voice, timezone: str) -> str:
    if change.due_at is None:
        return reader.say("changes.waits.second")
    return reader.say("changes.waits.day", at=moment(change.due_at, timezone, reader.language))


def cancel_button(change: Change, reader: Voice) -> Button:
    """Cancels it, for whoever may."""
    intent = Intent(capability="cancel_change", arguments={"change": change.id}, origin=Origin.PRESS)
    return Button(label=reader.say("changes.cancel_button", id=change.id), intent=intent, style=ActionStyle.DANGER)


def _agree_button(tx: Transaction, change: Change, reader: Voice) -> Button:
    wanted = change.wanted
    arguments: dict[str, str | int | bool | None] = dict(wanted.arguments)
    if "#" in wanted.target:
        arguments["person"] = changes.target_name(tx, change)
    else:
        arguments["tenant"] = wanted.target
    intent = Intent(capability=wanted.capability, arguments=arguments, origin=Origin.PRESS)
    return Button(label=reader.say("changes.agree_button"), intent=intent, style=ActionStyle.PRIMARY, opens_dialog=True)


def postings(tx: Transaction, change: Change, readers: tuple[Person, ...]) -> list[Posting]:
    """A card in every chat of each administrator."""
    found: list[Posting] = []
    for person in readers:
        reader = voice(person.locale)
        asks = change.due_at is None and person.identity.key not in change.agreed
        card = Card(
            headline=_what(tx, change, reader),
            body=_waits_for(change, reader, person.timezone),
            status=Status.WAITING if change.due_at is None else Status.NEEDS_PROOF,
            quiet=reader.say("changes.by", who=_who(tx, change), id=change.id),
        )
        buttons = (cancel_button(change, reader),)
        draft = Draft(card=card, buttons=((_agree_button(tx, change, reader), *buttons) if asks else buttons))
        found += [
            Posting(draft=draft, to=link.channel, place=direct_place(link.channel), notice=Notice.CHANGE_WAITS)
            for link in tx.links.of_identity(person.identity)
        ]
    return found


def letters(tx: Transaction, change: Change, readers: tuple[Person, ...]) -> list[Letter]:
    """A letter to each, past the chat."""
    found = []
    for person in readers:
        if not person.email:
            continue
        reader = voice(person.locale)
        body = f"{_what(tx, change, reader)}\n{_waits_for(change, reader, person.timezone)}"
        who = reader.say("changes.by", who=_who(tx, change), id=change.id)
        text = f"{body}\n\n{who}\n\n{reader.say('changes.letter_next')}\n"
        found.append(Letter(to=person.email, subject=reader.say("changes.letter_subject"), text=text))
    return found


def _who(tx: Transaction, change: Change) -> str:
    person = tx.persons.find(identity_from_key(change.proposed_by)) if "#" in change.proposed_by else None
    return person.username if person else change.proposed_by


def done_by_itself(change: Change) -> bool:
    """Whether the job does it; an enrolment code is shown to whoever asked for it, who says the command again."""
    return change.wanted.capability != ENROLMENT
