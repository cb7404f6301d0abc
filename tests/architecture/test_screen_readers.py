"""What a screen reader says: every card, dialog and picture has words, on every platform and page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.slack import render as slack
from adapters.teams import render as teams
from bot.domain.cards import Action, Card, Dialog, DialogField, Fact, FieldKind, Quote, Status
from tests.fakes.read_out import unread_in_dialog, unread_on_slack, unread_on_teams

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


NEXT = Dialog(handle="", title="Nothing waits", submit="", body="Close this, and ask again.")


def test_a_dialog_that_only_says_something_has_no_button_without_words() -> None:
    assert teams.dialog_content(NEXT)["actions"] == []
    assert "submit" not in slack.dialog_view(NEXT)


def test_a_dialog_on_teams_is_read_out_with_what_is_signed_and_what_was_wrong() -> None:
    wrong = replace(DIALOG, body="You approve:", fields=(replace(DIALOG.fields[1], error="That code is wrong."),))
    content = teams.dialog_content(wrong)
    for said in (content["speak"], content["fallbackText"].replace("\\", "")):
        lines = said.split("\n")
        assert lines[:3] == ["Approve leave", "That code is wrong.", "You approve:"]
        assert "Days: three" in lines


def test_what_is_too_long_to_be_read_out_at_once_is_read_where_it_stands() -> None:
    long = replace(CARD, facts=tuple(Fact(label=f"Line {number}", value="w" * 40) for number in range(30)))
    content = teams.card_content(long)
    assert "speak" not in content, "a text that ends in its middle would be read instead of the card"
    assert content["fallbackText"].endswith("…")
    assert "speak" in teams.card_content(CARD)


def test_the_fakes_hear_what_is_missing() -> None:
    said = {"text": "Leave for John", "blocks": slack.card_blocks(CARD)}
    assert unread_on_slack(said) != []
    assert unread_on_slack(said | {"text": slack.card_text(CARD)}) == []
    activity = json.loads(json.dumps(teams.card_activity(CARD)))
    assert unread_on_teams(activity) == []
    activity["attachments"][0]["content"]["speak"] = "Leave for John"
    assert "speak: It waits for you." in unread_on_teams(activity)
    content = json.loads(json.dumps(teams.dialog_content(DIALOG)))
    assert unread_in_dialog(content) == []
    content["actions"][0]["title"] = " "
    assert unread_in_dialog(content) == ["no name: Action.Submit"]
