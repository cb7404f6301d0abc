"""Oversized and crooked requests, genuinely signed: refused early, and the process stays as small as it was.

How long a refusal takes is measured by `tests.bench.hostile`; what makes it quick is held here: what is too large is
not read, and what has too many parts is not parsed.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from urllib.parse import quote_from_bytes

import pytest

from adapters.slack import guard
from adapters.slack import parsing as slack
from adapters.teams import parsing as teams
from bot.errors import Malformed
from tests.bench.hostile import GOAL_BYTES, PIECE, Hostile, in_own_process

ONE_MEGABYTE = 1_000_000
LIMITS = {"Slack": guard.MAX_BODY_BYTES, "Teams": teams.MAX_BODY_BYTES}


@pytest.fixture(scope="module")
def hostile() -> Hostile:
    return in_own_process()


@pytest.mark.requirement("14")
class TestHostile:
    def test_everything_is_refused(self, hostile: Hostile) -> None:
        statuses = {one.what: one.status for one in hostile.refused}
        assert len(statuses) == len(hostile.refused) > 30
        assert [what for what, status in statuses.items() if status not in {400, 403, 413}] == []
        assert {status for what, status in statuses.items() if "10 MB" in what} == {413}
        assert {status for what, status in statuses.items() if "deep" in what or "side by side" in what} == {400}

    def test_the_process_stays_small(self, hostile: Hostile) -> None:
        assert hostile.growth < GOAL_BYTES

    def test_what_is_too_large_is_not_read(self, hostile: Hostile) -> None:
        read = {one.what: one.pieces for one in hostile.refused if "10 MB" in one.what}
        for platform, limit in LIMITS.items():
            assert read[f"{platform}: 10 MB, announced"] == 0
            assert read[f"{platform}: 10 MB"] == limit // PIECE + 1

    @pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
    def test_a_text_of_a_megabyte_is_too_large(self, limit: int) -> None:
        assert limit < ONE_MEGABYTE


def _in_a_form(raw_body: bytes) -> bytes:
    return b"payload=" + quote_from_bytes(raw_body, safe='[]{}":,').encode()


Parser = tuple[Callable[[bytes], bytes], Callable[[bytes], object]]
PARSERS: dict[str, Parser] = {
    "Slack": (bytes, lambda body: slack.parse("application/json", body)),
    "a form": (_in_a_form, lambda body: slack.parse("application/x-www-form-urlencoded", body)),
    "Socket Mode": (bytes, lambda body: slack.parse_frame(body.decode())),
    "Teams": (bytes, lambda body: teams.parse([(b"content-type", b"application/json")], body)),
}
"""What stands around the JSON, and what reads it."""


@pytest.mark.requirement("14")
@pytest.mark.parametrize("piece", [b"[]", b"{}", b'{"":0}'])
@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
def test_too_many_parts_are_counted_and_not_made(parser: Parser, piece: bytes) -> None:
    """A list of lists takes thirty times its bytes once it is made."""
    wrapped, parse = parser
    body = wrapped(b'{"type":"x","a":[' + b",".join([piece] * (120_000 // len(piece))) + b"]}")
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="too many parts"):
            parse(body)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * len(body)


@pytest.mark.requirement("14")
@pytest.mark.parametrize("parser", PARSERS.values(), ids=PARSERS)
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_depth_is_exact(parser: Parser, opening: bytes) -> None:
    wrapped, parse = parser

    def nested(levels: int) -> bytes:
        """One is the object around it."""
        closing = {b"[": b"]"}.get(opening, b"}")
        return b'{"type":"x","a":' + opening * (levels - 1) + b"0" + closing * (levels - 1) + b',"b":[[],[]]}'

    parse(wrapped(nested(64)))
    with pytest.raises(Malformed, match="too deep"):
        parse(wrapped(nested(65)))
