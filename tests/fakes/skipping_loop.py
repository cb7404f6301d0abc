"""An event loop whose time can be moved on: a limit of seconds passes at once, and nothing sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its clock runs as always, and jumps where a test says so."""

    _ahead = 0.0

    def time(self) -> float:
        """The time by which the loop ends what takes too long."""
        return super().time() + self._ahead

    def skip(self, seconds: float) -> None:
        """Let so many seconds have passed."""
        self._ahead += seconds


def run_skipping(work: Coroutine[object, object, T]) -> T:
    """Run to the end on a loop of this kind."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(work)


async def never_comes() -> dict[str, object]:
    """What a sender is waited for: ten seconds pass, then a hundred, and nothing has come."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, SkippingLoop):
        raise TypeError("run this on a SkippingLoop")
    for seconds in (10, 100):
        loop.skip(seconds)
        for _ in range(5):
            await asyncio.sleep(0)
    raise AssertionError("it was still waited for after a hundred seconds")
