"""`POST /ssf/events`: security event tokens as a transmitter pushes them (RFC 8935)."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adapters.signals.requests import Rejected, content_type, read_body, sender_of
from adapters.signals.secevent import TOKEN_BYTES, SetRefused, Transmitter, verified
from bot.errors import NotProven, Refusal, TooLarge, Unavailable
from bot.ports.clock import Clock
from bot.services.signals import Signals

EVENTS_PATH = "/ssf/events"
MEDIA_TYPE = "application/secevent+jwt"

log = structlog.get_logger("doorward.signals")


class Receiver:
    """Answers 202 only for what is stored (RFC 8935 §2.2); anything else is the transmitter's to send again."""

    def __init__(
        self, *, transmitters: Sequence[Transmitter], signals: Signals, clock: Clock, rejected: Rejected
    ) -> None:
        self._transmitters = transmitters
        self._signals = signals
        self._clock = clock
        self._rejected = rejected

    async def push(self, request: Request) -> Response:
        """One token."""
        try:
            return await self._take(request)
        except SetRefused as refused:
            await self._rejected("ssf", refused.code)
            return _error(400, refused.err, refused.detail)
        except NotProven as refused:
            await self._rejected("ssf", refused.code)
            answer = _error(401, "authentication_failed", "the credential is not one of ours")
            answer.headers["WWW-Authenticate"] = 'Bearer realm="ssf"'
            return answer
        except Refusal as refused:
            await self._rejected("ssf", refused.code)
            status = 413 if isinstance(refused, TooLarge) else 400
            return _error(status, "invalid_request", refused.detail)
        except Unavailable as away:
            log.warning("signal_not_taken", code=away.code)
            return Response(status_code=503, headers={"Retry-After": "5"})

    async def _take(self, request: Request) -> Response:
        transmitter = sender_of(request, self._transmitters, self._clock.now())
        if content_type(request) != MEDIA_TYPE:
            raise SetRefused("invalid_request", f"the body is not {MEDIA_TYPE}")
        body = await read_body(request, TOKEN_BYTES)
        try:
            token = body.decode("ascii").strip()
        except UnicodeDecodeError as malformed:
            raise SetRefused("invalid_request", "the token cannot be read") from malformed
        signal = await verified(token, transmitter, self._clock.now())
        # One that was taken before is acknowledged again, and has no further effect.
        await self._signals.receive(signal)
        return Response(status_code=202)


def _error(status: int, err: str, description: str) -> Response:
    """RFC 8935 §2.3."""
    return JSONResponse({"err": err, "description": description}, status, headers={"Content-Language": "en"})
