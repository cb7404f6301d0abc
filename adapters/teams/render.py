"""Cards and dialogs as Adaptive Cards 1.5.

What is shown is escaped, so that no link, mention, image or date can come from a value; what other people wrote stands
in `TextRun`s, which interpret nothing at all. Buttons carry the opaque handle and nothing else.
See: https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format (28 KB)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from adapters.teams.wording import escaped, plain, spoken
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
from bot.errors import PlatformRefused

CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
SIGN_IN_TYPE = "application/vnd.microsoft.card.oauth"
CONNECTION = "doorward"
"""What a sign-in card calls itself; no connection of that name has to exist, since we exchange tokens ourselves."""
MAX_CARD_BYTES = 26_000
"""Of the 28 KB a message may have, what leaves room for the rest of it."""
MAX_HEADLINE = 300
MAX_TEXT = 4000
MAX_LABEL = 100
MAX_VALUE = 1000
MAX_FALLBACK = 1000
MAX_TITLE = 60
MAX_CODE = 64
ACTIONS_A_ROW = 6
"""Teams shows six; what goes beyond stands in a row of its own."""
MAX_URL = 2000

PRESS = "press"
REFRESH = "refresh"
"""What was read for one person, asked for again by their client."""
VIEW = "view"
"""A shared card, asked for by the client of each person it is shown to."""
VIEWERS_AT_MOST = 60
"""Teams shows so many people a card of their own; its documentation says no more."""
HANDLE = "handle"
TEXT_FIELD = "text."
CODE_FIELD = "code."
"""What an input's id starts with: a code goes another way than text, and is never stored."""

Element = dict[str, Any]

_ICONS = {
    Status.ALLOWED: "✅ ",
    Status.DENIED: "⛔ ",
    Status.NEEDS_PROOF: "🔐 ",
    Status.WAITING: "⏳ ",
    Status.BROKEN: "⚠️ ",
}
_STYLES = {ActionStyle.PRIMARY: "positive", ActionStyle.DANGER: "destructive"}


def card_activity(card: Card, viewers: Sequence[str] = ()) -> Element:
    """The message that shows a card; its summary is what a notification says.

    `viewers` are those, by Teams' own names, whose clients ask by themselves for what each of them is shown.
    """
    content = card_content(card, _asking(VIEW, card.refresh, viewers[:VIEWERS_AT_MOST]) if card.refresh else None)
    return {
        "type": "message",
        "summary": plain(_cut(card.headline, MAX_HEADLINE)),
        "attachments": [attachment(content)],
    }


def sign_in_activity(card: Card, resource: str) -> Element | None:
    """The message that has Teams' client sign its user in, and shows the button where that fails; None for other cards.

    See: https://learn.microsoft.com/microsoftteams/platform/bots/how-to/authentication/bot-sso-code
    """
    button = next((action for action in card.actions if action.signs_in), None)
    if button is None:
        return None
    content = {
        "text": plain(_cut("\n\n".join(text for text in (card.headline, card.body) if text), MAX_TEXT)),
        "connectionName": CONNECTION,
        "tokenExchangeResource": {"id": secrets.token_urlsafe(16), "uri": resource, "providerId": None},
        "buttons": [
            {"type": "signin", "title": plain(_cut(button.label, MAX_LABEL)), "value": _address(button.url)},
        ],
    }
    summary = plain(_cut(card.headline, MAX_HEADLINE))
    return {
        "type": "message",
        "summary": summary,
        "attachments": [{"contentType": SIGN_IN_TYPE, "content": content}],
    }


def attachment(content: Element) -> Element:
    """An Adaptive Card as Teams attaches it."""
    return {"contentType": CONTENT_TYPE, "content": content}


