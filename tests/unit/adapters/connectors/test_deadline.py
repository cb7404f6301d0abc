"""A system that hangs never makes a person wait longer than the deadline."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from adapters.connectors.deadline import LONGEST_SECONDS, answered
from bot.ports.connectors import ConnectorUnavailable, OutcomeUnknown

SOON = timedelta(milliseconds=20)


class Sending:
    """Something to send, that answers never or at once."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.begun = 0
        self.cancelled = 0

    async def __call__(self) -> str:
        self.begun += 1
        try:
            if self.hangs:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "answer"


@pytest.mark.requirement("81")
@pytest.mark.parametrize(("write", "error"), [(False, ConnectorUnavailable), (True, OutcomeUnknown)])
async def test_no_answer_in_time(now: datetime, write: bool, error: type[Exception]) -> None:
    sending = Sending(hangs=True)
    with pytest.raises(error):
        await answered(sending, deadline=now + SOON, now=now, write=write)
    assert (sending.begun, sending.cancelled) == (1, 1)


@pytest.mark.parametrize("write", [False, True])
async def test_too_late_to_begin_is_surely_not_done(now: datetime, write: bool) -> None:
    sending = Sending(hangs=False)
    with pytest.raises(ConnectorUnavailable):
        await answered(sending, deadline=now, now=now, write=write)
    assert sending.begun == 0


async def test_an_answer_in_time_passes(now: datetime) -> None:
    assert await answered(Sending(hangs=False), deadline=now + SOON, now=now, write=True) == "answer"


async def test_a_far_deadline_is_cut_to_five_seconds(now: datetime) -> None:
    async def remaining() -> float:
        loop = asyncio.get_running_loop()
        due: list[float] = [timer.when() for timer in loop._scheduled]  # type: ignore[attr-defined]
        return min(due) - loop.time()

    left = await answered(remaining, deadline=now + timedelta(hours=1), now=now, write=False)
    assert LONGEST_SECONDS - 1 < left <= LONGEST_SECONDS <= 5


async def test_a_time_out_of_the_transport_is_one_too(now: datetime) -> None:
    async def times_out() -> str:
        raise TimeoutError

    with pytest.raises(OutcomeUnknown):
        await answered(times_out, deadline=now + SOON, now=now, write=True)
