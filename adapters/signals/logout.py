"""`POST /oidc/backchannel-logout`: a session at the provider is over (Back-Channel Logout 1.0)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from urllib.parse import parse_qsl

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.signals.requests import Rejected, content_type, read_body
from bot.domain.signal import Happening, LogoutToken, Signal, SignalKind, SignalSource
from bot.errors import Malformed, Refusal, TooLarge, Unavailable
from bot.ports.clock import Clock
from bot.services.signals import Signals

LOGOUT_PATH = "/oidc/backchannel-logout"
BODY_BYTES = 64 * 1024
NO_STORE = {"Cache-Control": "no-store"}

VerifyLogout = Callable[[str, datetime], Awaitable[LogoutToken]]
"""Proves a logout token against the providers of the settings. Raises `SignInRefused`, `ProviderUnavailable`."""

log = structlog.get_logger("doorward.signals")


class BackchannelLogout:
    """Everything of the person ends, whichever of their sessions was meant: that only ever takes away more."""

    def __init__(self, *, verify: VerifyLogout, signals: Signals, clock: Clock, rejected: Rejected) -> None:
        self._verify = verify
        self._signals = signals
        self._clock = clock
        self._rejected = rejected

    async def receive(self, request: Request) -> Response:
        """One logout token (§2.5); 200 and 400 as §2.8 has them."""
        try:
            await self._take(request)
        except Refusal as refused:
            await self._rejected("logout", refused.code)
            status = 413 if isinstance(refused, TooLarge) else 400
            problem = {"error": "invalid_request", "error_description": refused.code}
            return JSONResponse(problem, status, headers=NO_STORE)
        except Unavailable as away:
            log.warning("logout_not_taken", code=away.code)
            return Response(status_code=503, headers={**NO_STORE, "Retry-After": "5"})
        return Response(status_code=200, headers=NO_STORE)

    async def _take(self, request: Request) -> None:
        token = await self._verify(_token(request, await read_body(request, BODY_BYTES)), self._clock.now())
        source = SignalSource(channel=f"logout:{token.provider}", issuer=token.issuer)
        subject = None if token.subject is None else source.identity(token.subject)
        if subject is None and token.session is not None:
            subject = await self._signals.whose_over(token.issuer, token.session)
        happening = Happening(kind=SignalKind.LOGOUT, subject=subject)
        if not await self._signals.receive(Signal(source=source, id=token.id, happenings=(happening,))):
            raise Malformed("this token was received before", code="signal.replayed")


def _token(request: Request, body: bytes) -> str:
    if content_type(request) != "application/x-www-form-urlencoded":
        raise Malformed("not a form")
    try:
        fields = parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=8)
    except ValueError as malformed:
        raise Malformed("not a form") from malformed
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1:
        raise Malformed("not exactly one logout_token")
    return tokens[0]
