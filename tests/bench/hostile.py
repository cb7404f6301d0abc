"""What an oversized or crooked request costs: how long its refusal takes, and how far the process grows (row 14).

`python -m tests.bench.hostile` prints what was found, with `--json` for the test. Each request goes straight into our
endpoint, genuinely signed, so that what is measured is the guard and the parser, in a process that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp

from adapters.slack.guard import MAX_BODY_BYTES as SLACK_BYTES
from adapters.teams.parsing import MAX_BODY_BYTES as TEAMS_BYTES
from tests.fakes.clock import FixedClock
from tests.fakes.slack_app import slack_side
from tests.fakes.teams_app import teams_side

GOAL_SECONDS, GOAL_BYTES = 0.050, 20_000_000
ROUNDS = 5
PIECE = 65_536
"""What a server reads at once."""
TEN_MEGABYTES = 10 * 1024 * 1024
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ANSWER_SECONDS = 120
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One kind of request."""

    what: str
    status: int
    seconds: float
    """The median of the rounds."""
    pieces: int
    """How many pieces of the body were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """Every kind of it, and by how much the process had grown at its largest."""

    refused: tuple[Refused, ...]
    growth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to one of our endpoints; the body comes in pieces, as from a server."""

    what: str
    path: str
    headers: Headers
    body: bytes
    times: int = 1
    """How often the body comes, where it is a flood."""


def crooked(size: int) -> Iterator[tuple[str, bytes]]:
    """Bodies of about this size that cost a parser the most: depth, many parts, many small values."""
    yield "100,000 deep", b"[" * min(100_000, size // 2) + b"]" * min(100_000, size // 2)
    for what, piece in {
        "lists side by side": b"[]",
        "objects side by side": b"{}",
        "short texts": b'"ab"',
        "escaped letters": rb'"\u0141"',
        "escaped pairs": rb'"\ud83d\ude00"',
        "numbers": b"1.5",
    }.items():
        yield what, b'{"a":[' + b",".join([piece] * ((size - 16) // (len(piece) + 1))) + b"]}"
    yield "names", b"{" + b",".join(b'"%05d":0' % number for number in range((size - 16) // 10)) + b"}"
    yield "one long text", b'{"a":"' + b"x" * (size - 16) + b'"}'


async def hostile() -> Hostile:
    """Send every kind of it to both endpoints."""
    clock = FixedClock(START)
    async with slack_side(clock) as slack, teams_side(clock) as teams:

        def signed(body: bytes, kind: str) -> Headers:
            return _headers(slack.slack.signed(body, kind))

        proven = _headers({"authorization": f"Bearer {teams.teams.token()}", "content-type": JSON})
        requests = [
            *_of_slack(signed),
            *(
                Request(what=what, path="/api/messages", headers=proven, body=body)
                for what, body in crooked(TEAMS_BYTES)
            ),
            *_floods("/slack/events", signed(b"", JSON)),
            *_floods("/api/messages", proven),
        ]
        apps = {"/slack/events": _app(slack.client), "/api/messages": _app(teams.client)}
        for path, headers, body in (("/slack/events", signed(b"{}", JSON), b"{}"), ("/api/messages", proven, b"{}")):
            await _sent(apps[path], Request(what="", path=path, headers=headers, body=body))
        before = _largest()
        found = tuple([await _measured(apps[request.path], request) for request in requests])
        return Hostile(refused=found, growth=_largest() - before)


def _of_slack(signed: Callable[[bytes, str], Headers]) -> Iterator[Request]:
    """As an event, and as the JSON in an interaction's form, where every byte may be escaped once more."""
    for what, body in crooked(SLACK_BYTES):
        yield Request(what=what, path="/slack/events", headers=signed(body, JSON), body=body)
        form = b"payload=" + quote(body.decode(), safe='[]{}":,').encode()
        cut = form[:SLACK_BYTES]
        yield Request(what=f"{what}, in a form", path="/slack/events", headers=signed(cut, FORM), body=cut)


def _of_teams(proven: Headers) -> Iterator[Request]:
    for what, body in crooked(TEAMS_BYTES):
        yield Request(what=what, path="/api/messages", headers=proven, body=body)


def _floods(path: str, headers: Headers) -> Iterator[Request]:
    piece = b"x" * PIECE
    yield Request(what="10 MB", path=path, headers=headers, body=piece, times=TEN_MEGABYTES // PIECE)
    announced = [*headers, (b"content-length", str(TEN_MEGABYTES).encode())]
    yield Request(what="10 MB, announced", path=path, headers=announced, body=piece, times=TEN_MEGABYTES // PIECE)


def _headers(given: dict[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in given.items()]


def _app(client: Any) -> ASGIApp:
    """The application that a client of the tests speaks with."""
    app: ASGIApp = client._transport.app
    return app


async def _measured(app: ASGIApp, request: Request) -> Refused:
    taken, status, pieces = list[float](), 0, 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        status, pieces = await _sent(app, request)
        taken.append(time.perf_counter() - began)
    platform = "Slack" if request.path.startswith("/slack") else "Teams"
    middle = sorted(taken)[ROUNDS // 2]
    return Refused(what=f"{platform}: {request.what}", status=status, seconds=middle, pieces=pieces)


async def _sent(app: ASGIApp, request: Request) -> tuple[int, int]:
    """Status, and how many pieces of the body were read."""
    view, read, status = memoryview(request.body), 0, 0
    count = request.times if request.times > 1 else -(-len(view) // PIECE)

    async def receive() -> dict[str, Any]:
        nonlocal read
        at = 0 if request.times > 1 else read * PIECE
        read += 1
        return {"type": "http.request", "body": bytes(view[at : at + PIECE]), "more_body": read < count}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "method": "POST",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": request.headers,
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    return status, read


def _largest() -> int:
    """Bytes this process has held at its largest."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_own_process() -> Hostile:
    """Measure where nothing else has grown the process before."""
    command = [sys.executable, "-m", "tests.bench.hostile", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=True)
    found = json.loads(done.stdout)
    return Hostile(refused=tuple(Refused(**one) for one in found["refused"]), growth=found["growth"])


def line(found: Hostile) -> str:
    """For people, and for Markdown."""
    slowest = max(found.refused, key=lambda one: one.seconds)
    return (
        f"- {len(found.refused)} kinds of oversized and crooked requests, genuinely signed, were each refused within "
        f"{slowest.seconds * 1000:.1f} ms ({slowest.what}; goal: {GOAL_SECONDS * 1000:.0f} ms), and the process grew "
        f"by {found.growth / 1e6:.1f} MB (goal: {GOAL_BYTES / 1e6:.0f} MB)."
    )


def main() -> None:
    """Measure and print."""
    found = asyncio.run(hostile())
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(asdict(found)))
        return
    for one in found.refused:
        sys.stdout.write(f"{one.status} {one.seconds * 1000:8.2f} ms {one.pieces:4} pieces  {one.what}\n")
    sys.stdout.write(line(found) + "\n")


if __name__ == "__main__":
    main()
