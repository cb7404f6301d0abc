"""What is signed where no system has more to say of it than the canonical action."""

from __future__ import annotations

import re
from datetime import date

from bot.capabilities.model import Capability
from bot.domain.action import CanonicalAction
from bot.domain.cards import Fact
from bot.domain.proposal import Shown
from bot.services.break_glass_cards import finding_in_words
from bot.services.turns import Turn
from bot.texts.formats import full_day
from bot.texts.sentences import Voice
from policy.model import EVERY_DEPARTMENT

DAY = re.compile(r"\d{4}-\d\d-\d\d")
"""An argument that is a day; those of working hours are times, and stay as they are."""


def plain_shown(turn: Turn, capability: Capability) -> Shown:
    """What is signed where no system has more to say: generated from the canonical action."""
    assert turn.action is not None
    assert turn.facts is not None
    say = turn.voice.say
    name = _display(turn, turn.action)
    own = turn.facts.owner is not None and turn.facts.owner == turn.person.employee
    headline = say(f"{capability.group}.{capability.name}.{'own' if own else 'shown'}", name=name)
    facts = [
        Fact(label=say(f"arguments.{key}"), value=_in_words(turn.voice, key, value))
        for key, value in turn.action.arguments.items()
        if value not in ("", None)
    ]
    return Shown(headline=headline, facts=tuple(facts))


def _in_words(reader: Voice, name: str, value: object) -> str:
    if isinstance(value, bool):
        return reader.say("common.yes" if value else "common.no")
    if name == "role":
        return reader.say(f"roles.{value}")
    if name == "finding":
        return finding_in_words(reader, str(value))
    if name in {"start", "end"} and DAY.fullmatch(str(value)):
        return full_day(date.fromisoformat(str(value)), reader.language)
    return reader.say("admin.everywhere") if (name, value) == ("scope", EVERY_DEPARTMENT) else str(value)


def _display(turn: Turn, action: CanonicalAction) -> str:
    """How the resource is named to the person: as they typed it, or by its id."""
    typed = turn.intent.arguments.get("person") if turn.intent else None
    return str(typed or action.resource.id)
