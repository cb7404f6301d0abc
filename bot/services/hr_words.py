"""What the HR system calls things, in the reader's language where we know its code; else in the system's own word."""

from __future__ import annotations

from bot.texts.sentences import Voice


def kind_name(code: str, own_word: str, reader: Voice) -> str:
    """A kind of leave."""
    return _named(f"hr.kinds.{code}", own_word, reader)


def holiday_name(code: str, own_word: str, reader: Voice) -> str:
    """A public holiday."""
    return _named(f"hr.holidays.{code}", own_word, reader)


def _named(key: str, own_word: str, reader: Voice) -> str:
    return reader.say(key) if key.rpartition(".")[2] and reader.has(key) else own_word
