"""The clock is set back or forward under way: nothing counts twice, nothing outlives its time, nothing comes early."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.domain.proof import ConsentKind, ProofMethod
from bot.ports.ingress import DialogClosed, FieldError
from bot.services import step_up
from tests.fakes.world import World, url_in
from tests.security.core.attack import code_dialog, effects_done, states


@pytest.mark.requirement("48", "32")
async def test_a_used_code_stays_used_when_the_clock_is_set_back_to_it(here: World) -> None:
    await code_dialog(here)
    code = here.code("mia")
    assert await here.submit_code("mia", code) == DialogClosed()
    here.clock.advance(timedelta(hours=2))
    here.clock.set_back(timedelta(hours=2))
    await here.say("john", "I'd like to take 28 to 29 December off")
    await here.press("john", here.last("john"), "Send request")
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    assert isinstance(await here.submit_code("mia", code), FieldError)
    assert await states(here) == [LeaveState.APPROVED, LeaveState.PENDING]


@pytest.mark.requirement("48", "47")
async def test_a_proof_from_the_future_is_none(here: World) -> None:
    """Given while the clock was an hour ahead: set right again, it does not count."""
    await here.sign_in("john")
    await here.enrol("john")
    session = (await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john"))))[0]
    ahead = here.clock.now() + timedelta(hours=1)
    await here.database.write(
        lambda tx: step_up.prove(
            tx,
            here.identity("john"),
            method=ProofMethod.TOTP,
            kind=ConsentKind.OWN_READING,
            binding=step_up.reading_binding(session.id, "payslips"),
            now=ahead,
        )
    )
    await here.say("john", "my payslip")
    decided = [record.event.decision for record in await here.audit(type_prefix="access.decided")]
    assert decided[0] in {"step_up", "deny"}
    assert not await effects_done(here, "ViewPayslip")


@pytest.mark.requirement("48", "61")
async def test_what_waits_is_over_when_the_clock_jumps_ahead(here: World) -> None:
    await code_dialog(here)
    here.clock.advance(timedelta(minutes=30))
    assert isinstance(await here.submit_code("mia", here.code("mia")), FieldError)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("48", "47")
async def test_ones_own_reading_closes_for_good_when_the_clock_jumps_ahead(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await here.say("john", "my payslip")
    await here.prove_on_page("john", url_in(here.last("john")))
    assert len(await effects_done(here, "ViewPayslip")) == 1
    here.clock.advance(timedelta(minutes=11))
    await here.say("john", "my payslip")
    decided = [record.event.decision for record in await here.audit(type_prefix="access.decided")]
    assert decided[0] == "step_up"
    assert len(await effects_done(here, "ViewPayslip")) == 1


@pytest.mark.requirement("48")
async def test_sessions_are_over_when_the_clock_jumps_a_day_ahead_and_stay_so_when_it_comes_back(here: World) -> None:
    await here.sign_in("john")
    here.clock.advance(timedelta(days=1, minutes=1))
    assert "Sign in" in await here.say("john", "balance")
    here.clock.set_back(timedelta(days=1))
    assert "Sign in" in await here.say("john", "balance")
    assert not await effects_done(here, "ViewLeaveBalance")
    ended = [record.event.code for record in await here.audit(type_prefix="session.ended")]
    assert ended == ["session.absolute"]


@pytest.mark.requirement("48")
async def test_what_was_over_unseen_stays_over_when_the_clock_is_set_back(here: World) -> None:
    """Nobody wrote, and the sweep did not run: the database knows how late it was."""
    await here.sign_in("john")
    here.clock.advance(timedelta(minutes=50))
    await here.core.jobs.watch_clock()
    here.clock.advance(timedelta(minutes=15))
    await here.core.jobs.watch_clock()
    here.clock.set_back(timedelta(minutes=40))
    assert await here.core.jobs.watch_clock() == 1
    assert "Sign in" in await here.say("john", "balance")
    alarms = [record.event.decision for record in await here.audit(type_prefix="clock.")]
    assert alarms == ["alarm"]
    assert await here.core.jobs.watch_clock() == 0, "said once, and then the present counts"


@pytest.mark.requirement("48", "47")
async def test_a_proof_that_was_over_is_not_good_again_when_the_clock_is_set_back(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await here.say("john", "my payslip")
    await here.prove_on_page("john", url_in(here.last("john")))
    here.clock.advance(timedelta(minutes=11))
    await here.core.jobs.watch_clock()
    here.clock.set_back(timedelta(minutes=5))
    await here.core.jobs.watch_clock()
    await here.say("john", "my payslip")
    assert (await here.audit(type_prefix="access.decided"))[0].event.decision == "step_up"
    assert len(await effects_done(here, "ViewPayslip")) == 1


@pytest.mark.requirement("48")
async def test_jobs_go_on_when_the_clock_was_set_back(here: World) -> None:
    """Their slots of the time that comes again are done already; without this they would wait for it to pass."""
    sweep = next(job for job in here.core.jobs.all() if job.name == "end_idle_sessions")
    await here.core.jobs.watch_clock()
    await here.core.jobs.tick(sweep)
    here.clock.advance(timedelta(hours=1))
    await here.core.jobs.tick(sweep)
    await here.core.jobs.watch_clock()
    here.clock.set_back(timedelta(seconds=3590))
    await here.core.jobs.watch_clock()
    await here.sign_in("john")
    here.clock.advance(timedelta(hours=1))
    assert await here.core.jobs.tick(sweep) == 1


async def test_a_little_skew_between_replicas_is_no_alarm(here: World) -> None:
    await here.sign_in("john")
    await here.core.jobs.watch_clock()
    here.clock.set_back(timedelta(seconds=20))
    assert await here.core.jobs.watch_clock() == 0
    assert not await here.audit(type_prefix="clock.")
