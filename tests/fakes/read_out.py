"""What a screen reader has of a message: the fakes hold every card of every test against it.

Slack's clients read the message's `text` out instead of its blocks; Teams' read `speak`, and `fallbackText` where a
card is not shown. So each has every word that stands on the card, and everything that can be pressed or filled in has
a name of its own.
See: https://docs.slack.dev/messaging/#accessibility and
https://learn.microsoft.com/adaptive-cards/authoring-cards/accessibility
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
_WORD = re.compile(r"\w+")


def unread_on_slack(message: Json) -> list[str]:
    """What stands in the blocks of a message, and nobody hears."""
    blocks = message.get("blocks") or []
    shown = [text for block in blocks if block["type"] != "actions" for text in _block_texts(block)]
    return [*_missing(shown, str(message.get("text", ""))), *_unnamed(blocks)]


def unread_on_teams(activity: Json) -> list[str]:
    """What stands on the cards of an activity, and nobody hears."""
    found = []
    for attached in activity.get("attachments") or []:
        content = attached["content"]
        if content.get("type") != "AdaptiveCard":
            continue
        found += [*_unsaid(content), *_unnamed(content)]
        found += [] if str(activity.get("summary", "")).strip() else ["no summary"]
    return found


def unread_in_dialog(content: Json) -> list[str]:
    """What stands in a dialog and is not read out, or can be pressed or filled in and has no name."""
    return [*_unsaid(content), *_unnamed(content)]


def _unsaid(content: Json) -> list[str]:
    """A card without `speak` is read out element by element; one with it is read out by that alone."""
    shown = [text for element in content["body"] for text in _element_texts(element)]
    ways = {way: str(content[way]) for way in ("speak", "fallbackText") if way in content}
    cut = ways["fallbackText"].endswith("…")
    return [
        f"{way}: {text}"
        for way, said in ways.items()
        if not (way == "fallbackText" and cut)
        for text in _missing(shown, said)
    ]


def _missing(shown: list[str], said: str) -> list[str]:
    heard = set(_WORD.findall(html.unescape(said).replace("\\", "").lower()))
    return [text for text in shown if not set(_WORD.findall(html.unescape(text).replace("\\", "").lower())) <= heard]


def _block_texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for name, child in node.items():
            if name not in {"accessory", "label", "hint"}:
                yield from _block_texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _block_texts(child)


def _element_texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        kind = str(node.get("type", ""))
        if kind == "ActionSet" or kind.startswith("Input."):
            return  # read out where they stand, by their own names
        for name, child in node.items():
            if name in {"text", "title", "value"} and isinstance(child, str):
                yield child
            else:
                yield from _element_texts(child)
    elif isinstance(node, list):
        for child in node:
            yield from _element_texts(child)


def _unnamed(node: Any) -> list[str]:
    """Buttons, fields, choices and pictures without words."""
    if isinstance(node, list):
        return [found for child in node for found in _unnamed(child)]
    if not isinstance(node, dict):
        return []
    kind = str(node.get("type", ""))
    name: Any = "named"
    if kind == "button":
        name = node["text"]["text"] if isinstance(node.get("text"), dict) else node.get("title", "")
    elif kind == "input":
        name = node["label"]["text"]
    elif kind.startswith("Action."):
        name = node.get("title", "")
    elif kind.startswith("Input."):
        name = node.get("label", "")
    elif kind in {"image", "Image"}:
        name = node.get("alt_text") or node.get("altText", "")
    unnamed = [] if str(name).strip() else [f"no name: {kind}"]
    return unnamed + [found for key, child in node.items() if key != "refresh" for found in _unnamed(child)]
