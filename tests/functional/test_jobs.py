"""Periodic work: once a slot among replicas, once after a pause, and a stop that lets what runs finish."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.scheduler import Ticker
from bot.jobs import Job, Jobs
from bot.services.token_revocation import TokenRevocation
from tests.fakes.world import LIMITS, World

READY_SECONDS = 30


def counting(runs: list[str]) -> Job:
    async def run() -> int:
        runs.append("ran")
        return 1

    return Job(name="count", every_seconds=60, run=run)


@pytest.mark.requirement("71")
async def test_a_failing_job_ends_nothing_and_its_text_is_not_logged(here: World) -> None:
    async def fail() -> int:
        raise ValueError("canary-in-an-error")

    ticker = Ticker(here.core.jobs)
    with capture_logs() as logs:
        await ticker.tick_one(Job(name="fails", every_seconds=60, run=fail))
    assert [(line["event"], line["error"]) for line in logs] == [("job_failed", "ValueError")]
    assert "canary" not in str(logs)


@pytest.mark.requirement("84")
async def test_two_replicas_run_a_slot_once(here: World) -> None:
    runs: list[str] = []
    first, second = here.core.jobs, _replica(here)
    for _ in range(5):
        await first.tick(counting(runs))
        await second.tick(counting(runs))
        here.clock.advance(timedelta(seconds=60))
    assert len(runs) == 5


@pytest.mark.requirement("85")
async def test_what_was_missed_is_run_once(here: World) -> None:
    runs: list[str] = []
    await here.core.jobs.tick(counting(runs))
    here.clock.advance(timedelta(minutes=10))
    await here.core.jobs.tick(counting(runs))
    await here.core.jobs.tick(counting(runs))
    assert len(runs) == 2


@pytest.mark.requirement("41", "42")
async def test_the_sweep_ends_idle_sessions_says_so_and_destroys_their_tokens(here: World) -> None:
    await here.say("john", "balance")
    await here.sign_in("john")
    here.clock.advance(timedelta(hours=1, seconds=1))
    assert await here.core.jobs.end_idle_sessions() == 1
    assert "Signed out" in here.chat.posts[0].text
    assert here.chat.posts[0].edited == 1
    assert await here.database.read(lambda tx: tx.tokens.load(here.identity("john"))) is None
    ended = await here.audit(type_prefix="session.ended")
    assert [(item.event.channel, item.event.code) for item in ended] == [("scheduler", "session.idle")]


def _replica(here: World) -> Jobs:
    return Jobs(
        database=here.database,
        clock=here.clock,
        limits=LIMITS,
        delivery=here.core.delivery,
        ingress=here.core.ingress,
        reconciling=here.core.reconciling,
        letterbox=here.core.letterbox,
        watching=here.core.watching,
        carrying_out=here.core.carrying_out,
        reminding=here.core.reminding,
        revocation=TokenRevocation(database=here.database, providers={}, clock=here.clock),
    )


@pytest.mark.requirement("87")
@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_the_demo_ends_when_it_is_asked_to_and_leaves_nothing_running(order: signal.Signals, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "bot", "demo", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Doorward is ready at http://localhost:")
        process.send_signal(order)
        assert process.wait(timeout=READY_SECONDS) == 0
    assert list(tmp_path.iterdir()) == [], "the demo left its folder behind"
