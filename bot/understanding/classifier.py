"""Guesses which capability a sentence asks for, offline: multinomial logistic regression over the features.

Written here because none fits: simplebayes brings a web framework and gives uncalibrated sums, the rest need numpy.
"""

from __future__ import annotations

import array
import base64
import json
import math
from dataclasses import dataclass, field
from importlib.resources import files

from bot.understanding.features import features

OTHER = "other"
"""The class of everything nobody here can do."""

Row = list[tuple[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A capability and how likely it is."""

    capability: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """Weights by feature, one for each label."""

    labels: tuple[str, ...]
    bias: list[float]
    weights: dict[str, list[float]]
    rarity: dict[str, float]
    """How rare a feature is (inverse document frequency)."""
    vocabulary: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        known = frozenset(name[2:] for name in self.weights if name.startswith("w "))
        object.__setattr__(self, "vocabulary", known)

    def probabilities(self, row: Row) -> list[float]:
        """The probability of each label for one row of features."""
        scores = self.bias
        for name, value in row:
            scores = [score + value * weight for score, weight in zip(scores, self.weights[name], strict=True)]
        highest = max(scores)
        powers = [math.exp(score - highest) for score in scores]
        total = sum(powers)
        return [power / total for power in powers]

    def rank(self, text: str) -> list[Guess]:
        """Guesses, likeliest first."""
        likely = self.probabilities(vector(features(text, self.vocabulary), self.rarity))
        ranked = sorted(zip(likely, self.labels, strict=True), reverse=True)
        return [Guess(capability=label, probability=probability) for probability, label in ranked]


def vector(found: dict[str, float], rarity: dict[str, float]) -> Row:
    """A sentence's known features at length one, so that long and short sentences weigh the same."""
    row = [(name, value * rarity[name]) for name, value in found.items() if name in rarity]
    length = math.sqrt(sum(value * value for _, value in row)) or 1.0
    return [(name, value / length) for name, value in row]


def load(document: str) -> Model:
    """Read a model as `training.serialised` writes it."""
    stored = json.loads(document)
    scale: float = stored["scale"]
    weights, rarity = {}, {}
    for name, (rare, packed) in stored["features"].items():
        weights[name] = [scale * step for step in array.array("b", base64.b85decode(packed))]
        rarity[name] = rare
    labels = tuple(stored["labels"])
    return Model(labels=labels, bias=[0.0] * len(labels), weights=weights, rarity=rarity)


def packaged() -> Model:
    """The model that ships with this package."""
    return load(files("bot.understanding").joinpath("model.json").read_text(encoding="utf-8"))
