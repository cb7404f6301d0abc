"""What is understood without guessing: commands, and short fixed phrases."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files

from bot.understanding import commands
from bot.understanding.slots import Filled, Sentence

_TABLE = tomllib.loads(files("bot.understanding").joinpath("phrases.toml").read_text(encoding="utf-8"))
PHRASES = {phrase: name for name, phrases in _TABLE["capabilities"].items() for phrase in phrases}

GREETINGS = frozenset(_TABLE["talk"]["greetings"])
THANKS = frozenset(_TABLE["talk"]["thanks"])
NEVER_MIND = frozenset(_TABLE["talk"]["never_mind"])
_POLITE = re.compile(
    r"^(?:please|pls|bitte|hi|hey|hello|hallo|ok|so)\s+|\s+(?:please|pls|bitte|thanks|thank you|danke|now|jetzt)$"
)


def fixed(text: str) -> str:
    """A phrase as it is looked up: lower case, without politeness at its edges and without marks."""
    plain = " ".join(re.sub(r"[^\w\s'?/-]", " ", text[:120].casefold().replace("’", "'")).split())
    plain = plain if plain == "?" else plain.rstrip("?").strip()
    if plain in PHRASES or plain in GREETINGS or plain in THANKS:
        return plain
    return _POLITE.sub("", _POLITE.sub("", plain)).strip()


def phrase(text: str) -> commands.Called | None:
    """The capability a fixed phrase stands for. What is missing is asked for as for every sentence."""
    name = PHRASES.get(fixed(text))
    return None if name is None else commands.Called(capability=name, filled=Filled())


def command(line: str, sentence: Sentence, *, is_command: bool) -> commands.Called | None:
    """The command a line calls, or None."""
    return commands.called(line, sentence, is_command=is_command)
