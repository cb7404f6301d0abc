"""Cards and dialogs as Block Kit.

Values that anybody but us wrote stand in `plain_text` or rich text, where Slack interprets nothing: no mention, link,
image or formatting can come from them. Only labels are mrkdwn, escaped. Buttons and dialogs carry the opaque handle.
See: https://docs.slack.dev/reference/block-kit/blocks (limits)
"""

from __future__ import annotations

from typing import Any

from adapters.slack.translate import CODE_FIELD, INPUT, LINK, MORE_BOXES, OPENS_DIALOG, PRESS, TEXT_FIELD
from adapters.slack.wording import escaped
from bot.domain.cards import (
    MAX_OPTIONS,
    Action,
    ActionStyle,
    Card,
    Dialog,
    DialogField,
    Fact,
    FieldKind,
    Quote,
    Status,
    plain_text,
)

MAX_BLOCKS = 50
MAX_DIALOG_BLOCKS = 100
MAX_HEADER = 150
MAX_TEXT = 3000
MAX_FIELD = 2000
MAX_FACTS_A_SECTION = 5
"""Ten fields, two a fact."""
MAX_ACTIONS = 25
MAX_LABEL = 75
MAX_URL = 3000
MAX_TITLE = 24
MAX_HINT = 2000
MAX_FALLBACK = 4000
MAX_CODE = 64
MAX_BOXES = 10
"""Boxes a block."""
MAX_BOX = 75

Block = dict[str, Any]

_ICONS = {
    Status.ALLOWED: "✅ ",
    Status.DENIED: "⛔ ",
    Status.NEEDS_PROOF: "🔐 ",
    Status.WAITING: "⏳ ",
    Status.BROKEN: "⚠️ ",
}


