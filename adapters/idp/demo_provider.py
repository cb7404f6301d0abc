"""The demonstration's identity provider, seen from the bot: starts, steers and stops a Canaille process on loopback."""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import IO, Any, Self

from adapters.idp.demo.configuration import ChildConfiguration
from bot.errors import ProviderUnavailable

HOST = "127.0.0.1"
NAME = "localhost"
"""How browsers reach it: as they reach the demonstration, since cookies go by the host's name."""
ISSUER = "https://idp.doorward.invalid/demo"
"""Does not change with the port, so links survive a restart; `.invalid` can never be a real provider (RFC 2606)."""
CLIENT_ID = "doorward"
READY_SECONDS = 15.0
ANSWER_SECONDS = 5.0
STOP_SECONDS = 3.0
KEPT_LINES = 50
_ROOT = Path(__file__).resolve().parents[2]


class DemoProvider:
    """A running demo provider; every method is quick and blocking, and safe to call from several threads."""

    def __init__(self, *, port: int, redirect_uris: Sequence[str], ahead_seconds: float = 0.0) -> None:
        listening = _listen(port)
        self.port: int = listening.getsockname()[1]
        self.transport_url = f"http://{NAME}:{self.port}"
        self.issuer = ISSUER
        self.client_id = CLIENT_ID
        self.ahead_seconds = ahead_seconds
        self.client_secret = secrets.token_urlsafe(32)
        self._errors: deque[str] = deque(maxlen=KEPT_LINES)
        self._lock = Lock()
        self._ready = False
        self._pending = b""
        configuration = self._configuration(listening.fileno(), redirect_uris, ahead_seconds)
        with listening:  # ours is closed again: once the process is gone, connections are refused at once
            self._process = _spawn(listening)
        self._orders, self._answers, complaints = _pipes(self._process)
        Thread(target=self._keep_errors, args=(complaints,), daemon=True).start()
        self._say(configuration.to_line())

    @classmethod
    def start(
        cls, port: int = 0, redirect_uris: Sequence[str] = (), *, ahead_seconds: float = 0.0, wait: bool = True
    ) -> DemoProvider:
        """Start it; port 0 takes a free one. Raises OSError for a taken port, ProviderUnavailable if it does not start.

        With `wait=False` it returns at once: the address is known and requests queue until the provider is up.
        """
        started = cls(port=port, redirect_uris=redirect_uris, ahead_seconds=ahead_seconds)
        if wait:
            started.wait_ready()
        return started

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return when it answers; raises ProviderUnavailable with the end of its error output when it does not."""
        with self._lock:
            if not self._ready:
                self._ready = self._hear(seconds).get("ready") is True
        if not self._ready:
            raise ProviderUnavailable("the demo provider did not say that it is ready")

    def stop(self) -> None:
        """End the process; does nothing the second time."""
        with suppress(OSError):
            self._orders.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()

    def disable(self, username: str) -> None:
        """Disable an account at the provider; raises ProviderUnavailable when that could not be done."""
        self._order(command="disable", username=username)

    def enable(self, username: str) -> None:
        """Enable it again; raises ProviderUnavailable when that could not be done."""
        self._order(command="enable", username=username)

    def change(self, username: str, **fields: Any) -> None:
        """Change roles, department or region in the directory; raises ProviderUnavailable if that could not be done."""
        self._order(command="change", username=username, fields=fields)

    def advance(self, seconds: float) -> None:
        """Move the provider's clock ahead, as the demonstration moves the bot's; raises ProviderUnavailable."""
        self._order(command="advance", seconds=seconds)
        self.ahead_seconds += seconds

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def recent_errors(self) -> tuple[str, ...]:
        """The end of the process's error output."""
        return tuple(self._errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _configuration(
        self, listening_fd: int, redirect_uris: Sequence[str], ahead_seconds: float
    ) -> ChildConfiguration:
        return ChildConfiguration(
            listening_fd=listening_fd,
            host=NAME,
            port=self.port,
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret,
            secret_key=secrets.token_urlsafe(32),
            redirect_uris=tuple(redirect_uris),
            ahead_seconds=ahead_seconds,
        )

    def _order(self, **order: Any) -> None:
        self.wait_ready()
        with self._lock:
            self._say(json.dumps(order))
            answer = self._hear(ANSWER_SECONDS)
        if answer.get("ok") is not True:
            raise ProviderUnavailable(f"the demo provider refused: {answer.get('error')}")

    def _say(self, line: str) -> None:
        try:
            self._orders.write(f"{line}\n".encode())
            self._orders.flush()
        except OSError as broken:
            raise ProviderUnavailable("the demo provider is gone") from broken

    def _hear(self, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            chunk = os.read(self._answers.fileno(), 65536) if readable else b""
            if not chunk:
                raise ProviderUnavailable("the demo provider does not answer: " + " | ".join(self._errors))
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        answer = json.loads(line)
        return answer if isinstance(answer, dict) else {}

    def _keep_errors(self, complaints: IO[bytes]) -> None:
        with complaints:
            for line in complaints:
                self._errors.append(line.decode(errors="replace").rstrip())


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise ProviderUnavailable("the demo provider was started without pipes")
    return process.stdin, process.stdout, process.stderr


def _listen(port: int) -> socket.socket:
    """Bound here and handed down, so that the port is known, and a taken one reported, before the process starts."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    listening.listen(64)
    return listening


def _spawn(listening: socket.socket) -> subprocess.Popen[bytes]:
    """A clean environment: Canaille reads its settings from the environment and from files beside it."""
    return subprocess.Popen(
        [sys.executable, "-m", "adapters.idp.demo"],
        cwd=_ROOT,
        env={
            "PATH": os.environ.get("PATH", ""),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(_ROOT),
            "PYTHONUNBUFFERED": "1",
            "CANAILLE_CONFIG": os.devnull,
            "AUTHLIB_INSECURE_TRANSPORT": "1",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(listening.fileno(),),
        start_new_session=True,
    )
