"""The playground's own words in other languages: the English sentence is the key, so that English needs no file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from bot.texts.sentences import accepted

HERE = Path(__file__).parent
MODULE = """// The words of this page in the reader's language; what has none stays English.

const words = %s;

/** The sentence in the reader's language, with {0}, {1} filled in. */
export const t = (english, ...values) =>
  (words[english] ?? english).replace(/\\{(\\d)\\}/g, (_, at) => String(values[at]));
"""


@cache
def words_of(language: str) -> Mapping[str, str]:
    """English to that language; empty where there is no file."""
    found = HERE / f"words_{language}.toml"
    return tomllib.loads(found.read_text(encoding="utf-8")) if found.is_file() else {}


def language_of(request: Request) -> str:
    """What the browser asks for (RFC 9110 §12.5.4)."""
    return accepted(request.headers.get("accept-language", "")).language


def translated(language: str, english: str, *values: object) -> str:
    """The sentence in that language, filled in as the scripts' `t` does."""
    sentence = words_of(language).get(english, english)
    for at, value in enumerate(values):
        sentence = sentence.replace(f"{{{at}}}", str(value))
    return sentence


async def words_script(request: Request) -> Response:
    """`words.js` for this browser."""
    script = MODULE % json.dumps(words_of(language_of(request)), ensure_ascii=False)
    headers = {"vary": "accept-language", "cache-control": "no-store"}
    return Response(script, media_type="text/javascript", headers=headers)
