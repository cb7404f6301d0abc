"""The classifier: what it was learned from, how often it is right, and that small talk changes nothing."""

from __future__ import annotations

import json
import random
import time
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from bot.domain.intent import Intent
from bot.understanding import classifier, training
from bot.understanding.understand import Understanding
from tests.unit.bot.understanding.conftest import MODELS, MONDAY, WRITES

# Measured when written: a fifth held out 0.83 (five-fold), written apart 0.93, of those acted upon 0.99 right.
HELD_OUT_FLOOR = 0.78
APART_FLOOR = 0.90
ACTED_RIGHT_FLOOR = 0.95


def _utterances() -> str:
    return files("bot.understanding").joinpath("utterances.toml").read_text(encoding="utf-8")


def _apart() -> list[training.Example]:
    return training.examples(Path(__file__).with_name("holdout.toml").read_text(encoding="utf-8"))


@cache
def _fifth() -> tuple[classifier.Model, list[training.Example]]:
    """A model that never saw a fifth of the utterances, and that fifth."""
    shuffled = training.examples(_utterances())
    random.Random(1).shuffle(shuffled)
    return training.train(shuffled[len(shuffled) // 5 :]), shuffled[: len(shuffled) // 5]


def _share_right(model: classifier.Model, examples: list[training.Example]) -> float:
    return sum(model.rank(text)[0].capability == capability for text, capability in examples) / len(examples)


def test_the_packaged_model_was_learned_from_these_utterances() -> None:
    stored = json.loads(files("bot.understanding").joinpath("model.json").read_text(encoding="utf-8"))
    assert stored["sources"] == training.fingerprint(), "run python -m bot.understanding.training"


def test_every_capability_has_enough_utterances_in_both_languages() -> None:
    few = {
        (capability, language): len(set(lines))
        for capability, languages in tomllib.loads(_utterances()).items()
        for language, lines in languages.items()
        if len(set(lines)) < 25
    }
    assert few == {}
    assert set(tomllib.loads(_utterances())) == {*MODELS, "help", "sign_in", "other"}


def test_no_sentence_is_learned_under_two_names_or_measured_after_being_learned() -> None:
    learned = [text for text, _ in training.examples(_utterances())]
    assert len(learned) == len(set(learned))
    assert not set(learned) & {text for text, _ in _apart()}


def test_a_fifth_never_seen_is_mostly_recognised() -> None:
    model, held_out = _fifth()
    assert _share_right(model, held_out) >= HELD_OUT_FLOOR


def test_sentences_written_apart_are_recognised() -> None:
    assert _share_right(classifier.packaged(), _apart()) >= APART_FLOOR


def test_what_is_acted_upon_is_right(understanding: Understanding) -> None:
    acted = [
        (text, wanted, got.capability)
        for text, wanted in _apart()
        if isinstance(got := understanding.understand(text, today=MONDAY, locale="en", is_command=False), Intent)
    ]
    right = sum(wanted == got for _, wanted, got in acted)
    assert len(acted) >= len(_apart()) // 2
    assert right / len(acted) >= ACTED_RIGHT_FLOOR


def test_off_topic_is_never_taken_as_a_write(understanding: Understanding) -> None:
    off_topic = [text for text, capability in _apart() if capability == classifier.OTHER]
    assert len(off_topic) > 50
    taken = {
        text: got.capability
        for text in off_topic
        if isinstance(got := understanding.understand(text, today=MONDAY, locale="en", is_command=False), Intent)
        and got.capability in WRITES
    }
    assert taken == {}


def test_off_topic_never_seen_while_learning_is_hardly_ever_taken_as_a_write() -> None:
    model, held_out = _fifth()
    understanding = Understanding(arguments=MODELS, writes=WRITES, titles={}, model=model)
    off_topic = [text for text, capability in held_out if capability == classifier.OTHER]
    taken = [
        text
        for text in off_topic
        if isinstance(got := understanding.understand(text, today=MONDAY, locale="en", is_command=False), Intent)
        and got.capability in WRITES
    ]
    assert len(taken) <= len(off_topic) // 20, taken


def test_storing_loses_nothing_that_matters() -> None:
    model, held_out = _fifth()
    stored = classifier.load(training.serialised(model))
    same = sum(model.rank(text)[0].capability == stored.rank(text)[0].capability for text, _ in held_out)
    assert same / len(held_out) >= 0.98


def test_learning_is_repeatable() -> None:
    few = training.examples(_utterances())[:200]
    assert training.serialised(training.train(few)) == training.serialised(training.train(few))


def test_probabilities_add_up_to_one_and_come_likeliest_first() -> None:
    guesses = classifier.packaged().rank("what is my leave balance")
    assert sum(guess.probability for guess in guesses) == pytest.approx(1)
    assert [guess.probability for guess in guesses] == sorted((guess.probability for guess in guesses), reverse=True)


@pytest.mark.bench
def test_a_message_takes_under_300_microseconds() -> None:
    model, sentences = classifier.packaged(), [text for text, _ in _apart()]
    started = time.perf_counter()
    for text in sentences:
        model.rank(text)
    assert (time.perf_counter() - started) / len(sentences) < 300e-6
