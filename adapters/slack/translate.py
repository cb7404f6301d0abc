"""Slack's payloads into our own messages; who it is has been found out before, and no payload field can change it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from adapters.slack.parsing import Payload
from adapters.slack.wording import typed_text
from adapters.slack.workspaces import text_of, workspace_of
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.secret import Secret
from bot.errors import Malformed

OPENS_DIALOG = "open"
PRESS = "press"
LINK = "link"
"""What an action id starts with: which way a press goes. It grants nothing; the handle alone says what is asked."""
TEXT_FIELD = "text."
MORE_BOXES = "~"
"""Ends the name of a field whose boxes go on in another block."""
CODE_FIELD = "code."
"""What an input's block id starts with: a code goes another way than text, and is never stored."""
INPUT = "value"

_APP_MARKS = ("bot_id", "bot_profile", "app_id", "workflow_id", "metadata")
_TYPED_SUBTYPES = frozenset({"", "file_share", "thread_broadcast"})


@dataclass(frozen=True, slots=True)
class Skip:
    """Authentic, and nothing starts; a code where that is worth an audit event."""

    code: str = ""


def origin(payload: Payload) -> Skip | None:
    """Why an event starts nothing; None when it was said to us under a person's account.

    What apps, bots and workflows post under a person's account is marked (`by_app`) and starts nothing but a question
    to that person: whoever holds a person's token could otherwise act as them.
    """
    event = payload["event"]
    if event["type"] not in {"message", "app_mention"}:
        return Skip()
    if event["type"] == "message" and event.get("channel_type") != "im":
        return Skip()  # in channels we hear mentions only
    if text_of(event, "subtype") not in _TYPED_SUBTYPES | {"bot_message"} or event.get("edited") or event.get("hidden"):
        return Skip()
    marked = by_app(event)
    if marked and _is_own(payload):
        return Skip()
    if not text_of(event, "user"):
        return Skip("ingress.not_a_person") if marked else Skip()
    return None


def by_app(event: Payload) -> bool:
    """Whether an app, bot or workflow posted it, be it under a person's account."""
    return any(event.get(mark) for mark in _APP_MARKS) or text_of(event, "subtype") == "bot_message"


def _is_own(payload: Payload) -> bool:
    event = payload["event"]
    return text_of(event, "user") == _bot_account(payload) or text_of(event, "app_id") == text_of(payload, "api_app_id")


def _bot_account(payload: Payload) -> str:
    authorizations = payload.get("authorizations") or [{}]
    return text_of(authorizations[0], "user_id")


