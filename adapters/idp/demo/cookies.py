"""One provider session for each demo person in the same browser: WSGI middleware that renames cookies by the person.

Cookies ignore ports, so the playground's `demo_person` cookie reaches the provider too; it only chooses which
session cookie is meant, and gives nobody a session.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PERSON_COOKIE = "demo_person"
SESSION_COOKIE = "provider_session"
"""What the provider itself calls its session cookie; never seen outside this middleware."""
RENAMED = {SESSION_COOKIE: "idp_session_{person}", "canaille_login_history": "idp_history_{person}"}
NOBODY = "guest"
_PERSON = re.compile(r"[a-z]{1,32}")


def person_of(cookies: SimpleCookie) -> str:
    """The demo person this browser is showing, or `guest`."""
    morsel = cookies.get(PERSON_COOKIE)
    return morsel.value if morsel and _PERSON.fullmatch(morsel.value) else NOBODY


def read_cookies(header: str) -> SimpleCookie:
    """The request's cookies; a header that cannot be read counts as none."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(header)
    except CookieError:
        return SimpleCookie()
    return cookies


def inward(cookies: SimpleCookie, person: str) -> str:
    """The Cookie header the provider gets: this person's cookies under the provider's names, and no others."""
    kept = {name: cookies.get(pattern.format(person=person)) for name, pattern in RENAMED.items()}
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in kept.items() if morsel)


def outward(header: str, person: str) -> str:
    """One Set-Cookie header, with the provider's name turned into this person's."""
    name, separator, rest = header.partition("=")
    pattern = RENAMED.get(name)
    return f"{pattern.format(person=person)}{separator}{rest}" if pattern else header


class PersonCookies:
    """WSGI middleware round the provider."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Rename the cookies on the way in and out."""
        cookies = read_cookies(environ.get("HTTP_COOKIE", ""))
        person = person_of(cookies)
        environ["HTTP_COOKIE"] = inward(cookies, person)
        environ["doorward.demo_person"] = person

        def renaming(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            renamed = [(name, outward(value, person) if name == "Set-Cookie" else value) for name, value in headers]
            return start_response(status, renamed, exc_info)

        return self._application(environ, renaming)
