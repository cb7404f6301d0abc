"""Cards and dialogs keep to what Teams takes, and to what a person must see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.teams.render import MAX_CARD_BYTES, card_content, dialog_content
from bot.domain.cards import Action, Card, Dialog, DialogField, Fact, Quote
from bot.errors import PlatformRefused
from tests.fakes.teams_server import actions_of


def size(content: dict[str, Any]) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode())


def test_a_large_card_is_cut_above_its_buttons() -> None:
    buttons = tuple(Action(label=f"Choice {number}", handle=f"h{number}") for number in range(9))
    facts = tuple(Fact(label=f"Day {number}", value="ü" * 600) for number in range(60))
    quotes = (Quote(author="john", text="*" * 4000),)
    content = card_content(Card(headline="A list", body="b" * 5000, facts=facts, quotes=quotes, actions=buttons))
    assert size(content) <= MAX_CARD_BYTES
    assert [action["title"] for action in actions_of(content)] == [button.label for button in buttons]
    assert "A list" in content["body"][0]["text"]
    assert "…" in [element.get("text") for element in content["body"]]


def test_teams_shows_six_buttons_a_row() -> None:
    buttons = tuple(Action(label=str(number), handle=str(number)) for number in range(13))
    rows = [element for element in card_content(Card(headline="A", actions=buttons))["body"] if "actions" in element]
    assert [len(row["actions"]) for row in rows] == [6, 6, 1]


def test_a_dialog_is_never_cut() -> None:
    signed = tuple(Fact(label=f"Line {number}", value="x" * 900) for number in range(20))
    content = dialog_content(Dialog(handle="h", title="Agree", submit="Agree", signed=signed))
    (facts,) = (element["facts"] for element in content["body"] if element["type"] == "FactSet")
    assert [fact["value"] for fact in facts] == ["x" * 900] * 20
    with pytest.raises(PlatformRefused):
        dialog_content(Dialog(handle="h", title="Agree", submit="Agree", signed=signed * 2))


def test_a_dialogs_links_stand_beside_its_button() -> None:
    page = Action(label="Use a passkey", url="https://doorward.example.com/consent/h")
    dialog = Dialog(handle="h", title="A", submit="Go", fields=(DialogField(name="a", label="A"),), links=(page,))
    assert [action["type"] for action in dialog_content(dialog)["actions"]] == ["Action.Submit", "Action.OpenUrl"]


@pytest.mark.requirement("62")
@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "data:text/html,x", "ftp://a", "HTTPS://a"])
def test_a_button_leads_to_web_pages_only(url: str) -> None:
    with pytest.raises(ValueError, match="web address"):
        card_content(Card(headline="A", actions=(Action(label="B", url=url),)))


@pytest.mark.requirement("62")
def test_other_peoples_words_stand_where_nothing_is_read_into_them() -> None:
    content = card_content(Card(headline="A", quotes=(Quote(author="[john](x)", text="[a](https://evil.example)\nb"),)))
    box = next(element for element in content["body"] if element["type"] == "Container")
    author, *lines = box["items"]
    assert author["text"] == "\\[john\\](x)"
    assert [line["inlines"] for line in lines] == [
        [{"type": "TextRun", "text": "[a](https://evil.example)"}],
        [{"type": "TextRun", "text": "b"}],
    ]
