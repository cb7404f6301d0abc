"""Polling for security events (RFC 8936): stored before they are acknowledged, once, and refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from adapters.signals.keys import TransmitterKeys
from adapters.signals.polling import Poller
from adapters.signals.secevent import Transmitter
from bot.domain.identity import Issuer
from bot.domain.signal import SignalSource
from bot.services.signals import Signals
from tests.fakes.clock import FixedClock
from tests.fakes.directory import ISSUER
from tests.fakes.signals import AUDIENCE, CAEP, TRANSMITTER, FakeTransmitter, fake_transmitter, of
from tests.fakes.world import World, world

TOKEN = "the receiver's own credential"


@dataclass
class Stream:
    """What waits at the transmitter; only an acknowledgement or an error takes it away."""

    waiting: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    polls: int = 0

    def answer(self, bearer: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.polls += 1
        if self.status != 200 or bearer != f"Bearer {TOKEN}":
            return (self.status if self.status != 200 else 401), {}
        for name in body["ack"]:
            self.waiting.pop(name, None)
        for name, error in body["setErrs"].items():
            self.waiting.pop(name, None)
            self.errors[name] = error
        first = dict(list(self.waiting.items())[:2])
        return 200, {"sets": first, "moreAvailable": len(self.waiting) > len(first)}


@contextmanager
def serving(stream: Stream) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = stream.answer(self.headers.get("Authorization", ""), body)
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/poll"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def transmitter() -> Iterator[FakeTransmitter]:
    with fake_transmitter() as running:
        yield running


def poller(here: World, transmitter: FakeTransmitter, url: str, token: str = TOKEN) -> Poller:
    return Poller(
        transmitter=Transmitter(
            source=SignalSource(channel="ssf:corp", issuer=Issuer(ISSUER)),
            issuer=TRANSMITTER,
            audience=AUDIENCE,
            keys=TransmitterKeys(transmitter.jwks_url),
            bearers=(),
        ),
        url=url,
        token=token,
        signals=Signals(database=here.database, clock=here.clock),
        clock=here.clock,
    )


@pytest.mark.requirement("31")
async def test_what_waits_is_fetched_takes_effect_once_and_is_acknowledged(
    transmitter: FakeTransmitter, tmp_path: Path, clock: FixedClock
) -> None:
    stream = Stream()
    async with world(tmp_path, clock) as here:
        await here.sign_in("john")
        for number in range(5):
            claims = transmitter.claims(clock(), f"{CAEP}session-revoked", of("john"), jti=f"id-{number}")
            stream.waiting[f"id-{number}"] = transmitter.sign(claims)
        with serving(stream) as url:
            assert await poller(here, transmitter, url).run() == 5
            assert stream.waiting == {}
            assert "14 days" not in await here.say("john", "balance")
            stream.waiting["id-0"] = transmitter.sign(
                transmitter.claims(clock(), f"{CAEP}session-revoked", of("john"), jti="id-0")
            )
            await here.sign_in("john")
            await poller(here, transmitter, url).run()
            assert stream.waiting == {}
            assert "14 days" in await here.say("john", "balance"), "one that came before has no second effect"


@pytest.mark.requirement("31")
async def test_a_forged_one_is_refused_by_name_and_holds_nothing_up(
    transmitter: FakeTransmitter, tmp_path: Path, clock: FixedClock
) -> None:
    stream = Stream()
    async with world(tmp_path, clock) as here:
        await here.sign_in("john")
        good = transmitter.claims(clock(), f"{CAEP}session-revoked", of("john"), jti="good")
        stream.waiting["foreign"] = transmitter.sign(
            transmitter.claims(clock(), f"{CAEP}session-revoked", of("john"), jti="foreign", aud="somebody else")
        )
        stream.waiting["renamed"] = transmitter.sign(good)
        with serving(stream) as url:
            assert await poller(here, transmitter, url).run() == 0
            assert "14 days" in await here.say("john", "balance")
            assert {name: error["err"] for name, error in stream.errors.items()} == {
                "foreign": "invalid_audience",
                "renamed": "invalid_request",
            }


async def test_what_could_not_be_stored_or_asked_for_stays_there(
    transmitter: FakeTransmitter, tmp_path: Path, clock: FixedClock
) -> None:
    stream = Stream()
    async with world(tmp_path, clock) as here:
        claims = transmitter.claims(clock(), f"{CAEP}session-revoked", of("john"), jti="kept")
        stream.waiting["kept"] = transmitter.sign(claims)
        with serving(stream) as url:
            assert await poller(here, transmitter, url, token="another").run() == 0
            stream.status = 503
            assert await poller(here, transmitter, url).run() == 0
            stream.status = 200
            polling = poller(here, transmitter, url)
            await here.database.close()  # type: ignore[attr-defined]  # both engines have it
            assert await polling.run() == 0
        assert list(stream.waiting) == ["kept"]
        assert stream.errors == {}
