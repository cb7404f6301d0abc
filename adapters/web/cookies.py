"""The one cookie of our pages: which browser this is, and nothing else."""

from __future__ import annotations

import re
import secrets
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bot.errors import Misconfigured

BROWSER_ID_BYTES = 24
_ID = re.compile(r"[A-Za-z0-9_-]{20,64}")
SECURE_NAME = "__Host-dw_session"
PLAIN_NAME = "dw_session"


class BrowserCookie:
    """Reads, sets and clears it. `__Host-` keeps subdomains from setting one (RFC 6265bis §4.1.3.2)."""

    def __init__(self, public_url: str, *, development: bool) -> None:
        """Raises `Misconfigured` for plain http anywhere but in development on this computer."""
        parts = urlsplit(public_url)
        self._secure = parts.scheme == "https"
        if not self._secure and not (development and parts.scheme == "http" and _is_loopback(parts.hostname or "")):
            raise Misconfigured(
                f"public_url: {parts.scheme}://{parts.netloc} is not https; plain http is for development on 127.0.0.1"
            )
        self.name = SECURE_NAME if self._secure else PLAIN_NAME

    def read(self, request: Request) -> str | None:
        """The browser's id, where the cookie has the form of one."""
        value = request.cookies.get(self.name, "")
        return value if _ID.fullmatch(value) else None

    def set(self, response: Response, browser_id: str) -> None:
        """Set it until the browser closes. Lax: it has to travel on the way back from the provider, a foreign GET."""
        response.set_cookie(self.name, browser_id, path="/", secure=self._secure, httponly=True, samesite="lax")

    def is_set(self, response: Response) -> bool:
        """Whether an answer sets or clears it already."""
        return any(value.startswith(f"{self.name}=") for value in response.headers.getlist("set-cookie"))

    def clear(self, response: Response) -> None:
        """Take it away."""
        response.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="lax")


def new_browser_id() -> str:
    """An id for a browser nobody has signed in with."""
    return secrets.token_urlsafe(BROWSER_ID_BYTES)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
