"""The JSON Canonicalization Scheme (RFC 8785) for what digests and MACs are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping

import rfc8785

MAX_INTEGER = 2**53 - 1
_encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, sort_keys=True)

Plain = str | int | bool | None
Canonical = Mapping[str, "Plain | Mapping[str, Plain]"]


def canonical_json(value: Canonical) -> bytes:
    """The canonical bytes. Raises `ValueError` for an integer that JSON readers do not keep, and for half a character.

    For strings, small integers and ASCII keys the standard library's encoder gives the same bytes, in a tenth of the
    time; anything else is left to the library of the standard.
    """
    if _is_simple(value):
        return _encoder.encode(value).encode()
    return rfc8785.dumps(dict(value))


def _is_simple(value: Canonical) -> bool:
    for key, part in value.items():
        if not key.isascii():
            return False
        if isinstance(part, str) or part is None:
            continue
        if isinstance(part, int):
            if not -MAX_INTEGER <= part <= MAX_INTEGER:
                return False
        elif not isinstance(part, dict) or not _is_simple(part):
            return False
    return True
