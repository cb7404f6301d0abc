"""The Jinja environments of our pages, one a language: escaped, strict, and without a sentence of their own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.texts.sentences import DEFAULT_LANGUAGE, Voice

HERE = Path(__file__).parent
TEMPLATES = HERE / "templates"
STATIC = HERE / "static"


@cache
def page_environment(language: str = DEFAULT_LANGUAGE) -> Environment:
    """An environment whose templates say every sentence by its key: `say("pages.own.end")`, as `Voice.say`."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["say"] = Voice(language).say
    environment.globals["lang"] = language
    return environment
