"""AWS KMS as others wrote it (moto), as a server on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

REGION = "eu-central-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up"}
STARTED_WITHIN_SECONDS = 60


@dataclass
class KeyService:
    """A running KMS that can be taken away and brought back; its keys stay only while it runs."""

    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        # Only what it needs: nothing of ours, and nobody's credentials.
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + STARTED_WITHIN_SECONDS
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("moto did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
            self._process = None

    def client(self) -> Any:
        return boto3.client(
            "kms",
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="made-up",
            aws_secret_access_key="made-up",
        )

    def new_key(self) -> str:
        """A new KMS key's id."""
        created: str = self.client().create_key()["KeyMetadata"]["KeyId"]
        return created

    def answers(self) -> bool:
        try:
            self.client().list_keys()
        except BotoCoreError:
            return False
        return True


@contextmanager
def key_service() -> Iterator[KeyService]:
    """Running until the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    service = KeyService(port)
    service.start()
    try:
        yield service
    finally:
        service.stop()
