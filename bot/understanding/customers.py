"""Which customer a sentence names, as typed: after the word, after a preposition, or whatever means nothing else."""

from __future__ import annotations

import re

from bot.understanding.entities import NAME_LONGEST, unknown_words
from bot.understanding.features import lexicon

_QUOTED = re.compile(r"[\"“„«]([^\"“”„»]{1,80})[\"”“»]")
_REFERENCE = re.compile(r"(?<![\w-])[A-Za-z]{1,3}-\d{1,12}(?![\w-])")
_KIND = re.compile(
    r"\b(?:customers?|custmer|clients?|kunden?|kundin|kudne|firma|company)\s+(?:called\s+|named\s+|namens\s+)?",
    re.IGNORECASE,
)
_POSSESSIVE = re.compile(r"(?<![\w-])([^\W\d_][\w.&-]*)['’]s(?!\w)")
_PREPOSITION = re.compile(
    r"\b(?:of|for|from|at|with|to|in the crm for|about|von|für|bei|mit|an|nach|zu|der firma|über)\s+"
    r"(?:(?:the|our|den|dem|der)\s+)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"\s*([\w&.'’+-]+)")
_JOINING = frozenset({"of", "and", "und", "&", "der", "the", "de", "van", "von"})
_NO_CUSTOMER = frozenset({"what", "who", "it", "that", "there", "let", "here", "where", "how", "he", "she"})


def customer(text: str, vocabulary: frozenset[str]) -> str:
    """The customer's name or id as typed; empty where none is named."""
    for pattern in (_QUOTED, _REFERENCE):
        match = pattern.search(text)
        if match is not None:
            return (match[1] if pattern is _QUOTED else match[0]).strip()[:NAME_LONGEST]
    for match in _KIND.finditer(text):
        name = _name_at(text, match.end())
        if name:
            return name
    possessive = next((match[1] for match in _POSSESSIVE.finditer(text) if match[1].casefold() not in _NO_CUSTOMER), "")
    if possessive:
        return possessive
    for match in _PREPOSITION.finditer(text):
        name = _name_at(text, match.end())
        if name:
            return name
    return _unknown_run(text, vocabulary)


def _name_at(text: str, at: int) -> str:
    """The words from here on that can be a name: up to a word that means something."""
    taken: list[str] = []
    match = _WORD.match(text, at)
    while match is not None and len(taken) < 6:
        word = match[1].strip(".'’")
        following = _WORD.match(text, match.end())
        joins = bool(taken) and word.casefold() in _JOINING and following is not None and following[1][0].isupper()
        if not word or not (joins or _may_be_part(word)):
            break
        taken.append(word)
        match = following
    return " ".join(taken)[:NAME_LONGEST]


def _may_be_part(word: str) -> bool:
    if word[0].isupper() and not word.islower() and word.casefold() not in lexicon().not_customers:
        return True
    return word.casefold() not in lexicon().not_customers and lexicon().concept(word.casefold()) is None


def _unknown_run(text: str, vocabulary: frozenset[str]) -> str:
    unknown = list(dict.fromkeys(unknown_words(text, vocabulary)))
    name = " ".join(unknown)
    return name[:NAME_LONGEST] if 0 < len(unknown) <= 3 and name in text else ""
