"""Every sentence a person reads, by key and language; one TOML file a language, one table an area."""

from __future__ import annotations

import tomllib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from babel import Locale

DEFAULT_LANGUAGE = "en"
MAX_ACCEPTED = 500
"""Characters of an Accept-Language header that are read."""


@cache
def languages() -> tuple[str, ...]:
    """The languages there is a file for; adding a file adds a language."""
    files = resources.files("bot.texts").iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def _flat(language: str) -> dict[str, str | dict[str, str]]:
    tree = tomllib.loads(resources.files("bot.texts").joinpath(f"{language}.toml").read_text(encoding="utf-8"))
    flat: dict[str, str | dict[str, str]] = {}

    def walk(prefix: str, node: dict[str, Any]) -> None:
        for key, value in node.items():
            path = f"{prefix}.{key}" if prefix else key
            if isinstance(value, dict) and "other" not in value:
                walk(path, value)
            else:
                flat[path] = value

    walk("", tree)
    return flat


def keys(language: str) -> frozenset[str]:
    """The keys a language has; a test demands the same of every language."""
    return frozenset(_flat(language))


@cache
def _plural(language: str) -> Any:  # noqa: ANN401 - Babel's PluralRule is untyped
    return Locale.parse(language).plural_form


def language_of(locale: str | None) -> str:
    """The language of a locale such as `de-AT`, or English where there is no file for it."""
    language = (locale or DEFAULT_LANGUAGE).replace("_", "-").split("-")[0].lower()
    return language if language in languages() else DEFAULT_LANGUAGE


@dataclass(frozen=True, slots=True)
class Voice:
    """The texts in one reader's language."""

    language: str

    def say(self, key: str, **values: object) -> str:
        """The sentence under `key`. With `count`, the plural form of the language (CLDR). Raises `KeyError`."""
        entry = _flat(self.language).get(key)
        if entry is None:
            entry = _flat(DEFAULT_LANGUAGE)[key]
        if isinstance(entry, dict):
            count = values.get("count", 0)
            form = _plural(self.language)(count)
            entry = entry.get(form, entry["other"])
        return entry.format(**values)

    def has(self, key: str) -> bool:
        """Whether there is a sentence under `key`."""
        return key in _flat(self.language) or key in _flat(DEFAULT_LANGUAGE)


@cache
def voice(locale: str | None) -> Voice:
    """The voice for a locale."""
    return Voice(language_of(locale))


def accepted(header: str) -> Voice:
    """The voice of the first language an Accept-Language header asks for that has a file (RFC 9110 §12.5.4)."""
    asked: list[tuple[float, str]] = []
    for part in header[:MAX_ACCEPTED].split(","):
        tag, _, weight = part.strip().partition(";q=")
        with suppress(ValueError):
            asked.append((float(weight or 1), tag.partition("-")[0].strip().lower()))
    wanted = (tag for weight, tag in sorted(asked, key=lambda one: -one[0]) if weight > 0 and tag in languages())
    return voice(next(wanted, None))
