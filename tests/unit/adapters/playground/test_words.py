"""The playground's own words: every sentence of its page and scripts is there in German, filled with the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from adapters.playground import glass_door, tour, words
from bot.bootstrap.demo import TITLES

HERE = Path(words.__file__).parent
GERMAN = words.words_of("de")
HOLES = re.compile(r"\{\d\}")


def asked_for() -> set[str]:
    """What the page, its scripts, the tour and the glass door say."""
    sources = [*HERE.glob("static/*.js"), HERE / "templates/playground.html"]
    found = [match for path in sources for match in re.findall(r"""\bt\((["'])(.+?)\1""", path.read_text())]
    said = {text for _, text in found} | set(TITLES.values()) | {"An hour passed.", glass_door.age(0)}
    said |= {*glass_door.NAMES.values(), *glass_door.WORDS.values(), glass_door.NOT_REACHED}
    said |= {title for titles in glass_door.TITLES.values() for title in titles.values()}
    said |= {text for step in tour.TOUR for text in (step.say, step.why)} | {one.does for one in tour.COMMANDS}
    return said | set(re.findall(r'\("([a-z]+)", ', Path(glass_door.__file__).read_text()))


def test_nothing_is_missing_and_nothing_is_left_over() -> None:
    assert asked_for() - set(GERMAN) == set()
    assert set(GERMAN) - asked_for() == set()


@pytest.mark.parametrize("english", [text for text in GERMAN if HOLES.search(text)])
def test_what_is_filled_in_is_the_same(english: str) -> None:
    assert sorted(HOLES.findall(GERMAN[english])) == sorted(HOLES.findall(english))


def test_what_has_no_translation_stays_english() -> None:
    assert words.words_of("en") == {}
    assert words.translated("fr", "{0}'s phone", "mia") == "mia's phone"
    assert words.translated("de", "{0}'s phone", "mia") == "Telefon von mia"
