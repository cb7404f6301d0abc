"""`max_age=0` as the standard means it: WSGI middleware that asks Canaille for it in words it can act on.

Canaille compares `auth_time + max_age` with the present moment on every pass, so `max_age=0` would ask for the
password again and again; `prompt=login` asks once (OpenID Connect Core §3.1.2.1: both force re-authentication).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

AUTHORIZE_PATH = "/oauth/authorize"
TOO_SHORT_SECONDS = 5
"""A page cannot be passed faster than this, so a shorter `max_age` is a demand to authenticate now."""


def forced(query: str) -> str:
    """The query with a `max_age` too short to satisfy replaced by `prompt=login`; any other query as it is."""
    pairs = parse_qsl(query, keep_blank_values=True)
    asked = dict(pairs).get("max_age", "")
    if not asked.isdecimal() or int(asked) > TOO_SHORT_SECONDS:
        return query
    return urlencode([pair for pair in pairs if pair[0] not in ("max_age", "prompt")] + [("prompt", "login")])


class ForcedAuthentication:
    """WSGI middleware in front of the authorization endpoint."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Translate `max_age=0`."""
        if environ.get("PATH_INFO") == AUTHORIZE_PATH:
            environ["QUERY_STRING"] = forced(environ.get("QUERY_STRING", ""))
        return self._application(environ, start_response)
