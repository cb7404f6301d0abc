"""Claims challenges: reads what a provider wants to see, and puts it into the next authorization request.

A challenge comes in a token endpoint's error (`claims`) or with a 401 of Graph (`WWW-Authenticate`, in base64). It is
carried on only where it is a small JSON object of the members that OpenID Connect Core §5.5 and Entra know; anything
else is dropped, and the person signs in without it.
See: https://learn.microsoft.com/entra/identity-platform/claims-challenge
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode
from typing import Any

MAX_CHARACTERS = 1024
"""It stands in an authorization request's URL."""
MAX_DEPTH = 6
MEMBERS = ("access_token", "id_token", "userinfo")
_IN_HEADER = re.compile(r'(?:^|[\s,])claims="([A-Za-z0-9+/=_-]+)"')


def read_challenge(value: object) -> str:
    """The challenge in one canonical form; empty where it is none that is carried on."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_CHARACTERS:
        return ""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    kept = {name: found[name] for name in MEMBERS if isinstance(found.get(name), dict) and found[name]}
    if not kept or _depth(kept) > MAX_DEPTH:
        return ""
    text = json.dumps(kept, separators=(",", ":"))
    return text if len(text) <= MAX_CHARACTERS else ""


def from_header(value: str) -> str:
    """The challenge of a `WWW-Authenticate` header (RFC 6750 §3, with Entra's `claims`); empty where there is none."""
    found = _IN_HEADER.search(value)
    if found is None or 'error="insufficient_claims"' not in value:
        return ""
    try:
        encoded = found.group(1).replace("-", "+").replace("_", "/")
        return read_challenge(b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return ""


def merged(challenge: str, ours: str | None) -> str | None:
    """The `claims` parameter with both; what we ask for ourselves stands, whatever the challenge says of it."""
    if not challenge:
        return ours
    both: dict[str, Any] = json.loads(challenge)
    for member, wanted in json.loads(ours or "{}").items():
        both[member] = {**both.get(member, {}), **wanted}
    return json.dumps(both)


def _depth(value: object) -> int:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((_depth(one) for one in inside), default=0)
