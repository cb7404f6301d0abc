"""The headers every answer of this server carries, refusals and faults included (OWASP ASVS 3.4)."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("doorward.web")
HSTS_SECONDS = 63_072_000
BUSY = "Doorward cannot answer just now. Nothing is lost: please try again in a moment.\n"


def security_headers(*, https: bool, sign_in_origins: Iterable[str] = ()) -> dict[str, str]:
    """The headers, and their values where a route has not set its own."""
    targets = " ".join(["'self'", *sign_in_origins])
    headers = {
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
        ),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    if https:
        headers["strict-transport-security"] = f"max-age={HSTS_SECONDS}; includeSubDomains"
    return headers


class SecurityHeaders:
    """ASGI middleware, the outermost: it also answers what nobody caught, without a word about it."""

    def __init__(self, app: ASGIApp, *, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def adding(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    present.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, adding)
        except Exception as fault:
            # The fault's text may quote what somebody sent, so only its kind and place are told.
            at = traceback.extract_tb(fault.__traceback__)[-1]
            log.error("request_failed", fault=type(fault).__name__, at=f"{at.filename}:{at.lineno}")  # noqa: TRY400
            if started:
                raise
            await PlainTextResponse(BUSY, 503)(scope, receive, adding)
