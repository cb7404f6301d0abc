"""What the classifier sees of a sentence: words, their concepts, and pieces of words; never a name, number or date."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

WORDS_SEEN = 60
"""Nobody asks for one thing in more words; the rest is not read, which also bounds the time."""

_REFERENCE = re.compile(r"\b[a-z]{1,3}-\d+\b|#\d+\b")
_WORD = re.compile(r"<id>|[^\W\d_]+(?:_[^\W\d_]+)*(?:'[^\W\d_]+)?|\d[\d./:-]*")
_CONTRACTIONS = frozenset(
    {"what's", "who's", "how's", "it's", "that's", "where's", "there's", "let's", "here's", "he's", "she's"}
)


class Lexicon:
    """Which words mean the same here (`lexicon.toml`), and which words of the utterances are names."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._exact: dict[str, str] = {}
        prefixes: list[tuple[str, str]] = []
        for concept, words in table["concepts"].items():
            for word in words:
                if word.endswith("*"):
                    prefixes.append((word[:-1], concept))
                else:
                    self._exact.setdefault(word, concept)
        self._prefixes = dict(reversed(prefixes))
        self._months = frozenset(table["masked"]["months"])
        self._days = frozenset(table["masked"]["days"])
        self._longest = max(map(len, self._prefixes))
        names = [name for group in table["names"].values() for name in group]
        self.not_people = frozenset(table["no_names"]["people"])
        self.not_customers = frozenset(table["no_names"]["customers"])
        self.names = frozenset(names) | {f"{name}s" for name in names}

    def masked(self, word: str) -> str:
        """The word, or what kind of word it is where the word itself says nothing about the matter."""
        if word[0].isdigit():
            return "<n>"
        if word in self._months:
            return "<month>"
        if word in self._days:
            return "<day>"
        return "<x's>" if word.endswith("'s") and word not in _CONTRACTIONS else word

    def concept(self, word: str) -> str | None:
        """The concept a word stands for; the longest matching beginning decides."""
        if word in self._exact:
            return self._exact[word]
        for length in range(min(len(word), self._longest), 1, -1):
            found = self._prefixes.get(word[:length])
            if found:
                return found
        return None


@cache
def lexicon() -> Lexicon:
    """The package's lexicon, read once."""
    return Lexicon(tomllib.loads(files("bot.understanding").joinpath("lexicon.toml").read_text(encoding="utf-8")))


def words(text: str) -> list[str]:
    """The words of a sentence, with numbers, references, months and weekdays masked."""
    plain = _REFERENCE.sub(" <id> ", text.lower().replace("’", "'"))
    return [lexicon().masked(match.group()) for match, _ in zip(_WORD.finditer(plain), range(WORDS_SEEN), strict=False)]


def concepts(text: str) -> frozenset[str]:
    """The concepts a sentence mentions, `<id>`, `<n>` and the like included."""
    known = lexicon()
    return frozenset(word if word[0] == "<" else known.concept(word) or "" for word in words(text)) - {""}


def features(text: str, vocabulary: frozenset[str] | None) -> dict[str, float]:
    """Features and their weights. Words outside the vocabulary count as a name (`<x>`) and by their pieces."""
    known = lexicon()
    found: dict[str, float] = {}
    read: list[str] = []
    meant: list[str] = []
    for word in words(text):
        concept = word if word[0] == "<" else known.concept(word)
        named = word in known.names or (vocabulary is not None and concept is None and word not in vocabulary)
        if word[0] != "<" and word not in known.names:
            found.update((piece, 0.5) for piece in _pieces(word))
        read.append("<x>" if named else word)
        meant.append("<x>" if named else concept or word)
    found.update((f"w {word}", 1.0) for word in read)
    found.update((f"b {pair}", 0.7) for pair in _neighbours(read))
    found.update((f"n {pair}", 0.7) for pair in _neighbours(meant))
    mentioned = sorted({item for item, word in zip(meant, read, strict=True) if item != word or item[0] == "<"})
    found.update((f"c {item}", 1.5) for item in mentioned)
    found.update((f"p {left} {right}", 1.0) for left, right in _pairs(mentioned))
    return found


def _pieces(word: str) -> Iterator[str]:
    padded = f"^{word}$"
    return (f"3 {padded[at : at + 3]}" for at in range(min(len(padded), 24) - 2))


def _neighbours(items: list[str]) -> Iterable[str]:
    padded = ["^", *items, "$"]
    return (f"{left} {right}" for left, right in pairwise(padded))


def _pairs(items: list[str]) -> Iterator[tuple[str, str]]:
    # Twelve concepts in one sentence are a list of words, not a wish: quadratic only up to there.
    few = items[:12]
    return ((left, right) for at, left in enumerate(few) for right in few[at + 1 :])
