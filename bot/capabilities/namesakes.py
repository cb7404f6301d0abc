"""Whom somebody means where a name is that of several people: asked back before anything is consented to."""

from __future__ import annotations

from dataclasses import dataclass

from bot.capabilities.model import Capability, Effect, Group
from bot.domain.answer import Answer, Button, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Card, Status
from bot.domain.identity import Person
from bot.domain.intent import ArgumentValue, Intent, Origin
from bot.ports.database import Database, Transaction
from bot.services.people import exact_name, named
from bot.services.turns import Ending, Turn, end

MOST = 5
PRINCIPAL = "principal:"
NAMED_BY = {"name_substitute": "substitute"}
"""Which argument names somebody of ours; `person` in administration. Another `person` is the HR system's to know."""
Choice = tuple[str, Person]


@dataclass(frozen=True, slots=True, kw_only=True)
class Namesakes:
    """Looked up only once policy has not denied: who there is, is for those to know who may do something with them."""

    database: Database

    async def which(self, turn: Turn, capability: Capability) -> Ending | None:
        """A question with everybody it may be; None where it is clear, or nobody."""
        ours = capability.group is Group.ADMIN or capability.name in NAMED_BY
        name = _meant(turn, capability) if ours and turn.proposal is None else ""
        if not name or "#" in name:
            return None
        found = await self.database.read(lambda tx: _choices(tx, name))
        return None if len(found) < 2 else _question(turn, capability, name, found)


def _choices(tx: Transaction, name: str) -> list[Choice]:
    found = named(tx, name)
    return [(exact_name(tx, person), person) for person in found] if len(found) > 1 else []


def _argument(capability: Capability) -> str:
    return NAMED_BY.get(capability.name, "person")


def _meant(turn: Turn, capability: Capability) -> str:
    """The name as it was said: of the person it is about, or in the words of a search."""
    assert turn.intent is not None
    arguments = turn.intent.arguments
    words = [word for word in str(arguments.get("query", "")).split() if word.startswith(PRINCIPAL)]
    return str(arguments.get(_argument(capability)) or (words[-1].removeprefix(PRINCIPAL) if words else ""))


def _instead(
    arguments: dict[str, ArgumentValue], capability: Capability, name: str, exact: str
) -> dict[str, ArgumentValue]:
    if arguments.get(_argument(capability)):
        return {**arguments, _argument(capability): exact}
    words = str(arguments["query"]).split()
    return {**arguments, "query": " ".join(PRINCIPAL + exact if word == PRINCIPAL + name else word for word in words)}


def _question(turn: Turn, capability: Capability, name: str, found: list[Choice]) -> Ending:
    assert turn.intent is not None
    say = turn.voice.say
    buttons = tuple(
        Button(
            label=say(
                "namesakes.choice", name=name if "#" in exact else exact, shown=person.display_name, at=person.provider
            ),
            intent=Intent(
                capability=turn.intent.capability,
                arguments=_instead(dict(turn.intent.arguments), capability, name, exact),
                origin=Origin.PRESS,
            ),
            opens_dialog=capability.effect is Effect.WRITE,
        )
        for exact, person in found[:MOST]
    )
    card = Card(
        headline=say("namesakes.headline", name=name, count=len(found)),
        body=say("namesakes.body", name=found[0][0]),
        status=Status.PLAIN,
    )
    answer = Answer(draft=Draft(card=card, buttons=buttons), code="person.ambiguous")
    return end(turn, EventType.MESSAGE_NOT_UNDERSTOOD, "", answer)
