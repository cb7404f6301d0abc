"""Learns the classifier's weights from `utterances.toml`: multinomial logistic regression, seeded, in plain Python.

`python -m bot.understanding.training` writes `model.json` anew; a test asserts that it is what the utterances give.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import random
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from bot.understanding.classifier import Model, vector
from bot.understanding.features import features, words

EPOCHS = 8
RATE = 4.0
LARGEST = 127
_SOURCES = ("utterances.toml", "lexicon.toml", "features.py", "training.py")

Example = tuple[str, str]


def examples(document: str) -> list[Example]:
    """Pairs of utterance and capability from a file of utterances."""
    return [
        (utterance, capability)
        for capability, languages in tomllib.loads(document).items()
        for utterances in languages.values()
        for utterance in utterances
    ]


def fingerprint() -> str:
    """What the model depends on, as one digest."""
    package = files("bot.understanding")
    digest = hashlib.sha256()
    for name in _SOURCES:
        digest.update(package.joinpath(name).read_bytes())
    return digest.hexdigest()


def train(learned_from: Sequence[Example], *, seed: int = 0) -> Model:
    """Learn a model; the same examples and seed give the same weights."""
    vocabulary = frozenset(_frequent(words(text) for text, _ in learned_from))
    seen = [(features(text, vocabulary), capability) for text, capability in learned_from]
    labels = tuple(sorted({capability for _, capability in seen}))
    counts = _frequent(found for found, _ in seen)
    rarity = {name: math.log((len(seen) + 1) / (count + 0.5)) for name, count in counts.items()}
    empty = Model(
        labels=labels, bias=[0.0] * len(labels), weights={name: [0.0] * len(labels) for name in rarity}, rarity=rarity
    )
    _descend(empty, [(vector(found, rarity), labels.index(capability)) for found, capability in seen], seed)
    return empty


def _frequent(documents: Iterable[Iterable[str]]) -> dict[str, int]:
    counts = Counter(item for document in documents for item in set(document))
    return {item: count for item, count in sorted(counts.items()) if count > 1}


def _descend(model: Model, rows: list[tuple[list[tuple[str, float]], int]], seed: int) -> None:
    order = random.Random(seed)  # noqa: S311 - the order of learning, not a secret
    for epoch in range(EPOCHS):
        order.shuffle(rows)
        step = RATE / (1 + 0.2 * epoch)
        for row, label in rows:
            wrong = model.probabilities(row)
            wrong[label] -= 1
            moved = [(at, step * error) for at, error in enumerate(wrong) if abs(error) > 0.01]
            for name, value in row:
                weights = model.weights[name]
                for at, change in moved:
                    weights[at] -= change * value


def serialised(model: Model) -> str:
    """The model as JSON, one feature a line, weights in steps of 1/127 of the largest."""
    largest = max(abs(weight) for weights in model.weights.values() for weight in weights)
    scale = largest / LARGEST
    lines = [
        f"{json.dumps(name, ensure_ascii=False)}:[{round(model.rarity[name], 3)},{json.dumps(_packed(weights, scale))}]"
        for name, weights in sorted(model.weights.items())
    ]
    head = json.dumps({"sources": fingerprint(), "labels": model.labels, "scale": scale})
    return head[:-1] + ',"features":{\n' + ",\n".join(lines) + "\n}}\n"


def _packed(weights: list[float], scale: float) -> str:
    return base64.b85encode(bytes(round(weight / scale) & 0xFF for weight in weights)).decode()


def main() -> None:
    """Write `model.json` beside this module."""
    document = files("bot.understanding").joinpath("utterances.toml").read_text(encoding="utf-8")
    Path(__file__).with_name("model.json").write_text(serialised(train(examples(document))), encoding="utf-8")


if __name__ == "__main__":
    main()
