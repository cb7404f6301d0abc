"""Sentences about a request that is made already: other days for it, a question back, and the answer to one."""

from __future__ import annotations

import re

from bot.domain.iban import NoAccountNumber, normal
from bot.understanding import entities
from bot.understanding.commands import Called
from bot.understanding.dates import Days, days_in
from bot.understanding.slots import Arguments, Filled, Sentence

_LEAVE = r"(?:leave|vacation|holidays?|time off|days off|pto|urlaub(?:s\w*)?|abwesenheit)"
_SAID_POLITELY = re.compile(
    r"^(?:please|pls|bitte|can you|could you|i(?:'d| would) like to|i want to|kannst du|könntest du)[,\s]+",
    re.IGNORECASE,
)
_CHANGES = (
    rf"^(?:change|move|shift|reschedule|postpone)\s+my\s+(?:\w+\s+)?{_LEAVE}\b",
    rf"^(?:änder|verschieb|verleg)e?\s+(?:bitte\s+)?meinen?\s+(?:\w+\s+)?{_LEAVE}\b",
    (
        rf"^(?:ich\s+(?:möchte|will|würde gern)\s+)?meinen\s+(?:\w+\s+)?{_LEAVE}\b.{{0,80}}"
        r"\b(?:ändern|verschieben|verlegen)\b"
    ),
)
_ASKS = (
    rf"^ask\s+\S{{1,60}}\s+(?:about|for\s+more\s+about|for\s+more\s+on)\s+(?:\w+\s+)?{_LEAVE}\b[^:]{{0,60}}(?::\s*(?P<text>.{{1,500}}))?$",
    r"^ask\s+(?:\S{1,60}\s+)?for\s+more(?:\s+information|\s+details)?\s*(?::\s*(?P<text>.{1,500}))?$",
    rf"^frage?\s+\S{{1,60}}\s+(?:zu|nach|wegen)\s+(?:\w+\s+)?{_LEAVE}\b[^:]{{0,60}}(?::\s*(?P<text>.{{1,500}}))?$",
)
_ANSWERS = (r"^(?:my\s+|meine\s+)?(?:answer|reply|antwort)\s*:\s*(?P<text>.{1,500})$",)


def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)


_MEANT = {
    "change_leave": _compiled(_CHANGES),
    "ask_about_leave": _compiled(_ASKS),
    "answer_about_leave": _compiled(_ANSWERS),
}
_FROM_TO = re.compile(r"\bfrom\b|\bvom\b|\bvon\b", re.IGNORECASE)
_ACCOUNT = re.compile(r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]){11,30}\b", re.IGNORECASE)


def meant(line: str, sentence: Sentence) -> Called | None:
    """What is to happen to a request that waits; which one is asked for. None where it says no such thing."""
    said = _SAID_POLITELY.sub("", line)
    for capability, patterns in _MEANT.items():
        found = next((match for pattern in patterns if (match := pattern.search(said))), None)
        if found is None:
            continue
        arguments: Arguments = {"leave": entities.leave(said)}
        if capability == "change_leave":
            arguments |= _new_days(sentence)
        else:
            arguments["text"] = (found["text"] or "").strip()
        filled = Filled(arguments={name: value for name, value in arguments.items() if value})
        return Called(capability=capability, filled=filled)
    return None


def _new_days(sentence: Sentence) -> Arguments:
    """The days it moves to. “From … to …” may name the old ones: then they are asked for."""
    days = days_in(sentence.text, today=sentence.today, locale=sentence.locale)
    if not isinstance(days, Days) or _FROM_TO.search(sentence.text):
        return {}
    return {"start": days.start.isoformat(), "end": days.end.isoformat()}


def bank_account(line: str) -> Called | None:
    """The page for it, where somebody typed an account's number into the chat: it is never taken from there."""
    for found in _ACCOUNT.finditer(line):
        words = found[0].split()
        # "DE89 3704 … 00 please": what follows the number may look like more of it.
        if any(_is_account(" ".join(words[:count])) for count in range(1, len(words) + 1)):
            return Called(capability="bank_change", filled=Filled())
    return None


def _is_account(typed: str) -> bool:
    try:
        normal(typed)
    except NoAccountNumber:
        return False
    return True
