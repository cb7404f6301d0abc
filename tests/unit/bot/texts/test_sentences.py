"""The sentences themselves: found by language, written as each language is written, and true of what can be typed."""

import re
from collections.abc import Iterator
from datetime import date

import pytest

from bot.capabilities.catalogue import CATALOGUE
from bot.capabilities.model import Effect
from bot.domain.intent import Question
from bot.texts.sentences import DEFAULT_LANGUAGE, _flat, language_of, languages, voice
from bot.understanding.understand import Understanding

MARKS = {"en": ("“", "”"), "de": ("„", "“")}
EXAMPLE = {"de": "Nordwind", "en": "Northwind"}
LONGEST_BUTTON = 24
"""Slack's limit for a modal's title, submit and close (docs.slack.dev, views)."""
NOT_UNDERSTOOD = {"understanding.unknown", "understanding.did_you_mean", "understanding.command_unknown"}


def _sentences(language: str) -> Iterator[tuple[str, str]]:
    for key, text in _flat(language).items():
        for form, sentence in text.items() if isinstance(text, dict) else [("", text)]:
            yield f"{key}.{form}".rstrip("."), sentence


@pytest.fixture(scope="module")
def understanding() -> Understanding:
    return Understanding(
        arguments={entry.name: entry.arguments for entry in CATALOGUE},
        writes=frozenset(entry.name for entry in CATALOGUE if entry.effect is Effect.WRITE),
        titles={entry.name: entry.title_key for entry in CATALOGUE},
    )


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("de_CH", "de"),
        ("DE", "de"),
        ("en-US", "en"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
        ("../../secret", "en"),
    ],
)
def test_a_locale_has_a_language_or_english(locale: str | None, language: str) -> None:
    assert language_of(locale) == language
    assert voice(locale).language == language


def test_an_unknown_key_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        voice("en").say("no.such.key")
    assert not voice("en").has("no.such.key")


def test_what_a_person_wrote_is_filled_in_as_it_stands() -> None:
    assert voice("de").say("account.whoami.headline", name="{headline} {0.__class__}") == (
        "Du bist {headline} {0.__class__}."
    )


@pytest.mark.parametrize("language", languages())
def test_sentences_are_neither_empty_nor_ragged(language: str) -> None:
    ragged = [key for key, text in _sentences(language) if not text.strip() or text != text.strip() or "  " in text]
    assert ragged == []


@pytest.mark.parametrize("language", languages())
def test_quotation_marks_are_those_of_the_language(language: str) -> None:
    opening, closing = MARKS[language]
    foreign = "".join({*"“”„\"'’‚‘«»"} - {opening, closing, *("'" if language == "en" else "")})
    wrong = [
        key
        for key, text in _sentences(language)
        if any(mark in text for mark in foreign) or text.count(opening) != text.count(closing)
    ]
    assert wrong == []


def test_german_says_du() -> None:
    formal = re.compile(r"\b(Ihnen|Ihre?[mnrs]?|[a-zäöüß]+ Sie|\w+en Sie|Sie (haben|sind|\w+ten))\b")
    assert [key for key, text in _sentences("de") if formal.search(text)] == []


@pytest.mark.parametrize("language", languages())
def test_what_a_dialog_shows_in_full_is_short(language: str) -> None:
    shown = re.compile(r"consent\.verbs\..+|(dialog\.elsewhere|slack\.loading_)\.?title")
    texts = {key: text for key, text in _sentences(language) if shown.fullmatch(key)}
    assert len(texts) > 2
    assert {key for key, text in texts.items() if len(text) > LONGEST_BUTTON} == set()


def _quoted() -> Iterator[tuple[str, str, str]]:
    """What a sentence tells people to type."""
    for language in languages():
        opening, closing = MARKS[language]
        for key, text in _sentences(language):
            if re.match(r"(help|deny|failed|session|web)\.", key):
                for words in re.findall(f"{opening}([^{closing}{{]+){closing}", text):
                    yield language, key, words


@pytest.mark.parametrize(("language", "key", "words"), sorted(set(_quoted())))
def test_what_we_tell_people_to_type_is_understood(
    understanding: Understanding, language: str, key: str, words: str
) -> None:
    typed = words.replace("…", EXAMPLE[language])
    heard = understanding.understand(typed, today=date(2026, 11, 23), locale=language, is_command=False)
    assert not (isinstance(heard, Question) and heard.text_key in NOT_UNDERSTOOD)


def test_something_is_told_to_be_typed_in_every_language() -> None:
    assert {language for language, _, _ in _quoted()} == {*languages(), DEFAULT_LANGUAGE}
