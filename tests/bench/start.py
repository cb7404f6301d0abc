"""How long `doorward demo` takes to be ready, and what its own process holds then; the provider is counted apart."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from tests.bench.memory import descendants, resident

READY = b"Doorward is ready at"
START_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The median of a few starts."""

    seconds: float
    memory: int
    provider_memory: int


def demo_start(times: int = 3) -> Start:
    """Start and end it so many times. Raises `RuntimeError` when it does not get ready."""
    starts = [_once() for _ in range(times)]
    return Start(
        seconds=statistics.median(start.seconds for start in starts),
        memory=int(statistics.median(start.memory for start in starts)),
        provider_memory=int(statistics.median(start.provider_memory for start in starts)),
    )


def _once() -> Start:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--port", "0"], stdout=subprocess.PIPE, env=environment
    )
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith(READY):
            raise RuntimeError("the demo did not get ready")
        seconds = time.perf_counter() - began
        beside = sum(resident(child) for child in descendants(process.pid))
        return Start(seconds=seconds, memory=resident(process.pid), provider_memory=beside)
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        if process.poll() is None:
            process.kill()
            process.wait()