def card_content(card: Card, refresh: Element | None = None) -> Element:
    """The card; when it is too large, what stands above the buttons is cut, never the buttons."""
    asking = {} if refresh is None else {"refresh": refresh}
    upper = [_heading(_ICONS.get(card.status, "") + card.headline)]
    upper += [_text(card.body)] if card.body else []
    upper += _facts(card.facts)
    upper += [_quote(quote) for quote in card.quotes]
    lower = _rows(card.actions)
    lower += [_text(card.quiet, isSubtle=True, size="Small")] if card.quiet else []
    says = plain_text(card)
    content = _card([*upper, *lower], says) | asking
    while _size(content) > MAX_CARD_BYTES and len(upper) > 1:
        upper.pop()
        content = _card([*upper, _text("…"), *lower], says) | asking
    if _size(content) > MAX_CARD_BYTES:
        raise PlatformRefused("card too large")
    return content


def view_content(card: Card, handle: str, account: str) -> Element:
    """A card that one person alone is shown; their client asks for it again by the same handle, or by the card's own.

    See: https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model (user-specific views)
    """
    verb = VIEW if card.refresh == handle else REFRESH
    return card_content(card, _asking(verb, handle, [account]))


def _asking(verb: str, handle: str, viewers: Sequence[str]) -> Element:
    """Without anybody named, a client asks when its person says so in the message's menu."""
    again = {"type": "Action.Execute", "verb": verb, "data": {HANDLE: handle}}
    return {"action": again, "userIds": list(viewers)} if viewers else {"action": again}


def dialog_content(dialog: Dialog) -> Element:
    """The dialog's card. Raises `PlatformRefused` when it is too large: nobody agrees to what was cut off."""
    body = [_text(dialog.body)] if dialog.body else []
    body += _facts(dialog.signed, whole=True)
    body += [_quote(quote) for quote in dialog.quotes]
    for field in dialog.fields:
        body += _input(field)
    content = _card(body, _read_out(dialog))
    actions: list[Element] = [_button(link) for link in dialog.links]
    if dialog.submit and not dialog.loading:
        submit = {"type": "Action.Submit", "title": plain(_cut(dialog.submit, MAX_LABEL)), "style": "positive"}
        actions.insert(0, submit | {"data": {HANDLE: dialog.handle}})
    content["actions"] = actions[:ACTIONS_A_ROW]
    if _size(content) > MAX_CARD_BYTES:
        raise PlatformRefused("dialog too large")
    return content


def _read_out(dialog: Dialog) -> str:
    """What the dialog says, as `plain_text` has it of a card; what is wrong with what was entered comes first."""
    wrong = (field.error for field in dialog.fields)
    signed = (f"{fact.label}: {fact.value}" for fact in dialog.signed)
    quoted = (quote.said for quote in dialog.quotes)
    return "\n".join(line for line in (dialog.title, *wrong, dialog.body, *signed, *quoted) if line)


def dialog_task(dialog: Dialog) -> Element:
    """The answer to `task/fetch` and `task/submit` that shows a dialog."""
    value = {
        "title": plain(_cut(dialog.title, MAX_TITLE)),
        "height": "medium",
        "width": "medium",
        "card": attachment(dialog_content(dialog)),
    }
    return {"task": {"type": "continue", "value": value}}


def message_task(text: str) -> Element:
    """The answer that closes the dialog with one sentence."""
    return {"task": {"type": "message", "value": plain(text)}}


def _card(body: list[Element], says: str) -> Element:
    """A card without `speak` is read out element by element: better than one that is read out to its middle."""
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "fallbackText": escaped(_cut(says, MAX_FALLBACK)),
        **({"speak": spoken(says)} if len(says) <= MAX_FALLBACK else {}),
        "body": body,
    }


def _size(content: Element) -> int:
    return len(json.dumps(content, ensure_ascii=False).encode())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _text(text: str, **looks: Any) -> Element:
    return {"type": "TextBlock", "text": escaped(_cut(text, MAX_TEXT)) or " ", "wrap": True} | looks


def _heading(text: str) -> Element:
    return _text(_cut(text, MAX_HEADLINE), style="heading", size="Medium", weight="Bolder")


