"""Fetches security event tokens where a transmitter cannot reach us (RFC 8936).

A token is acknowledged in the next request after it was stored, and refused there in the words of RFC 8935 §2.4 where
it fails a check; one that could not be stored is neither, so the transmitter keeps it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx2
import structlog

from adapters.signals.secevent import SetRefused, Transmitter, verified
from bot.errors import ProviderUnavailable, Unavailable
from bot.ports.clock import Clock
from bot.services.signals import Signals

REQUEST_SECONDS = 5.0
ANSWER_BYTES = 4 * 1024 * 1024
EVENTS_A_ROUND = 50
ROUNDS_AT_MOST = 20

log = structlog.get_logger("doorward.signals")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """One transmitter's stream that is polled."""

    transmitter: Transmitter
    url: str
    token: str = field(repr=False)
    signals: Signals
    clock: Clock

    async def run(self) -> int:
        """Everything that waits there; how many were taken. An outage is logged, and the next slot tries again."""
        taken, ack, errors = 0, list[str](), dict[str, dict[str, str]]()
        try:
            for _ in range(ROUNDS_AT_MOST):
                answer = await self._ask(ack, errors)
                ack, errors = await self._take(answer)
                taken += len(ack)
                if not ack and not errors:
                    break
        except Unavailable as away:
            log.warning("signals_not_polled", source=self.transmitter.source.channel, code=away.code)
        return taken

    async def _take(self, answer: dict[str, Any]) -> tuple[list[str], dict[str, dict[str, str]]]:
        sets = answer.get("sets", {})
        if not isinstance(sets, dict):
            raise ProviderUnavailable("the transmitter's answer has no sets")
        ack: list[str] = []
        errors: dict[str, dict[str, str]] = {}
        for name, token in list(sets.items())[:EVENTS_A_ROUND]:
            try:
                signal = await verified(str(token), self.transmitter, self.clock.now())
                if signal.id != name:
                    raise SetRefused("invalid_request", "the token has another id")
                await self.signals.receive(signal)
            except SetRefused as refused:
                log.warning("signal_refused", source=self.transmitter.source.channel, code=refused.code)
                errors[name] = {"err": refused.err, "description": refused.detail}
            else:
                ack.append(name)
        return ack, errors

    async def _ask(self, ack: list[str], errors: dict[str, dict[str, str]]) -> dict[str, Any]:
        """One poll (RFC 8936 §2.4), never a long one. Raises `ProviderUnavailable`."""
        body = {"maxEvents": EVENTS_A_ROUND, "returnImmediately": True, "ack": ack, "setErrs": errors}
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                httpx2.AsyncClient(follow_redirects=False, trust_env=False, timeout=REQUEST_SECONDS) as client,
                client.stream("POST", self.url, json=body, headers=headers) as response,
            ):
                return await _read(response)
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError) as failed:
            raise ProviderUnavailable(f"no answer from the transmitter: {type(failed).__name__}") from failed


async def _read(response: httpx2.Response) -> dict[str, Any]:
    if response.status_code != 200:
        raise ProviderUnavailable(f"the transmitter answered {response.status_code}")
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise ProviderUnavailable("the transmitter's answer is too large")
    try:
        answer = httpx2.Response(200, content=bytes(body)).json()
    except (ValueError, RecursionError) as malformed:
        raise ProviderUnavailable("the transmitter's answer is not JSON") from malformed
    if not isinstance(answer, dict):
        raise ProviderUnavailable("the transmitter's answer is not an object")
    return answer
