"""Turns bytes into one JSON object, strictly: what is not of the form is refused, never guessed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from starlette.types import Receive

from bot.errors import Malformed, TooLarge

MAX_BODY_BYTES = 256_000
"""Teams holds messages to about 100 KB."""
BODY_SECONDS = 5
MAX_DEPTH = 64
MAX_BRACKETS = 10_000
"""Far above any activity, and refused before the parser spends time on it."""

Headers = Sequence[tuple[bytes, bytes]]
Payload = dict[str, Any]


def _no_constant(name: str) -> None:
    raise ValueError(name)


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def announced(headers: Headers) -> None:
    """Refuse what says itself that it is too large. Raises `TooLarge`, `Malformed`."""
    for value in (value for name, value in headers if name == b"content-length"):
        if not value.isdigit():
            raise Malformed("content-length")
        if len(value) > 9 or int(value) > MAX_BODY_BYTES:
            raise TooLarge("content-length")


async def read_body(receive: Receive) -> bytes:
    """The raw bytes, never more than allowed. Raises `TooLarge`, or `Malformed` when they do not come."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    raise Malformed("the sender went away")
                chunk: bytes = event.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise TooLarge("body")
                chunks.append(chunk)
                if not event.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as exc:
        raise Malformed("the body did not arrive") from exc


def parse(headers: Headers, raw_body: bytes) -> Payload:
    """The activity's JSON object, of bounded depth and whole characters. Raises `Malformed`."""
    kinds = [value.partition(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    if kinds != [b"application/json"]:
        raise Malformed("content-type")
    try:
        text = raw_body.decode("utf-8", "strict")
        brackets = text.count("{") + text.count("[")
        if brackets > MAX_BRACKETS:
            raise Malformed("too many parts")
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


def part(payload: Payload, name: str) -> Payload:
    """An object inside; an empty one where there is none. Raises `Malformed` for anything else."""
    value = payload.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Malformed(name)
    return value


def text_of(payload: Payload, name: str) -> str:
    """A string inside; empty where there is none. Raises `Malformed` for anything else."""
    value = payload.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(name)
    return value