def _facts(facts: tuple[Fact, ...], *, whole: bool = False) -> list[Element]:
    if not facts:
        return []
    shown = [
        {
            "title": escaped(fact.label if whole else _cut(fact.label, MAX_LABEL)),
            "value": escaped(fact.value if whole else _cut(fact.value, MAX_VALUE)) or " ",
        }
        for fact in facts
    ]
    return [{"type": "FactSet", "facts": shown}]


def _quote(quote: Quote) -> Element:
    """What somebody else wrote, apart and marked as theirs."""
    lines = _cut(quote.text, MAX_TEXT).splitlines() or [" "]
    said = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": plain(line) or " "}]} for line in lines]
    author = _text(_cut(quote.author, MAX_LABEL), isSubtle=True, size="Small")
    return {"type": "Container", "style": "emphasis", "items": [author, *said]}


def _rows(actions: tuple[Action, ...]) -> list[Element]:
    rows = [actions[start : start + ACTIONS_A_ROW] for start in range(0, len(actions), ACTIONS_A_ROW)]
    return [{"type": "ActionSet", "actions": [_button(action) for action in row]} for row in rows]


def _button(action: Action) -> Element:
    button: Element = {"title": plain(_cut(action.label, MAX_LABEL))}
    if action.style in _STYLES:
        button["style"] = _STYLES[action.style]
    if action.url:
        return button | {"type": "Action.OpenUrl", "url": _address(action.url)}
    data: Element = {HANDLE: action.handle}
    if action.opens_dialog:
        # Only a submit opens a dialog in Teams; the word beside the handle is the platform's own and grants nothing.
        opens = {"data": data | {"msteams": {"type": "task/fetch"}}}
        return button | {"type": "Action.Submit", "associatedInputs": "none"} | opens
    return button | {"type": "Action.Execute", "verb": PRESS, "associatedInputs": "none", "data": data}


def _address(url: str) -> str:
    """A page of ours. Raises `ValueError` for anything that is not a web address: a button runs nothing."""
    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")) or len(url) > MAX_URL:
        raise ValueError("a button's address must be a web address")
    return url


def _input(field: DialogField) -> list[Element]:
    if field.kind is FieldKind.CHOICES:
        return _choices(field)
    code = field.kind is FieldKind.CODE
    element: Element = {
        "type": "Input.Date",
        "id": f"{CODE_FIELD if code else TEXT_FIELD}{field.name}",
        "label": plain(_cut(field.label, MAX_VALUE)),
        "isRequired": not field.optional,
    }
    if field.kind is FieldKind.DATE and field.value:
        element["value"] = field.value
    if field.kind is not FieldKind.DATE:
        element |= {"type": "Input.Text", "maxLength": MAX_CODE if code else MAX_TEXT, "isMultiline": False}
    if not field.optional:
        element["errorMessage"] = plain(_cut(field.hint or field.label, MAX_VALUE))
    if field.hint:
        element["placeholder"] = plain(_cut(field.hint, MAX_VALUE))
    if field.error:
        return [_text(f"⚠️ {field.error}", color="Attention", weight="Bolder"), element]
    return [element]


def _choices(field: DialogField) -> list[Element]:
    """Boxes to tick; Teams sends the ticked ones' values with commas between."""
    options = [
        {"title": plain(_cut(label, MAX_VALUE)), "value": str(position)}
        for position, label in enumerate(field.options[:MAX_OPTIONS])
    ]
    element: Element = {
        "type": "Input.ChoiceSet",
        "id": f"{TEXT_FIELD}{field.name}",
        "label": plain(_cut(field.label, MAX_VALUE)),
        "isMultiSelect": True,
        "style": "expanded",
        "wrap": True,
        "isRequired": not field.optional,
        "choices": options,
    }
    if not field.optional:
        element["errorMessage"] = plain(_cut(field.hint or field.label, MAX_VALUE))
    if field.error:
        return [_text(f"⚠️ {field.error}", color="Attention", weight="Bolder"), element]
    return [element]
