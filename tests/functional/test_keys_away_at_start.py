"""`doorward serve` as a process whose key service does not answer: 503 for everything, and /readyz says why."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import sys
from pathlib import Path

import httpx2
import pytest

from storage.key_file import WRAPPED_FORM

READY_SECONDS = 60


def closed_port() -> int:
    """A port of the loopback interface on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.requirement("27")
async def test_serve_answers_503_and_says_so_while_kms_is_away(tmp_path: Path) -> None:
    port, away = closed_port(), closed_port()
    wrapped = json.dumps({"key": "k", "data_key": "AAAA", "sealed": "AAAA"}).encode()
    document = {"form": WRAPPED_FORM, "kind": "aws_kms", "wrapped": base64.b64encode(wrapped).decode()}
    (tmp_path / "keys.json").write_text(json.dumps(document))
    (tmp_path / "keys.json").chmod(0o600)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "DOORWARD_DATABASE_URL": f"sqlite:///{tmp_path / 'doorward.db'}",
        "DOORWARD_PORT": str(port),
        "DOORWARD_KEYS__FILE": str(tmp_path / "keys.json"),
        "DOORWARD_KEYS__KIND": "aws_kms",
        "DOORWARD_KEYS__AWS_KMS__KEY_ID": "alias/doorward",
        "DOORWARD_KEYS__AWS_KMS__REGION": "eu-central-1",
        "DOORWARD_KEYS__AWS_KMS__ENDPOINT_URL": f"http://127.0.0.1:{away}",
    }
    command = [sys.executable, "-m", "bot", "serve"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            assert await process.stdout.readline() == b"Doorward waits for its keys\n"
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()) == (503, {"ready": False, "checks": {"keys": "unavailable"}})
            for path in ("/me", "/slack/events", "/teams/messages"):
                assert (await client.post(path)).status_code == 503, path
        process.terminate()
        async with asyncio.timeout(READY_SECONDS):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
