"""Reads what a browser sends, within limits."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.requests import Request

from bot.errors import Malformed, TooLarge

BODY_BYTES = 64 * 1024
MAX_FIELDS = 32
FORM = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form. Raises `Malformed`, `TooLarge`."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM:
        raise Malformed("not a form", code="form.malformed")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLarge("the form is too large", code="form.too_large")
    try:
        return _once(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        )
    except ValueError as broken:
        raise Malformed("not a form", code="form.malformed") from broken


def read_query(request: Request) -> dict[str, str]:
    """The query's parameters. Raises `Malformed` where one comes twice (RFC 6749 §3.1) or there are too many."""
    pairs = request.query_params.multi_items()
    if len(pairs) > MAX_FIELDS:
        raise Malformed("too many parameters", code="form.malformed")
    return _once(pairs)


def _once(pairs: list[tuple[str, str]]) -> dict[str, str]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Malformed("a field comes twice", code="form.malformed")
    return fields
