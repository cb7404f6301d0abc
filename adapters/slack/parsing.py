"""Turns authentic bytes into a payload of known shape, strictly: what is not of the form is refused, never guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from bot.errors import Malformed

MAX_DEPTH = 64
MAX_BRACKETS = 20_000
"""Far above fifty blocks of Block Kit, and refused before the parser spends time on it."""
MAX_FORM_FIELDS = 64
MAX_ENVELOPE_ID = 128

Payload = dict[str, Any]

_PARTS = ("event", "view", "user", "team", "enterprise", "channel", "container", "message")
_LISTS = ("actions", "authorizations")


def _no_constant(name: str) -> None:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def parse(content_type: str, raw_body: bytes) -> Payload:
    """The payload: an event's JSON, the JSON in an interaction's form, or a command's fields. Raises `Malformed`."""
    kind = content_type.partition(";")[0].strip().lower()
    text = _text(raw_body)
    if kind == "application/json":
        return _shaped(_json(text))
    if kind == "application/x-www-form-urlencoded":
        form = _form(text)
        return _shaped(_json(form["payload"])) if "payload" in form else _flat(form)
    raise Malformed("content-type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What Socket Mode wraps a payload in."""

    id: str
    takes_answer: bool
    """Whether an answer may stand in the acknowledgement."""
    payload: Payload


def parse_frame(text: str) -> Payload:
    """One frame of Socket Mode as JSON, within the limits that hold over HTTP. Raises `Malformed`."""
    frame = _json(text)
    if not isinstance(frame.get("type"), str):
        raise Malformed("type")
    return frame


def envelope_of(frame: Payload) -> Envelope:
    """The payload in a frame, of the kind the envelope says and in the shape it has over HTTP. Raises `Malformed`.

    See: https://docs.slack.dev/apis/events-api/using-socket-mode/
    """
    envelope_id, payload = frame.get("envelope_id"), frame.get("payload")
    if not isinstance(envelope_id, str) or not 0 < len(envelope_id) <= MAX_ENVELOPE_ID:
        raise Malformed("envelope_id")
    if not isinstance(payload, dict):
        raise Malformed("payload")
    match frame["type"]:
        case "slash_commands":
            shaped: Payload = _flat({name: value for name, value in payload.items() if isinstance(value, str)})
            fits = "command" in shaped
        case "events_api":
            shaped = _shaped(payload)
            fits = shaped["type"] == "event_callback" and "command" not in shaped
        case "interactive":
            shaped = _shaped(payload)
            fits = shaped["type"] != "event_callback" and "command" not in shaped
        case _:
            raise Malformed("envelope type")
    if not fits:
        raise Malformed("envelope type")
    return Envelope(id=envelope_id, takes_answer=frame.get("accepts_response_payload") is True, payload=shaped)


def _text(raw_body: bytes) -> str:
    try:
        return raw_body.decode("utf-8", "strict")
    except UnicodeDecodeError as exc:
        raise Malformed("encoding") from exc


def _form(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_FORM_FIELDS
        )
    except ValueError as exc:
        raise Malformed("form") from exc
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Malformed("form field twice")
    return form


def _json(text: str) -> Payload:
    brackets = text.count("{") + text.count("[")
    if brackets > MAX_BRACKETS:
        raise Malformed("too many parts")
    try:
        value = _decoder.decode(text)
    except (ValueError, RecursionError) as exc:
        raise Malformed("json") from exc
    if not isinstance(value, dict):
        raise Malformed("not an object")
    if brackets > MAX_DEPTH:  # fewer brackets than that cannot be nested deeper
        _refuse_depth(value)
    if "\\u" in text:
        _refuse_lone_surrogates(value)
    return value


def _refuse_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise Malformed("too deep")


def _children(node: object) -> list[object]:
    children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
    return [child for child in children if isinstance(child, (dict, list))]


def _refuse_lone_surrogates(value: Payload) -> None:
    """Half a character passes as JSON and breaks whatever stores it later."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise Malformed("half a character") from exc


def _flat(form: dict[str, str]) -> Payload:
    """A command's fields; a name that stands for a part elsewhere would be read as one, and is left out."""
    return {name: value for name, value in form.items() if name not in _PARTS and name not in _LISTS}


def _shaped(payload: Payload) -> Payload:
    """The parts every reader relies on have their types; Bolt raises on some of these otherwise."""
    if not isinstance(payload.get("type"), str):
        raise Malformed("type")
    for name in _PARTS:
        part = payload.get(name)
        if part is not None and not isinstance(part, dict):
            raise Malformed(name)
    needed = {"event_callback": "event", "view_submission": "view"}.get(payload["type"])
    if needed and not isinstance((payload.get(needed) or {}).get("type"), str):
        raise Malformed(needed)
    for name in _LISTS:
        parts = payload.get(name)
        if parts is not None and not (isinstance(parts, list) and all(isinstance(part, dict) for part in parts)):
            raise Malformed(name)
    return payload
