"""Sentences that name who decides meanwhile: “sarah stands in for me from 3 to 7 March”, „Sarah vertritt mich …“."""

from __future__ import annotations

import re

from bot.understanding import entities
from bot.understanding.commands import Called
from bot.understanding.dates import Days, days_in
from bot.understanding.slots import Filled, Sentence

_NAME = r"@?(?P<name>[^\W\d_][\w.'’-]{0,60}(?:@[\w.-]+)?)(?:\s+[^\W\d_][\w'’-]{0,60})?"
_WILL = r"(?:will|shall|should|can|is going to|'ll)"
_SAID = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^{_NAME}\s+(?:{_WILL}\s+)?(?:stands?|standing|covers?|fills?|deputi[sz]es?|decides?)\s+(?:in\s+)?for\s+me\b",
        rf"^{_NAME}\s+(?:is|will be|should be|becomes)\s+my\s+(?:substitute|deputy|stand-?in|cover)\b",
        rf"^(?:make|name|set|appoint)\s+{_NAME}\s+(?:as\s+|to be\s+)?my\s+(?:substitute|deputy|stand-?in)\b",
        rf"^{_NAME}\s+vertritt\s+mich\b",
        rf"^{_NAME}\s+(?:soll|wird|kann)\s+mich\s+.{{0,80}}?\bvertreten\b",
        rf"^{_NAME}\s+(?:ist|wird)\s+meine\s+(?:stell)?vertretung\b",
        rf"^{_NAME}\s+(?:entscheidet|springt)\s+(?:.{{0,80}}?\s)?für\s+mich\b",
    )
)
_POLITE = re.compile(r"^(?:please|pls|bitte)[,\s]+", re.IGNORECASE)
_NOBODY = frozenset({"who", "somebody", "someone", "nobody", "anybody", "anyone", "wer", "jemand", "niemand", "he",
                     "she", "they", "it", "er", "sie", "es", "i", "ich", "you", "du", "that", "das", "this", "does",
                     "please", "bitte", "there"})  # fmt: skip


def named(line: str, sentence: Sentence) -> Called | None:
    """Who is to decide in one's place, and on which days; what is missing is asked for. None where it says no such."""
    said = _POLITE.sub("", line)
    for pattern in _SAID:
        found = pattern.search(said)
        if found is None:
            continue
        name = found["name"].rstrip(".'’")
        if name.casefold() in _NOBODY or not entities.may_be_name(name):
            return None
        days = days_in(sentence.text, today=sentence.today, locale=sentence.locale)
        arguments: dict[str, object] = {"substitute": name}
        if isinstance(days, Days):
            arguments |= {"start": days.start.isoformat(), "end": days.end.isoformat()}
        return Called(capability="name_substitute", filled=Filled(arguments=arguments))
    return None
