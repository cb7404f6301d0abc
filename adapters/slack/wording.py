"""Slack's message text into what was typed: entities, links and escapes undone."""

from __future__ import annotations

import re

_ENTITY = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")


def typed_text(text: str, bot_account: str = "") -> str:
    """What the person typed, without the mention of the bot it starts with.

    People stay `<@U…>`, since a name proves nothing; links become their address or label.
    See: https://docs.slack.dev/messaging/formatting-message-text
    """
    if bot_account:
        text = re.sub(rf"^\s*<@{re.escape(bot_account)}(?:\|[^<>]*)?>[\s:,]*", "", text)
    if "<" in text:
        text = _ENTITY.sub(_entity, text)
    if "&" in text:
        text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return text.strip()


def _entity(match: re.Match[str]) -> str:
    target, label = match.group(1), match.group(2)
    if target[0] in "@#!":
        return f"<{target}>"
    return label or target.removeprefix("mailto:")


def escaped(text: str) -> str:
    """The three characters that start Slack's control sequences, made harmless."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
