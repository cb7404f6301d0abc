"""What Teams reads as Markdown shows what was meant, and nothing comes alive in it."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from adapters.teams.wording import escaped, plain, spoken, typed_text
from tests.fakes.teams_server import BOT

MARKDOWN = MarkdownIt("commonmark")
HOSTILE = [
    "[sign in](https://evil.example)",
    "![](https://evil.example/beacon.png)",
    "<https://evil.example>",
    "<at>everyone</at>",
    "<script>alert(1)</script>",
    "**bold** _thin_ `code` ~~gone~~",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "    code",
    "\tcode",
    "text\n===",
    "text\n---",
    "***",
    "&lt;b&gt; &#42;",
    "[a]: https://evil.example\n[a]",
    "| a | b |\n|---|---|",
    "back\\slash \\* and \\\\",
]


def shown(text: str) -> tuple[str, str]:
    """What a reader sees, and the marks that made something else of it."""
    html = MARKDOWN.render(escaped(text))
    return unescape(re.sub(r"<[^>]+>", "", html)), "".join(sorted(set(re.findall(r"</?(\w+)", html)) - {"p", "br"}))


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.requirement("62")
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_it_stands(text: str) -> None:
    seen, marks = shown(text)
    assert marks == ""
    assert squeezed(seen) == squeezed(text)


@pytest.mark.requirement("62")
@given(st.text(st.sampled_from("ab1 \n\t\\`*_[]()<>#~&|{}!-+=:.;'\"@/"), max_size=40))
def test_any_text_is_shown_as_it_stands(text: str) -> None:
    seen, marks = shown(text)
    assert marks == ""
    assert squeezed(seen) == squeezed(text)


def test_ordinary_text_stays_readable() -> None:
    text = "Leave from 3 June (2026) – 5 days, john@corp.example: ok?"
    assert escaped(text) == text


@pytest.mark.requirement("62")
def test_no_date_is_worked_out() -> None:
    text = "{{DATE(2026-01-01T00:00:00Z,SHORT)}}"
    for made in (escaped(text), plain(text)):
        assert "{{" not in made


def test_speech_is_no_markup() -> None:
    assert spoken("<break time='9s'/> & more") == "&lt;break time='9s'/&gt; &amp; more"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<at>Doorward</at> balance", "balance"),
        ("balance <at>Doorward</at>", "balance"),
        ("<at>Doorward</at>\u00a0/whoami", "/whoami"),
        ("<at>Doorward</at> tell Doorward: <at>Mia</at> is away", "tell Doorward: Mia is away"),
        ("<at id='0'>Mia</at> is away", "Mia is away"),
        ("1 < 2 & 3 > 2", "1 < 2 & 3 > 2"),
        ("one\ntwo", "one\ntwo"),
    ],
)
def test_only_the_bots_own_mention_is_left_out(text: str, expected: str) -> None:
    mention = {"type": "mention", "mentioned": {"id": BOT, "name": "Doorward"}, "text": "<at>Doorward</at>"}
    assert typed_text({"text": text, "recipient": {"id": BOT}, "entities": [mention]}) == expected
