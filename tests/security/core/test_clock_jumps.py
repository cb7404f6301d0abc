"""The clock is set back or forward under way: nothing counts twice, nothing outlives its time, nothing comes early."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.break_glass import Use
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.secret import Secret
from bot.ports.ingress import DialogClosed, FieldError
from bot.services import enrolment_codes, recovery, step_up, throttling
from tests.fakes.chat import Posted
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


DAY, HOUR = timedelta(days=1), timedelta(hours=1)
JUMPS = {"a day ahead": (DAY,), "an hour back": (-HOUR,), "a day ahead and back": (DAY, -DAY)}


async def jump(here: World, name: str) -> None:
    """Each move is seen by the job that watches the clock."""
    await here.core.jobs.watch_clock()
    for by in JUMPS[name]:
        if by > timedelta(0):
            here.clock.advance(by)
        else:
            here.clock.set_back(-by)
        await here.core.jobs.watch_clock()


@pytest.mark.requirement("48", "57", "61")
@pytest.mark.parametrize("name", JUMPS)
@pytest.mark.parametrize("before", ["the request is sent", "the press", "the code", "nothing more"])
async def test_between_any_two_steps_of_a_consent_a_jump_makes_nothing_good_again_and_loses_nothing_unsaid(
    here: World, before: str, name: str
) -> None:
    """Each goes on as if nothing were: what does not count any more is answered, and what is done is done once."""
    steps = ("the request is sent", "the press", "the code", "nothing more")
    for who in ("john", "mia"):
        await here.sign_in(who)
    await here.enrol("mia")
    await here.say("john", "I'd like to take 21 to 23 December off")
    answered = True
    for step in steps:
        if step == before:
            await jump(here, name)
        answered = answered and await _step(here, step)
    done = await states(here)
    effects = await effects_done(here, "ApproveLeave")
    assert answered, "something was pressed, and nothing said"
    assert len(effects) == done.count(LeaveState.APPROVED) <= 1
    if before == "nothing more":
        assert done == [LeaveState.APPROVED]
    elif name != "an hour back":
        assert LeaveState.APPROVED not in done, "what waited is over, and stays so"


async def _step(here: World, step: str) -> bool:
    """Whether the person was told anything, or it was done; where there is nothing to press, they were told before."""
    if step == "the code":
        dialog = here.chat.dialogs.pop("view", None)
        if dialog is None or not dialog.fields:
            return True
        message = here.message("mia", EventKind.SUBMISSION, handle=dialog.handle)
        answer = await here.core.ingress.submit_code(message, Secret(here.code("mia")))
        await here.core.ingress.drain(5)
        return isinstance(answer, FieldError) or bool(await effects_done(here, "ApproveLeave"))
    presses = {"the request is sent": ("john", "", "Send request"), "the press": ("mia", "Leave for John", "Approve")}
    if step not in presses:
        return True
    name, headline, label = presses[step]
    before = here.chat.seen_by(here.channel(name))
    texts = [posted.text for posted in before]
    cards = [posted for posted in before if headline in posted.card.headline and label in _labels(posted)]
    if not cards:
        return True
    here.chat.dialogs.pop("view", None)
    await here.press(name, cards[-1], label)
    return texts != [posted.text for posted in here.chat.seen_by(here.channel(name))] or "view" in here.chat.dialogs


def _labels(posted: Posted) -> list[str]:
    return [action.label.rstrip("…") for action in posted.card.actions]


@pytest.mark.requirement("34", "48")
@pytest.mark.parametrize("path", ["chat", "page", recovery.PATH, enrolment_codes.PATH])
async def test_no_jump_back_gives_more_guesses_than_the_limit(here: World, path: str) -> None:
    await here.sign_in("mia")
    mia = here.identity("mia")

    async def guess() -> bool:
        return await here.database.write(lambda tx: throttling.allows_code(tx, mia, path, here.clock.now()))

    given = [await guess() for _ in range(throttling.CODES.count + 1)]
    assert given == [True] * throttling.CODES.count + [False]
    for back in (HOUR, timedelta(minutes=16), DAY):
        here.clock.set_back(back)
        assert not await guess()
    here.clock.advance(2 * DAY + 2 * HOUR)
    assert await guess(), "and it opens again in its time"


@pytest.mark.requirement("48", "57")
def test_a_review_is_neither_late_for_ever_nor_forgotten_where_the_clock_was_ahead() -> None:
    """Used and reminded of while the clock was a year ahead, and then set right."""
    now = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
    ahead = now + timedelta(days=365)
    use = Use(
        id="u", identity="i#raj", employee="E-raj", action="A", resource="Leave::1", reason="r", effect="g", at=ahead
    )
    assert use.overdue(now), "nobody breaks the glass again for a year without its review"
    assert replace(use, reminded_at=ahead).to_remind(now)
    soon = replace(use, at=now + timedelta(seconds=30), reminded_at=now + timedelta(seconds=30))
    assert not soon.overdue(now)
    assert not soon.to_remind(now), "clocks of two replicas differ a little"
