"""Text in and out of Teams: mentions taken out of what was typed, and nothing interpreted in what we show."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape as xml_escaped

from adapters.teams.parsing import Payload, part, text_of
from bot.errors import Malformed

MAX_ENTITIES = 100

_AT = re.compile(r"<at(?:\s[^<>]*)?>([^<>]*)</at>", re.IGNORECASE)
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#~&|{}!])")
_STARTS_A_BLOCK = re.compile(r"^(\s*)(?:([-+=:])|(\d{1,9})([.)]))", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_ZERO_WIDTH_SPACE = "\u200b"
_NO_BREAK_SPACE = "\u00a0"


def typed_text(activity: Payload) -> str:
    """What the person typed, the bot's own mention left out; other people stay by name, which proves nothing.

    The SDK's `remove_recipient_mention` takes every occurrence of the bot's name out of the sentence, so this looks at
    the mention itself. Raises `Malformed`.
    """
    text = text_of(activity, "text")
    for mention in _mentions_of(activity, text_of(part(activity, "recipient"), "id")):
        text = text.replace(mention, " ", 1)
    return re.sub(r"[ \u00a0]+", " ", _AT.sub(r"\1", text)).strip()


def _mentions_of(activity: Payload, account: str) -> list[str]:
    entities = activity.get("entities") or []
    if not isinstance(entities, list) or len(entities) > MAX_ENTITIES:
        raise Malformed("entities")
    mentions = [entity for entity in entities if isinstance(entity, dict) and entity.get("type") == "mention"]
    ours = [mention for mention in mentions if text_of(part(mention, "mentioned"), "id") == account]
    return [text for text in (text_of(mention, "text") for mention in ours) if text]


def escaped(text: str) -> str:
    """For a `TextBlock` or a `Fact`, which read Markdown and `{{DATE(…)}}`: shown as it stands, no link or mention.

    See: https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
    """
    marked = _MARKDOWN.sub(r"\\\1", text)
    return _INDENT.sub(lambda spaces: _NO_BREAK_SPACE * len(spaces.group()), _STARTS_A_BLOCK.sub(_defused, marked))


def _defused(start: re.Match[str]) -> str:
    space, sign, number, dot = start.groups()
    return f"{space}\\{sign}" if sign else f"{space}{number}\\{dot}"


def plain(text: str) -> str:
    """For a `TextRun` or a title, which read no Markdown; only the date function is broken up."""
    return text.replace("{{", "{" + _ZERO_WIDTH_SPACE + "{")


def spoken(text: str) -> str:
    """For `speak`, which may be SSML."""
    return xml_escaped(text)
