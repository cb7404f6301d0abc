"""`doorward ssf …`: when each transmitter was last heard, its stream's status, and a verification event on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bot.domain.identity import Issuer
from bot.domain.signal import Happening, Signal, SignalKind, SignalSource
from bot.services.signals import receive
from storage.crypto import Keyring
from storage.migration import migrate
from tests.fakes.shell import NOON, Shell, run_sqlite
from tests.fakes.signals import TRANSMITTER

API_TOKEN = "our credential at the transmitter's API"


class FakeStreamApi:
    """The management API of a transmitter with one stream."""

    def __init__(self) -> None:
        self.status = {"stream_id": "s-1", "status": "enabled"}
        self.issuer = TRANSMITTER
        self.elsewhere = ""
        self.requests: list[tuple[str, str, Any]] = []
        self.on_verify: Callable[[], None] = lambda: None
        self.url = ""

    def answer(self, method: str, path: str, bearer: str, body: Any) -> tuple[int, Any]:
        if path == "/.well-known/ssf-configuration":
            base = self.elsewhere or self.url
            endpoints = {"status_endpoint": f"{base}/status", "verification_endpoint": f"{base}/verify"}
            return 200, {"issuer": self.issuer, **endpoints}
        self.requests.append((method, path, body))
        if bearer != f"Bearer {API_TOKEN}":
            return 401, {}
        if (method, path) == ("GET", "/status?stream_id=s-1"):
            return 200, self.status
        if (method, path) == ("POST", "/verify") and body["stream_id"] == "s-1" and body["state"]:
            self.on_verify()
            return 204, None
        return 404, {}


@contextmanager
def serving(api: FakeStreamApi) -> Iterator[FakeStreamApi]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, body: Any) -> None:
            status, answer = api.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            payload = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def api() -> Iterator[FakeStreamApi]:
    with serving(FakeStreamApi()) as running:
        yield running


@pytest.fixture
def shell(tmp_path: Path, api: FakeStreamApi) -> Shell:
    Keyring.generate(now=NOON).save(tmp_path / "keys.json")
    url = f"sqlite:///{tmp_path / 'doorward.db'}"
    migrate(url)
    signals = {
        "ISSUER": TRANSMITTER,
        "AUDIENCE": "doorward",
        "JWKS_URL": "https://signals.example/keys",
        "TOKEN": "0123456789012345678901",
        "CONFIGURATION_URL": f"{api.url}/.well-known/ssf-configuration",
        "STREAM_ID": "s-1",
        "API_TOKEN": API_TOKEN,
    }
    environ = {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_DATABASE_URL": url,
        "DOORWARD_KEYS__FILE": str(tmp_path / "keys.json"),
        **{f"DOORWARD_SIGNALS__CORP__{name}": value for name, value in signals.items()},
    }
    return Shell(environ=environ, folder=tmp_path, sql=run_sqlite(tmp_path / "doorward.db"))


def arrives(shell: Shell) -> None:
    """What a serving process does with a verification event."""
    source = SignalSource(channel="ssf:corp", issuer=Issuer(TRANSMITTER))
    event = Signal(source=source, id="v-1", happenings=(Happening(kind=SignalKind.VERIFICATION, subject=None),))
    shell.write(lambda tx: receive(tx, event, NOON))


def test_status_says_when_it_was_heard_and_what_the_stream_is(shell: Shell, api: FakeStreamApi) -> None:
    (row,) = shell.json("ssf", "status")
    assert (row["name"], row["way"], row["last_heard"], row["stream"]) == ("corp", "pushed", "never", "enabled")
    arrives(shell)
    (row,) = shell.json("ssf", "status")
    assert row["last_heard"] == row["last_verified"] == NOON.isoformat()
    api.status |= {"status": "paused", "reason": "by an administrator"}
    paused = shell("ssf", "status")
    assert paused.exit_code == 1
    assert "paused: by an administrator" in paused.stdout


def test_a_verification_event_is_asked_for_and_seen_to_arrive(shell: Shell, api: FakeStreamApi) -> None:
    api.on_verify = lambda: arrives(shell)
    done = shell("ssf", "verify", "corp")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.strip() == NOON.isoformat()
    assert API_TOKEN not in done.output


def test_one_that_does_not_arrive_says_where_to_look(shell: Shell) -> None:
    late = shell("ssf", "verify", "corp", "--wait", "1")
    assert late.exit_code == 2
    assert "nothing came within 1 s" in late.stderr
    assert "/ssf/events" in late.stderr


def test_each_refusal_says_what_to_check(shell: Shell, api: FakeStreamApi) -> None:
    wrong = shell("ssf", "verify", "corp", DOORWARD_SIGNALS__CORP__API_TOKEN="another")
    assert "check API_TOKEN" in wrong.stderr
    lost = shell("ssf", "verify", "corp", DOORWARD_SIGNALS__CORP__STREAM_ID="s-2")
    assert "check STREAM_ID" in lost.stderr
    unknown = shell("ssf", "verify", "nobody")
    assert "set are: corp" in unknown.stderr
    bare = {"CONFIGURATION_URL": "", "STREAM_ID": "", "API_TOKEN": ""}
    plain = shell("ssf", "verify", "corp", **{f"DOORWARD_SIGNALS__CORP__{name}": value for name, value in bare.items()})
    assert "the transmitter's own console" in plain.stderr
    assert {result.exit_code for result in (wrong, lost, unknown, plain)} == {2}
    api.issuer = "https://evil.example"
    assert "another issuer's" in shell("ssf", "verify", "corp").stderr


def test_our_credential_goes_to_no_other_host(shell: Shell, api: FakeStreamApi) -> None:
    with serving(FakeStreamApi()) as other:
        api.elsewhere = other.url
        refused = shell("ssf", "verify", "corp")
        assert "another host" in refused.stderr
        assert other.requests == []
