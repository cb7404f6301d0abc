"""Stands in front of Bolt and lets through only what Slack signed, lately, in the right form, from our workspaces.

What must hold before anything else sees a request, in this order:

1. the body is at most `MAX_BODY_BYTES`, else 413 (`read_body`)
2. one timestamp header of ASCII digits and one signature header of the `v0` shape, else 401
3. the timestamp is at most 300 s old and at most 60 s ahead, else 401
4. HMAC-SHA256 over the raw bytes under a secret in force equals the signature, in constant time, else 401
5. the bytes are strict UTF-8, JSON or a form, not too deep and of the shape of their kind, else 400 (`parsing`)
6. workspace and app are ours, else 403 (`workspaces`)

The caller still has to find out which person it is, and whether one was there at all (`people`, `translate`).
`ssl_check` is signed like everything else, so it is answered only after step 4, as Bolt for JavaScript does.
See: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from starlette.types import Receive

from adapters.slack.config import SigningSecret
from bot.errors import Malformed, NotProven, TooLarge

MAX_BODY_BYTES = 512_000
"""Several times what Slack sends of a message with all its blocks; twice this took 37 MB to read at its worst."""
BODY_SECONDS = 5
MAX_AGE_SECONDS = 300
MAX_AHEAD_SECONDS = 60
"""Stricter than Slack's own rule, which is 300 s either way."""

_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_SIGNATURE = re.compile(rb"v0=[0-9a-f]{64}")


async def read_body(headers: Sequence[tuple[bytes, bytes]], receive: Receive) -> bytes:
    """The raw bytes, never more than allowed. Raises `TooLarge`, or `Malformed` when they do not come."""
    announced = [value for name, value in headers if name == b"content-length"]
    if any(not value.isdigit() or int(value[:12]) > MAX_BODY_BYTES for value in announced):
        raise TooLarge("content-length")
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


def verify(
    headers: Sequence[tuple[bytes, bytes]], raw_body: bytes, secrets: Sequence[SigningSecret], now: datetime
) -> None:
    """Prove that Slack sent these bytes lately, or raise `NotProven`: conditions 2 to 4 above."""
    # condition 2
    timestamp = _only(headers, b"x-slack-request-timestamp", _TIMESTAMP)
    signature = _only(headers, b"x-slack-signature", _SIGNATURE)
    # condition 3
    age = now.timestamp() - int(timestamp)
    if not -MAX_AHEAD_SECONDS <= age <= MAX_AGE_SECONDS:
        raise NotProven("timestamp")
    # condition 4; every secret is tried, so that the time taken does not tell which one it was
    base = b"v0:" + timestamp + b":" + raw_body
    matches = [hmac.compare_digest(_signature(secret, base), signature) for secret in secrets if _in_force(secret, now)]
    if not any(matches):
        raise NotProven("signature")


def _only(headers: Sequence[tuple[bytes, bytes]], name: bytes, shape: re.Pattern[bytes]) -> bytes:
    values = [value for key, value in headers if key == name]
    if len(values) != 1 or not shape.fullmatch(values[0]):
        raise NotProven(name.decode())
    return values[0]


def _in_force(secret: SigningSecret, now: datetime) -> bool:
    return secret.until is None or now < secret.until


def _signature(secret: SigningSecret, base: bytes) -> bytes:
    return b"v0=" + hmac.digest(secret.value.reveal().encode(), base, "sha256").hex().encode()
