"""Teams' activities into our own messages; who it is has been found out before, and no field in them can change it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from adapters.teams.guard import Admitted
from adapters.teams.parsing import Payload, part, text_of
from adapters.teams.platform import message_id
from adapters.teams.render import CODE_FIELD, HANDLE, PRESS, REFRESH, TEXT_FIELD, VIEW
from adapters.teams.wording import typed_text
from bot.domain.cards import Dialog
from bot.domain.identity import ChannelIdentity, Platform
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind, ReplyWindow
from bot.domain.secret import Secret
from bot.errors import Malformed

MAX_HANDLE = 512
MAX_EVENT_ID = 1100
MAX_TOKEN = 16 * 1024

_KINDS = {"personal": PlaceKind.DIRECT, "groupchat": PlaceKind.GROUP}
_THREAD = ";messageid="
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def from_message(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """A typed message. Raises `Malformed`."""
    message = _message(admitted, who, now, EventKind.MESSAGE)
    return replace(message, text=typed_text(admitted.activity))


def from_installation(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """The app was added to a personal chat: a command without words. Raises `Malformed`."""
    return _message(admitted, who, now, EventKind.COMMAND)


def from_press(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """`adaptiveCard/action`: a pressed button. Raises `Malformed`.

    In a channel or group chat what is read is shown on the card, to whoever pressed. Their client then sends it again
    by itself (verb `refresh`), to show the card anew: nobody pressed anything, so it reads and does nothing else.
    """
    value = part(admitted.activity, "value")
    action = part(value, "action")
    automatic = is_refresh(admitted)
    if not automatic and (text_of(value, "trigger") not in {"", "manual"} or text_of(action, "verb") != PRESS):
        raise Malformed("action")
    message = _with_handle(admitted, who, now, EventKind.PRESS, part(action, "data"))
    shared = message.place.kind is not PlaceKind.DIRECT
    if automatic and not shared:
        raise Malformed("refresh")
    return replace(message, in_place=shared, automatic=automatic)


def is_refresh(admitted: Admitted) -> bool:
    """Whether a client asks by itself for what only its own person may see on a card. Raises `Malformed`."""
    return text_of(part(part(admitted.activity, "value"), "action"), "verb") == REFRESH


def is_view(admitted: Admitted) -> bool:
    """Whether a client asks what its own person is shown of a shared card. Raises `Malformed`."""
    return text_of(part(part(admitted.activity, "value"), "action"), "verb") == VIEW


def from_view(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """What a client sends for a card it shows: nobody pressed anything. Raises `Malformed`, also in a personal chat."""
    data = part(part(part(admitted.activity, "value"), "action"), "data")
    message = _with_handle(admitted, who, now, EventKind.PRESS, data)
    if message.place.kind is PlaceKind.DIRECT:
        raise Malformed("view")
    return replace(message, in_place=True, automatic=True)


def from_fetch(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """`task/fetch`: a pressed button that opens a dialog. Raises `Malformed`."""
    return _with_handle(admitted, who, now, EventKind.PRESS, part(part(admitted.activity, "value"), "data"))


def from_submission(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """`task/submit`: a submitted dialog, codes left out. Raises `Malformed`."""
    data = part(part(admitted.activity, "value"), "data")
    message = _with_handle(admitted, who, now, EventKind.SUBMISSION, data)
    fields = {name.removeprefix(TEXT_FIELD): text_of(data, name) for name in data if name.startswith(TEXT_FIELD)}
    return replace(message, fields=fields)


def code_in(admitted: Admitted) -> Secret | None:
    """The one-time code of a submitted dialog. Raises `Malformed`."""
    data = part(part(admitted.activity, "value"), "data")
    codes = [text_of(data, name) for name in data if name.startswith(CODE_FIELD)]
    return Secret(codes[0].strip()) if codes else None


def from_exchange(admitted: Admitted, who: ChannelIdentity, now: datetime) -> IncomingMessage:
    """`signin/tokenExchange`: each of the person's clients sends it once, all under the card's own id.

    Raises `Malformed`, also outside the personal chat: no sign-in is taken from where others are.
    """
    exchange = _required(part(admitted.activity, "value"), "id")
    message = _message(admitted, who, now, EventKind.COMMAND)
    if message.place.kind is not PlaceKind.DIRECT:
        raise Malformed("sign-in outside the personal chat")
    return replace(message, event_id=f"exchange:{message.place.conversation}:{exchange}"[:MAX_EVENT_ID])


def token_in(admitted: Admitted) -> Secret:
    """The token of an exchange. Raises `Malformed`."""
    token = text_of(part(admitted.activity, "value"), "token")
    if not 0 < len(token) <= MAX_TOKEN:
        raise Malformed("token")
    return Secret(token)


def with_error(dialog: Dialog, field: str, text: str) -> Dialog:
    """The same dialog with a sentence at one of its fields, the first where none of that name is there."""
    names = [known.name for known in dialog.fields]
    at = field if field in names else (names[0] if names else "")
    fields = tuple(replace(known, error=text if known.name == at else "") for known in dialog.fields)
    return replace(dialog, fields=fields)


def _with_handle(
    admitted: Admitted, who: ChannelIdentity, now: datetime, kind: EventKind, data: Payload
) -> IncomingMessage:
    handle = text_of(data, HANDLE)
    if not 0 < len(handle) <= MAX_HANDLE:
        raise Malformed(HANDLE)
    message = _message(admitted, who, now, kind)
    source = text_of(admitted.activity, "replyToId")
    return replace(
        message,
        window=ReplyWindow.IN_RESPONSE,
        handle=handle,
        source=message_id(_conversation(admitted.activity), source) if source else None,
    )


def _message(admitted: Admitted, who: ChannelIdentity, now: datetime, kind: EventKind) -> IncomingMessage:
    activity = admitted.activity
    conversation = _conversation(activity)
    return IncomingMessage(
        event_id=f"{kind}:{conversation}:{_required(activity, 'id')}",
        kind=kind,
        who=who,
        place=_place(admitted, conversation),
        received_at=now,
        locale=text_of(activity, "locale") or None,
        timezone=text_of(activity, "localTimezone") or None,
    )


def place_of(admitted: Admitted) -> Place:
    """Where an activity says that it happened. Raises `Malformed`."""
    return _place(admitted, _conversation(admitted.activity))


def group_of(admitted: Admitted) -> str:
    """The directory's group behind the team of a channel; empty where the activity names none."""
    team = part(admitted.activity, "channelData").get("team")
    group = team.get("aadGroupId") if isinstance(team, dict) else None
    return group.lower() if isinstance(group, str) and _GUID.fullmatch(group) else ""


def _place(admitted: Admitted, conversation: str) -> Place:
    """Whatever is not said to be smaller counts as a channel, where the most people read."""
    kind = text_of(part(admitted.activity, "conversation"), "conversationType").lower()
    base, _, thread = conversation.partition(_THREAD)
    return Place(
        platform=Platform.TEAMS,
        tenant=admitted.tenant,
        conversation=base,
        kind=_KINDS.get(kind, PlaceKind.CHANNEL),
        thread=thread or None,
        service=admitted.service,
    )


def _conversation(activity: Payload) -> str:
    return _required(part(activity, "conversation"), "id")


def _required(payload: Payload, name: str) -> str:
    value = text_of(payload, name)
    if not value or len(value) > MAX_HANDLE:
        raise Malformed(name)
    return value