def card_text(card: Card) -> str:
    """The fallback for notifications and screen readers; Slack reads mrkdwn there, so it is escaped."""
    return escaped(_cut(plain_text(card), MAX_FALLBACK // 2))[:MAX_FALLBACK]


def card_blocks(card: Card) -> list[Block]:
    """The card, its buttons never cut off by what stands above them."""
    blocks = _headline(_ICONS.get(card.status, "") + card.headline)
    if card.body:
        blocks.append(_section(card.body))
    blocks += _facts(card.facts)
    for quote in card.quotes:
        blocks += _quote(quote)
    below = _actions(card.actions)
    if card.quiet:
        below.append({"type": "context", "elements": [_plain(card.quiet, MAX_FIELD)]})
    return blocks[: MAX_BLOCKS - len(below)] + below


def dialog_view(dialog: Dialog, *, name: str = "") -> Block:
    """The dialog; `name` is our own name for it (`external_id`), to update it by."""
    # A title that Slack has no room for often says why, so it is said again in full.
    above = [dialog.title] if len(dialog.title) > MAX_TITLE else []
    blocks = [_section(text) for text in (*above, dialog.body) if text]
    blocks += _facts(dialog.signed)
    for quote in dialog.quotes:
        blocks += _quote(quote)
    for position, field in enumerate(dialog.fields):
        blocks += _input(field, focused=position == 0)
    blocks += _actions(dialog.links)
    view: Block = {
        "type": "modal",
        "callback_id": "dialog",
        "title": _plain(dialog.title, MAX_TITLE),
        "private_metadata": dialog.handle,
        "blocks": blocks[:MAX_DIALOG_BLOCKS],
    }
    if name:
        view["external_id"] = name
    if dialog.fields or dialog.submit:
        view["submit"] = _plain(dialog.submit, MAX_TITLE)
    return view


def home_view(card: Card) -> Block:
    """The app's home page."""
    return {"type": "home", "callback_id": "home", "blocks": card_blocks(card)}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _plain(text: str, limit: int) -> Block:
    # Slack refuses an empty text object.
    return {"type": "plain_text", "text": _cut(text, limit) or " ", "emoji": False}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(text, MAX_TEXT)}


def _headline(text: str) -> list[Block]:
    if len(text) <= MAX_HEADER:
        return [{"type": "header", "text": _plain(text, MAX_HEADER)}]
    return [_section(text)]


def _facts(facts: tuple[Fact, ...]) -> list[Block]:
    rows = [(facts[start : start + MAX_FACTS_A_SECTION]) for start in range(0, len(facts), MAX_FACTS_A_SECTION)]
    return [{"type": "section", "fields": [half for fact in row for half in _fact(fact)]} for row in rows]


def _fact(fact: Fact) -> tuple[Block, Block]:
    label = _cut(fact.label, MAX_LABEL).replace("*", "∗").replace("\n", " ")
    return {"type": "mrkdwn", "text": f"*{escaped(label)}*", "verbatim": True}, _plain(fact.value, MAX_FIELD)


def _quote(quote: Quote) -> list[Block]:
    """What somebody else wrote, apart and marked as theirs."""
    words = {"type": "text", "text": _cut(quote.text, MAX_TEXT) or " "}
    return [
        {"type": "context", "elements": [_plain(quote.author, MAX_FIELD)]},
        {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": [words]}]},
    ]


def _actions(actions: tuple[Action, ...]) -> list[Block]:
    elements = [_button(action, position) for position, action in enumerate(actions[:MAX_ACTIONS])]
    return [{"type": "actions", "elements": elements}] if elements else []


def _button(action: Action, position: int) -> Block:
    way = LINK if action.url else OPENS_DIALOG if action.opens_dialog else PRESS
    button: Block = {
        "type": "button",
        "action_id": f"{way}.{position}",
        "text": _plain(action.label, MAX_LABEL),
    }
    if action.url:
        button["url"] = _address(action.url)
    else:
        button["value"] = action.handle
    if action.style is not ActionStyle.PLAIN:
        button["style"] = str(action.style)
    return button


def _address(url: str) -> str:
    """A page of ours. Raises `ValueError` for anything that is not a web address: a button runs nothing."""
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")) or len(url) > MAX_URL:
        raise ValueError("a button's address must be a web address")
    return url


def _input(field: DialogField, *, focused: bool) -> list[Block]:
    if field.kind is FieldKind.CHOICES:
        return _choices(field)
    code = field.kind is FieldKind.CODE
    element: Block = {"type": "datepicker", "action_id": INPUT, "focus_on_load": focused}
    if field.kind is FieldKind.DATE and field.value:
        element["initial_date"] = field.value
    if field.kind is not FieldKind.DATE:
        element |= {"type": "plain_text_input", "max_length": MAX_CODE if code else MAX_TEXT}
    block: Block = {
        "type": "input",
        "block_id": f"{CODE_FIELD if code else TEXT_FIELD}{field.name}",
        "label": _plain(field.label, MAX_HINT),
        "element": element,
        "optional": field.optional,
    }
    if field.hint:
        block["hint"] = _plain(field.hint, MAX_HINT)
    return [_section(f"⚠️ {field.error}"), block] if field.error else [block]


def _choices(field: DialogField) -> list[Block]:
    """Boxes to tick, ten a block, which is what Slack takes."""
    shown = [*enumerate(field.options[:MAX_OPTIONS])]
    rows = [shown[start : start + MAX_BOXES] for start in range(0, len(shown), MAX_BOXES)]
    blocks: list[Block] = [_section(f"⚠️ {field.error}")] if field.error else []
    for number, row in enumerate(rows):
        boxes = [{"text": _plain(label, MAX_BOX), "value": str(position)} for position, label in row]
        block: Block = {
            "type": "input",
            "block_id": f"{TEXT_FIELD}{field.name}{MORE_BOXES}{number}" if number else f"{TEXT_FIELD}{field.name}",
            "label": _plain(field.label if not number else f"{field.label} ({number + 1})", MAX_HINT),
            "element": {"type": "checkboxes", "action_id": INPUT, "options": boxes},
            # A block nobody ticks in is no error as long as one in another is.
            "optional": field.optional or len(rows) > 1,
        }
        if field.hint and not number:
            block["hint"] = _plain(field.hint, MAX_HINT)
        blocks.append(block)
    return blocks
