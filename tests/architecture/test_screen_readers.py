"""What a screen reader says: every card, dialog and picture has words, on every platform and page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.slack import render as slack
from adapters.teams import render as teams
from bot.domain.cards import Action, Card, Dialog, DialogField, Fact, FieldKind, Quote, Status

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted(ROOT.glob("adapters/*/templates/*.html"))
CARD = Card(
    headline="Leave for John",
    body="It waits for you.",
    facts=(Fact(label="Days", value="three"),),
    quotes=(Quote(author="John", text="family matters"),),
    actions=(Action(label="Approve", handle="opaque"), Action(label="Details", url="https://doorward.example/x")),
    quiet="HR system",
)
DIALOG = Dialog(
    handle="opaque",
    title="Approve leave",
    submit="Approve",
    signed=CARD.facts,
    fields=(
        DialogField(name="note", label="Note", optional=True),
        DialogField(name="code", label="Code", kind=FieldKind.CODE),
    ),
)
SPOKEN = ("Leave for John", "It waits for you.", "Days", "three", "family matters")


def _with_status(status: Status) -> Card:
    return Card(headline=CARD.headline, body=CARD.body, facts=CARD.facts, quotes=CARD.quotes, status=status)


def _walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in _walk(value))]
    return [found for value in node for found in _walk(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("status", Status)
def test_a_card_on_slack_is_read_out_whole(status: Status) -> None:
    said = slack.card_text(_with_status(status))
    assert [words for words in SPOKEN if words not in said] == []


@pytest.mark.parametrize("status", Status)
def test_a_card_on_teams_is_read_out_whole(status: Status) -> None:
    content = teams.card_content(_with_status(status))
    for way in ("speak", "fallbackText"):
        said = str(content[way]).replace("\\", "")
        assert [words for words in SPOKEN if words not in said] == [], way
    assert "Leave for John" in teams.card_activity(CARD)["summary"]


def test_every_button_and_field_has_words() -> None:
    drawn = [slack.card_blocks(CARD), slack.dialog_view(DIALOG), teams.card_content(CARD), teams.dialog_content(DIALOG)]
    for node in _walk(json.loads(json.dumps(drawn))):
        kind = str(node.get("type", ""))
        if kind == "button":
            assert node["text"]["text"].strip()
        elif kind == "input":
            assert node["label"]["text"].strip()
        elif kind.startswith("Action."):
            assert node["title"].strip()
        elif kind.startswith("Input."):
            assert node["label"].strip()
        elif kind in {"image", "Image"}:
            assert (node.get("alt_text") or node.get("altText", "")).strip()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_picture_and_field_of_a_page_has_words(template: Path) -> None:
    text = template.read_text(encoding="utf-8")
    assert [tag for tag in re.findall(r"<img\b[^>]*>", text) if not re.search(r'\balt="[^"]', tag)] == []
    svgs = re.findall(r"<svg\b[^>]*>", text)
    assert [tag for tag in svgs if "aria-hidden" not in tag and "aria-label" not in tag] == []
    labelled = set(re.findall(r'<label\b[^>]*\bfor="([^"]+)"', text))
    for tag in re.findall(r"<(?:input|textarea|select)\b[^>]*>", text):
        name = re.search(r'\bid="([^"]+)"', tag)
        named = "aria-label" in tag or (name is not None and name[1] in labelled)
        wrapped = re.search(rf"<label\b[^>]*>(?:(?!</label>).)*{re.escape(tag)}", text, re.DOTALL) is not None
        assert 'type="hidden"' in tag or named or wrapped, tag


@pytest.mark.parametrize(
    "page", [path for path in TEMPLATES if "<html" in path.read_text(encoding="utf-8")], ids=lambda path: path.name
)
def test_a_page_says_its_language(page: Path) -> None:
    assert re.search(r'<html\b[^>]*\blang="', page.read_text(encoding="utf-8"))
