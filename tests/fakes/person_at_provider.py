"""A person with a browser at the demo provider: fills in its pages over HTTP and brings back the response."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import httpx2

from adapters.idp.demo.people import PASSWORD

_CSRF = re.compile(r'<input[^>]*?name="csrf_token"[^>]*?value="([^"]*)"')
PAGES_AT_MOST = 8


class SignInFailed(AssertionError):
    """The provider did not send the browser back."""


class PersonAtProvider:
    """One browser, with one cookie jar for everybody who uses it."""

    def __init__(self, *, one_each: bool = False) -> None:
        """With `one_each` everybody has a browser of their own."""
        self.browser = httpx2.Client(trust_env=False)
        self._one_each = one_each
        self._browsers = {"": self.browser}
        self.passwords_typed = 0
        self.last_page = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for browser in self._browsers.values():
            browser.close()

    def show(self, username: str) -> None:
        """What the playground does when one switches to a person."""
        if self._one_each:
            if username not in self._browsers:
                self._browsers[username] = httpx2.Client(trust_env=False)
            self.browser = self._browsers[username]
        # The second is what `http.cookiejar` calls a host without a dot.
        for domain in ("127.0.0.1", "localhost.local"):
            self.browser.cookies.set("demo_person", username, domain=domain, path="/")

    def sign_in(self, authorize_url: str, redirect_uri: str, *, password: str = PASSWORD) -> dict[str, str]:
        """The authorization response; raises SignInFailed when the provider keeps asking."""
        response = self.browser.get(authorize_url)
        for _ in range(PAGES_AT_MOST):
            if not response.is_redirect:
                response = self._type(response, password)
            location = str(response.headers.get("Location", ""))
            if location.startswith(redirect_uri):
                return dict(parse_qsl(urlsplit(location).query))
            if location:
                response = self.browser.get(response.url.join(location))
        raise SignInFailed(f"the provider stays at {response.url.path}")

    def _type(self, page: httpx2.Response, password: str) -> httpx2.Response:
        self.last_page = page.text
        token = _CSRF.search(page.text)
        if page.status_code != 200 or token is None:
            raise SignInFailed(f"{page.url.path} answered {page.status_code} and has no form")
        self.passwords_typed += 1
        answer = self.browser.post(page.url, data={"csrf_token": token[1], "password": password})
        self.last_page = answer.text
        return answer
