"""Revocation holds at the next message, on every replica, and reaches what is pending."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from bot.ports.database import Transaction
from bot.ports.ingress import FieldError
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, effects_done, leave_for_mia, states


async def _lock(world: World, name: str) -> None:
    def work(tx: Transaction) -> None:
        person = tx.persons.find(world.identity(name))
        assert person is not None
        tx.persons.save(replace(person, locked=True, lock_reason="left"))

    await world.database.write(work)


@pytest.mark.requirement("29", "31")
async def test_an_account_disabled_at_the_provider_approves_nothing(here: World) -> None:
    await code_dialog(here)
    here.directory.disabled.add("mia")
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    sessions = await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("mia")))
    assert not sessions
    assert await here.database.read(lambda tx: tx.tokens.load(here.identity("mia"))) is None


@pytest.mark.requirement("30")
async def test_a_provider_that_is_away_means_no_write_and_a_sentence_that_says_so(here: World) -> None:
    await code_dialog(here)
    here.directory.away = True
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await effects_done(here, "ApproveLeave")
    assert here.last("mia").card.status.value == "broken"


@pytest.mark.requirement("30")
async def test_a_provider_that_stays_away_ends_low_risk_reading_after_an_hour(here: World) -> None:
    await here.sign_in("john")
    here.directory.away = True
    for _ in range(6):
        here.clock.advance(timedelta(minutes=9))
        assert "14 days" in await here.say("john", "balance")
    here.clock.advance(timedelta(minutes=9))
    assert "14 days" not in await here.say("john", "balance")


@pytest.mark.requirement("45")
async def test_a_role_taken_away_at_the_provider_is_gone_before_an_approval(here: World) -> None:
    await leave_for_mia(here)
    await here.sign_in("sarah")
    await here.enrol("sarah")
    shared = here.last("sarah", "Leave for John")
    await here.press("sarah", shared, "Approve")
    assert here.chat.dialogs["view"].fields
    here.directory.roles["sarah"] = frozenset({"employee"})
    await here.submit_code("sarah", here.code("sarah"))
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("31", "45")
async def test_a_locked_person_is_refused_everything_at_the_next_message(here: World) -> None:
    card = await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    await here.say("mia", "I'd like to take some days off")  # a question waits
    await _lock(here, "mia")
    finished = len(await here.audit(type_prefix="effect.finished"))
    for text in ("balance", "24 December", "my payslip", "who am I", "my sessions", "waiting", "away", "sign out"):
        answer = await here.say("mia", text)
        assert "14 days" not in answer
        assert "Monday" not in answer
    code = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=dialog.handle), Secret(here.code("mia"))
    )
    assert isinstance(code, FieldError)
    assert not await here.audit(type_prefix="proof.")
    await here.press("mia", card, "Refuse")
    assert await states(here) == [LeaveState.PENDING]
    assert len(await here.audit(type_prefix="effect.finished")) == finished


@pytest.mark.requirement("31", "45")
async def test_a_lock_reaches_the_other_replica_at_once(replicas: tuple[World, World]) -> None:
    one, two = replicas
    await one.sign_in("john")
    assert "14 days" in await two.say("john", "balance")
    await _lock(one, "john")
    assert "14 days" not in await two.say("john", "balance")
    assert "14 days" not in await one.say("john", "balance")


@pytest.mark.requirement("45", "49")
async def test_signing_out_here_voids_what_waited(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    await here.sign_out("john")
    assert not await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john")))
    await here.sign_in("john")
    await here.press("john", shown, "Send request")
    assert await states(here) == []


@pytest.mark.requirement("28", "45", "49")
async def test_signing_out_everywhere_leaves_nothing_to_use(here: World) -> None:
    await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    await here.sign_out("mia", "everywhere")
    await here.sign_in("mia")
    answer = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=dialog.handle), Secret(here.code("mia"))
    )
    assert isinstance(answer, FieldError)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("41", "42", "45")
async def test_a_dead_session_takes_no_code_and_runs_no_press(here: World) -> None:
    card = await code_dialog(here)
    dialog = here.chat.dialogs["view"]
    await here.database.write(lambda tx: tx.sessions.end(here.channel("mia")))
    answer = await here.core.ingress.submit_code(
        here.message("mia", EventKind.SUBMISSION, handle=dialog.handle), Secret(here.code("mia"))
    )
    assert isinstance(answer, FieldError)
    await here.press("mia", card, "Approve")
    assert await states(here) == [LeaveState.PENDING]
    assert not await here.audit(type_prefix="proof.")
