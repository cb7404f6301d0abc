"""Keeps other sites from posting with a person's cookie.

A POST counts when both hold:

(1) the browser says that it comes from a page of ours (Fetch Metadata §2.4, else the Origin header of RFC 6454 §7);
(2) it carries the token of this browser: an HMAC of what its forms are bound to (OWASP's signed double submit), which
    is its session, or the cookie's value where nobody signed in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from starlette.requests import Request

from bot.errors import NotAllowed

FIELD = "csrf_token"


class Forged(NotAllowed):
    """A form that does not come from this browser's own page of ours."""


class CsrfGuard:
    """Makes and checks the tokens of our forms."""

    def __init__(self, key: bytes | Callable[[], Sequence[bytes]], public_url: str) -> None:
        """With a function for a key, what it gives at the moment: the first one makes, all of them check."""
        self._keys = key if callable(key) else lambda: (key,)
        parts = urlsplit(public_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"

    def token(self, browser_id: str) -> str:
        """The token for the forms of this browser."""
        return _token(self._keys()[0], browser_id)

    def check(self, request: Request, browser_id: str | None, token: str) -> None:
        """Check conditions (1) and (2). Raises `Forged`."""
        # (1): the browser's word
        if not self._from_ours(request):
            raise Forged("the form was sent from another site", code="csrf.origin")
        # (2): the token
        expected = [] if not browser_id else [_token(key, browser_id) for key in self._keys()]
        if not any([hmac.compare_digest(one.encode(), token.encode()) for one in expected]):  # noqa: C419 - all compared
            raise Forged("the form has no token of this browser", code="csrf.token")

    def _from_ours(self, request: Request) -> bool:
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        # A page without referrer sends `Origin: null` with its forms (Fetch §3.2.1): then Fetch Metadata alone counts.
        if origin not in {None, "null", self._origin}:
            return False
        return site == "same-origin" if site is not None else origin == self._origin


def _token(key: bytes, browser_id: str) -> str:
    return hmac.new(key, f"form|{browser_id}".encode(), hashlib.sha256).hexdigest()
