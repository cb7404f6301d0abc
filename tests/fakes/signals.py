"""A company's directory as it speaks to us: a transmitter with keys of its own, and clients of our ways in."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from starlette.applications import Starlette
from starlette.types import ASGIApp

from adapters.signals.keys import TransmitterKeys
from adapters.signals.logout import VerifyLogout
from adapters.signals.requests import Bearer
from adapters.signals.routes import signal_routes
from adapters.signals.scim_documents import ScimClient
from adapters.signals.secevent import Transmitter
from bot.domain.identity import Issuer
from bot.domain.signal import SignalSource
from tests.fakes.directory import ISSUER
from tests.fakes.world import PUBLIC_URL, World

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
TRANSMITTER = "https://signals.example"
AUDIENCE = "https://doorward.example/ssf"
SSF_TOKEN = "the transmitter's own credential"
SCIM_TOKEN = "the provisioning client's own credential"
OTHER_SCIM_TOKEN = "another company's provisioning credential"


class FakeTransmitter:
    """Signs security event tokens, and publishes its keys on loopback."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAKey | ECKey] = {"first": RSAKey.generate_key(2048, {"kid": "first"})}
        self.asked = 0
        self.away = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.jwks_url = f"http://127.0.0.1:{self._server.server_port}/keys"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def claims(self, now: datetime, event: str, subject: object, **changes: Any) -> dict[str, Any]:
        body = {} if subject is None else {"subject": subject}
        known = {
            "iss": TRANSMITTER,
            "aud": AUDIENCE,
            "iat": int(now.timestamp()),
            "jti": secrets.token_hex(8),
            "events": {event: body},
        }
        return {name: value for name, value in (known | changes).items() if value is not None}

    def sign(self, claims: dict[str, Any], *, header: dict[str, Any] | None = None, key: Any = None) -> str:
        """A token, honest unless told otherwise."""
        headers = {"typ": "secevent+jwt", "alg": "RS256", "kid": "first"} | (header or {})
        headers = {name: value for name, value in headers.items() if value is not None}
        algorithm = str(headers["alg"])
        return jwt.encode(headers, claims, key or self.keys[str(headers.get("kid", "first"))], [algorithm])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        transmitter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                transmitter.asked += 1
                body = json.dumps(KeySet(list(transmitter.keys.values())).as_dict(private=False)).encode()
                self.send_response(503 if transmitter.away else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        return Handler


@contextmanager
def fake_transmitter() -> Iterator[FakeTransmitter]:
    """A running one, closed at the end."""
    transmitter = FakeTransmitter()
    try:
        yield transmitter
    finally:
        transmitter.close()


def of(subject: str, *, issuer: str = ISSUER) -> dict[str, str]:
    """A subject identifier by issuer and subject (RFC 9493 §3.2.3)."""
    return {"format": "iss_sub", "iss": issuer, "sub": subject}


def ways_in(world: World, *, jwks_url: str = "http://127.0.0.1:9/", verify: VerifyLogout | None = None) -> Starlette:
    """The routes of the settings a company would make, on a world's core."""

    async def rejected(way: str, code: str) -> None:
        await world.core.ingress.rejected(platform=way, code=code)

    transmitter = Transmitter(
        source=SignalSource(channel="ssf:corp", issuer=Issuer(ISSUER)),
        issuer=TRANSMITTER,
        audience=AUDIENCE,
        keys=TransmitterKeys(jwks_url),
        bearers=(Bearer.of(SSF_TOKEN),),
    )
    clients = [
        ScimClient(
            source=SignalSource(channel=f"scim:{name}", issuer=Issuer(issuer)),
            bearers=(Bearer.of(token),),
        )
        for name, issuer, token in (("corp", ISSUER, SCIM_TOKEN), ("other", "https://other.example", OTHER_SCIM_TOKEN))
    ]
    return Starlette(
        routes=signal_routes(
            database=world.database,
            clock=world.clock,
            transmitters=[transmitter],
            clients=clients,
            verify_logout=verify,
            public_url=PUBLIC_URL,
            rejected=rejected,
        )
    )


def machine(app: ASGIApp, token: str = "") -> httpx2.AsyncClient:
    """A client that shows this credential."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=PUBLIC_URL, headers=headers)


class BridgedTransport(httpx2.BaseTransport):
    """For clients that block, on a thread of their own: requests are served on the test's event loop."""

    def __init__(self, app: ASGIApp, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx2.ASGITransport(app=app)
        self._loop = loop

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()

        async def serve() -> httpx2.Response:
            answer = await self._inner.handle_async_request(request)
            return httpx2.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run_coroutine_threadsafe(serve(), self._loop).result(30)
