"""The documented limits of Block Kit messages and dialogs, as Slack enforces them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """An API call that ends in `ok: false`."""


def _text(value: Any, limit: int, *, plain: bool = False) -> None:
    _check(isinstance(value, dict) and value.get("type") in ({"plain_text"} if plain else {"plain_text", "mrkdwn"}))
    _check(1 <= len(value["text"]) <= limit)


def _check(condition: bool) -> None:
    if not condition:
        raise Refused("invalid_blocks")


def check_blocks(blocks: Any, most: int) -> None:
    """The documented limits of Block Kit."""
    _check(isinstance(blocks, list) and len(blocks) <= most)
    named = [block["block_id"] for block in blocks if "block_id" in block]
    _check(len(named) == len(set(named)))
    for block in blocks:
        checker = _BLOCKS.get(block.get("type"))
        _check(checker is not None)
        if checker is not None:
            checker(block)


def _header(block: Json) -> None:
    _text(block.get("text"), 150, plain=True)


def _section(block: Json) -> None:
    _check("text" in block or "fields" in block)
    if "text" in block:
        _text(block["text"], 3000)
    _check(len(block.get("fields", [])) <= 10)
    for part in block.get("fields", []):
        _text(part, 2000)


def _context(block: Json) -> None:
    _check(1 <= len(block["elements"]) <= 10)
    for part in block["elements"]:
        _text(part, 2000)


def _actions(block: Json) -> None:
    elements = block["elements"]
    _check(1 <= len(elements) <= 25)
    _check(len({e["action_id"] for e in elements}) == len(elements))
    for element in elements:
        _check(element["type"] == "button" and len(element["action_id"]) <= 255)
        _text(element["text"], 75, plain=True)
        _check(len(element.get("value", "")) <= 2000 and len(element.get("url", "")) <= 3000)
        _check(element.get("style", "primary") in {"primary", "danger"})


def _input(block: Json) -> None:
    _text(block["label"], 2000, plain=True)
    _check(len(block.get("block_id", "")) <= 255)
    if "hint" in block:
        _text(block["hint"], 2000, plain=True)
    element = block["element"]
    if element["type"] == "checkboxes":
        _check(1 <= len(element["options"]) <= 10)
        _check(len({option["value"] for option in element["options"]}) == len(element["options"]))
        for option in element["options"]:
            _text(option["text"], 75)
            _check(len(option["value"]) <= 150)
        return
    if element["type"] == "datepicker":
        _check("max_length" not in element)
        _check(re.fullmatch(r"\d{4}-\d{2}-\d{2}", element.get("initial_date", "2026-01-01")) is not None)
        return
    _check(element["type"] == "plain_text_input" and 1 <= element.get("max_length", 3000) <= 3000)


def _rich_text(block: Json) -> None:
    for element in block["elements"]:
        _check(element["type"] in {"rich_text_section", "rich_text_quote"})
        _check(all(part["type"] == "text" and part["text"] for part in element["elements"]))


_BLOCKS: dict[Any, Callable[[Json], None]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "rich_text": _rich_text,
    "divider": lambda block: None,
}


def checked_home(view: Any) -> Json:
    """The limits of an app's home page."""
    _check(isinstance(view, dict) and view.get("type") == "home")
    _check(set(view) <= {"type", "blocks", "private_metadata", "callback_id", "external_id"})
    check_blocks(view["blocks"], 100)
    return dict(view)


def checked_view(view: Any) -> Json:
    _check(isinstance(view, dict) and view.get("type") == "modal")
    _text(view["title"], 24, plain=True)
    if "submit" in view:
        _text(view["submit"], 24, plain=True)
    _check("submit" in view or all(block["type"] != "input" for block in view["blocks"]))
    _check(len(view.get("private_metadata", "")) <= 3000 and len(view.get("external_id", "")) <= 255)
    _check(len(view.get("callback_id", "")) <= 255)
    check_blocks(view["blocks"], 100)
    return dict(view)