def from_event(payload: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """A typed message. Raises `Malformed`."""
    event = payload["event"]
    direct = text_of(event, "channel").startswith("D")
    thread = text_of(event, "thread_ts") or ("" if direct else text_of(event, "ts"))
    return IncomingMessage(
        event_id=_required(payload, "event_id"),
        kind=EventKind.MESSAGE,
        who=who,
        place=_place(payload, _required(event, "channel"), thread),
        received_at=now,
        text=typed_text(text_of(event, "text"), _bot_account(payload)),
        by_app=by_app(event),
    )


def from_command(payload: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """A slash command. Raises `Malformed`."""
    return IncomingMessage(
        event_id=f"command:{_required(payload, 'trigger_id')}",
        kind=EventKind.COMMAND,
        who=who,
        place=_place(payload, _required(payload, "channel_id"), ""),
        received_at=now,
        text=typed_text(text_of(payload, "text")),
    )


def from_shortcut(payload: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """The global shortcut: a command without words. Raises `Malformed`."""
    return IncomingMessage(
        event_id=f"shortcut:{_required(payload, 'trigger_id')}",
        kind=EventKind.COMMAND,
        who=who,
        place=_place(payload, who.account, ""),
        received_at=now,
    )


def pressed(payload: Payload) -> Payload | Skip:
    """The pressed button of ours; links open in the browser and start nothing here."""
    actions = payload.get("actions") or [{}]
    action: Payload = actions[0]
    if text_of(action, "type") != "button" or not text_of(action, "value"):
        return Skip()
    return Skip() if text_of(action, "action_id").startswith(LINK) else action


def from_press(payload: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """A pressed button. Raises `Malformed`.

    For a dialog, `trigger` is the name under which the adapter opens it and the worker updates it.
    """
    action = pressed(payload)
    if isinstance(action, Skip):
        raise Malformed("actions")
    event_id = f"press:{_required(payload, 'trigger_id')}"
    opens = text_of(action, "action_id").startswith(OPENS_DIALOG)
    channel = text_of(payload.get("channel") or {}, "id") or who.account
    return IncomingMessage(
        event_id=event_id,
        kind=EventKind.PRESS,
        who=who,
        place=_place(payload, channel, _thread(payload)),
        received_at=now,
        window=ReplyWindow.OPENS_DIALOG if opens else ReplyWindow.NONE,
        handle=text_of(action, "value"),
        trigger=_dialog(payload, dialog_name(event_id)) if opens else None,
        source=_source(payload, channel),
    )


def dialog_name(event_id: str) -> str:
    """Our own name of the dialog an event opens (`external_id`): the same on every delivery, unique in a workspace."""
    return f"dialog-{hashlib.sha256(event_id.encode()).hexdigest()[:40]}"


def _dialog(payload: Payload, view: str) -> str:
    """How the core names a dialog: with the workspace it is in, whose token updates it."""
    return f"{workspace_of(payload).tenant}!{view}"


def dialog_of(trigger: str) -> tuple[str, str]:
    """Workspace and Slack's id (or our name) of a dialog."""
    tenant, _, view = trigger.rpartition("!")
    return tenant, view


def from_submission(payload: Payload, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """A submitted dialog, codes left out. Raises `Malformed`."""
    view = payload.get("view") or {}
    return IncomingMessage(
        event_id=f"submission:{_required(payload, 'trigger_id')}",
        kind=EventKind.SUBMISSION,
        who=who,
        place=_place(payload, who.account, ""),
        received_at=now,
        window=ReplyWindow.IN_RESPONSE,
        handle=_required(view, "private_metadata"),
        fields=_fields(payload),
        trigger=_dialog(payload, _required(view, "id")),
    )


def code_in(payload: Payload) -> Secret | None:
    """The one-time code of a submitted dialog. Raises `Malformed`."""
    codes = [value for block, value in _inputs(payload) if block.startswith(CODE_FIELD)]
    return Secret(codes[0]) if codes else None


def input_blocks(payload: Payload) -> dict[str, str]:
    """Field name to block id, in order, for field errors. Raises `Malformed`."""
    return {block.partition(".")[2]: block for block, _ in _inputs(payload)}


def _fields(payload: Payload) -> dict[str, str]:
    """The fields by name; boxes stand in several blocks, which are one field of ours."""
    fields: dict[str, str] = {}
    for block, value in _inputs(payload):
        if block.startswith(TEXT_FIELD):
            name = block.removeprefix(TEXT_FIELD).partition(MORE_BOXES)[0]
            fields[name] = ",".join(part for part in (fields.get(name, ""), value) if part)
    return fields


def _inputs(payload: Payload) -> list[tuple[str, str]]:
    state = (payload.get("view") or {}).get("state")
    values = state.get("values") if isinstance(state, dict) else None
    if not values:
        return []
    if not isinstance(values, dict):
        raise Malformed("state")
    return [(block, _value(inputs)) for block, inputs in values.items()]


def _value(inputs: object) -> str:
    entry = inputs.get(INPUT) if isinstance(inputs, dict) else None
    if not isinstance(entry, dict):
        raise Malformed("state")
    ticked = entry.get("selected_options")
    if entry.get("type") == "datepicker":
        return text_of(entry, "selected_date")
    if ticked is None:
        return text_of(entry, "value")
    if not isinstance(ticked, list) or not all(isinstance(option, dict) for option in ticked):
        raise Malformed("state")
    return ",".join(text_of(option, "value") for option in ticked)


def _place(payload: Payload, conversation: str, thread: str) -> Place:
    return Place(
        platform=Platform.SLACK,
        tenant=workspace_of(payload).tenant,
        conversation=conversation,
        kind=_kind(payload, conversation),
        thread=thread or None,
    )


def _kind(payload: Payload, conversation: str) -> PlaceKind:
    """Direct for `D…` and for a person's own account, by which their direct conversation can be named too."""
    if conversation[:1] in {"D", "U", "W"}:
        return PlaceKind.DIRECT
    group = conversation.startswith("G") or text_of(payload, "channel_name").startswith("mpdm-")
    return PlaceKind.GROUP if group else PlaceKind.CHANNEL


def _thread(payload: Payload) -> str:
    container = payload.get("container") or {}
    return text_of(container, "thread_ts") or text_of(payload.get("message") or {}, "thread_ts")


def _source(payload: Payload, channel: str) -> str | None:
    """As `platform.message_id`; nothing for what cannot be edited later."""
    container = payload.get("container") or {}
    stamp = text_of(container, "message_ts")
    return f"{channel}:{stamp}" if stamp and not container.get("is_ephemeral") else None


def _required(payload: Payload, name: str) -> str:
    value = text_of(payload, name)
    if not value:
        raise Malformed(name)
    return value
