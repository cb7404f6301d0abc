"""The people of the demonstration, and one browser session of ours for each of them in the same browser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PERSON_COOKIE = "demo_person"
"""Names the person somebody speaks as: chooses among sessions, gives nobody one. The demo provider reads it too."""
NOBODY = "guest"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaygroundPerson:
    """Somebody to speak as. `name` is the chat account and the cookie's value."""

    name: str
    display_name: str
    title: str
    subject: str = ""
    """What the identity provider calls them: only to tell whose trace a run is."""
    timezone: str = ""
    """Of their chat profile."""
    password: str = ""
    """Theirs at the demo provider: shown, since nothing real stands behind it."""


def person_from_cookies(header: str, names: frozenset[str]) -> str:
    """The person a Cookie header speaks as; `guest` when it names none of ours."""
    for name, value in _pairs(header):
        if name == PERSON_COOKIE and value in names:
            return value
    return NOBODY


class PersonCookies:
    """ASGI middleware: our session cookies, one a person: inward `dw_session_john` -> `dw_session` and back."""

    def __init__(self, app: ASGIApp, *, cookies: Iterable[str], people: Iterable[str]) -> None:
        self._app = app
        self._cookies = frozenset(cookies)
        self._people = frozenset(people)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with this person's cookies only."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
        person = person_from_cookies(header, self._people)

        async def renaming(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [self._outward(name, value, person) for name, value in message.get("headers", [])]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(self._inward(scope, header, person), receive, renaming)

    def _inward(self, scope: Scope, header: str, person: str) -> Scope:
        kept = []
        for name, value in _pairs(header):
            base = name.removesuffix(f"_{person}")
            if base != name and base in self._cookies:
                kept.append(f"{base}={value}")
            elif not self._is_ours(name):
                kept.append(f"{name}={value}")
        headers = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
        if kept:
            headers.append((b"cookie", "; ".join(kept).encode("latin-1")))
        return {**scope, "headers": headers}

    def _is_ours(self, name: str) -> bool:
        return any(name == ours or name.startswith(f"{ours}_") for ours in self._cookies)

    def _outward(self, name: bytes, value: bytes, person: str) -> tuple[bytes, bytes]:
        cookie, separator, rest = value.partition(b"=")
        if name.lower() != b"set-cookie" or cookie.decode("latin-1") not in self._cookies:
            return name, value
        return name, cookie + f"_{person}".encode() + separator + rest


def _pairs(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(";"):
        name, separator, value = part.strip().partition("=")
        if separator:
            yield name, value
