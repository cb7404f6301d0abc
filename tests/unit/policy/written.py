"""Policies written for one test, under the shipped schema."""

from policy.cedar import CedarEngine
from policy.sources import SCHEMA, Sources


def sources(**files: str) -> Sources:
    """A file `<name>.cedar` for each argument."""
    named = tuple((f"{name}.cedar", text) for name, text in files.items())
    return Sources(schema=SCHEMA.read_text(encoding="utf-8"), files=named)


def written(text: str) -> CedarEngine:
    """The engine for one file."""
    return CedarEngine(sources(written=text))
