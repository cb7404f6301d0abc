"""Audit and exactly-once under faults: a full disk, a system that hangs, a crash at each boundary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import pytest

from bot.bootstrap.core import compose
from bot.domain.audit import AuditEvent, AuditRecord, EventType
from bot.domain.cards import Status
from bot.domain.leave import LeaveState
from bot.errors import StorageUnavailable
from bot.ports.connectors import Unauthenticated
from bot.ports.database import Database, Transaction
from storage.audit_log import AuditLog
from tests.fakes.world import World
from tests.security.core.attack import (
    Twice,
    Wrapped,
    code_dialog,
    effects_done,
    leave_for_mia,
    states,
    unmatched,
    with_hr,
)

T = TypeVar("T")


@dataclass
class _Silent(Database):
    """A database whose audit log refuses one type of event, as a full disk would."""

    inner: Database
    refused: EventType | None = None

    async def write(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.write(lambda tx: work(_Tx(tx, self.refused)))  # type: ignore[arg-type]

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self.inner.read(work)


class _Tx:
    def __init__(self, tx: Transaction, refused: EventType | None) -> None:
        self._tx = tx
        self.audit = _Audit(tx.audit, refused)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)


class _Audit:
    def __init__(self, log: AuditLog, refused: EventType | None) -> None:
        self._log, self._refused = log, refused

    def append(self, event: AuditEvent) -> AuditRecord:
        if event.type is self._refused:
            raise StorageUnavailable("disk full")
        return self._log.append(event)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def _silenced(world: World, refused: EventType) -> tuple[World, _Silent]:
    database = _Silent(world.database, refused)
    return replace(world, core=compose(replace(world.core.outside, database=database)), database=database), database


@pytest.mark.requirement("74")
async def test_without_an_audit_record_of_the_intent_there_is_no_effect(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    silenced, database = _silenced(here, EventType.EFFECT_INTENDED)
    await silenced.press("john", shown, "Send request")
    assert await states(here) == []
    assert here.last("john").card.status is Status.BROKEN
    database.refused = None
    await silenced.press("john", shown, "Send request")
    assert await states(here) == [LeaveState.PENDING], "nothing of the first press was half done"


@pytest.mark.requirement("74", "80")
async def test_without_a_record_of_the_outcome_the_effect_is_looked_up_and_told_once(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    silenced, database = _silenced(here, EventType.EFFECT_FINISHED)
    await silenced.press("john", here.last("john"), "Send request")
    assert await states(here) == [LeaveState.PENDING]
    assert len(await unmatched(here)) == 1
    assert "didn't confirm" in here.last("john").text, "it is not known, so nobody is told that nothing was done"
    database.refused = None
    here.clock.advance(timedelta(seconds=61))
    await silenced.core.ingress.take_over()
    assert await here.core.reconciling.run() == 1
    assert await here.core.reconciling.run() == 0
    assert await states(here) == [LeaveState.PENDING]
    assert not await unmatched(here)
    assert "waits for Mia" in here.last("john", "Leave asked").text


@pytest.mark.requirement("74", "79")
@pytest.mark.parametrize("refused", [EventType.EFFECT_FINISHED, EventType.ACCESS_DECIDED])
async def test_what_was_read_to_be_signed_is_recorded_with_the_question_or_nobody_is_asked(
    here: World, refused: EventType
) -> None:
    card = await leave_for_mia(here)
    told, before = len(here.chat.posts), await _asked_to_prove(here)
    silenced, database = _silenced(here, refused)
    await silenced.press("mia", card, "Approve")
    shown = here.chat.dialogs.get("view")
    assert shown is None or not (shown.signed or shown.fields or shown.links), "what is not on record is not shown"
    assert len(here.chat.posts) == told
    assert await _asked_to_prove(here) == before
    assert await _readings(here) == (1, 0), "the reading is on record as begun, and not as told"
    database.refused = None
    here.clock.advance(timedelta(seconds=61))
    kept = await silenced.core.ingress.take_over()
    assert kept == (refused is EventType.ACCESS_DECIDED), "asked for again by itself, or they were told to"
    assert await _asked_to_prove(here) == before + kept
    assert await here.core.reconciling.run() == 1
    await here.press("mia", card, "Approve")
    assert (await _asked_to_prove(here), await unmatched(here)) == (before + kept + 1, set())
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED]
    assert len(await effects_done(here, "ApproveLeave")) == 1


@pytest.mark.requirement("74", "79")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_press_whose_process_died_while_it_read_what_is_signed_asks_once(here: World, when: str) -> None:
    card = await leave_for_mia(here)
    before = await _asked_to_prove(here)

    async def crash() -> None:
        raise SystemError("the process is gone")

    hr = Wrapped(here.backend.hr, "get_leave", **{when: crash})
    await with_hr(here, hr).press("mia", card, "Approve")
    assert (len(hr.calls), await _readings(here)) == (1, (1, 0))
    assert ("view" in here.chat.dialogs, await _asked_to_prove(here)) == (False, before)
    here.clock.advance(timedelta(seconds=61))
    assert await here.core.ingress.take_over() == 1
    assert await here.core.ingress.take_over() == 0
    assert await here.core.reconciling.run() == 1
    assert await _asked_to_prove(here) == before + 1
    assert not await unmatched(here)


async def _asked_to_prove(here: World) -> int:
    return sum(record.event.decision == "step_up" for record in await here.audit(type_prefix="access.decided"))


async def _readings(here: World) -> tuple[int, int]:
    """How often what was to be signed was read: begun, and ended."""
    begun, ended = [await here.audit(type_prefix=f"effect.{what}") for what in ("intended", "finished")]
    return tuple(sum(record.event.action == "ViewLeave" for record in found) for found in (begun, ended))  # type: ignore[return-value]  # two


@pytest.mark.requirement("74")
async def test_a_code_that_cannot_be_written_down_counts_for_nothing(here: World) -> None:
    await code_dialog(here)
    silenced, _ = _silenced(here, EventType.PROOF_GIVEN)
    with pytest.raises(StorageUnavailable):
        await silenced.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.PENDING]
    assert not await here.audit(type_prefix="proof.")


@pytest.mark.requirement("74", "83")
async def test_a_full_disk_means_no_effect_and_the_message_is_refused_or_kept(here: World, tmp_path: Path) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    shown = here.last("john")
    full = "PRAGMA max_page_count = 1"  # SQLite takes the present count for the least: not one page more
    await here.database.write(lambda tx: tx.audit._connection._execute(full).fetchall())  # type: ignore[attr-defined]
    refused = 0
    for turn in range(40):
        try:
            await here.core.ingress.accept(here.message("john", text=f"hello {turn} " + "x" * 1900))
            await here.core.ingress.drain(5)
        except StorageUnavailable:
            refused += 1
    assert refused
    finished = len(await here.audit(type_prefix="effect.intended"))
    try:
        await here.press("john", shown, "Send request")
    except StorageUnavailable:
        refused += 1
    intended = len(await here.audit(type_prefix="effect.intended"))
    assert len(await states(here)) == intended - finished


@pytest.mark.requirement("79")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_around_the_call_doubles_nothing_and_is_told(here: World, when: str) -> None:
    await code_dialog(here)

    async def crash() -> None:
        raise SystemError("the process is gone")

    hr = Wrapped(here.backend.hr, "decide_leave", **{when: crash})
    crashed = with_hr(here, hr)
    await crashed.submit_code("mia", here.code("mia"))
    assert len(hr.calls) == 1
    told = len(here.chat.seen_by(here.channel("mia")))
    here.clock.advance(timedelta(seconds=61))
    await here.core.ingress.take_over()
    await here.core.reconciling.run()
    await here.core.reconciling.run()
    assert await states(here) == [LeaveState.PENDING if when == "before" else LeaveState.APPROVED]
    assert not await unmatched(here)
    assert len(here.chat.seen_by(here.channel("mia"))) > told
    if when == "after":
        assert "Approved by Mia" in here.last("mia", "Leave for John").text
    # The same proposal, code or press again: nothing more happens.
    await here.submit_code("mia", here.code("mia"))
    assert len(hr.calls) == 1


@pytest.mark.requirement("4", "79")
async def test_a_press_whose_process_died_around_the_call_is_answered_once_and_on_its_own_card(here: World) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    asked = here.last("john")

    async def crash() -> None:
        raise SystemError("the process is gone")

    hr = Wrapped(here.backend.hr, "create_leave", after=crash)
    await with_hr(here, hr).press("john", asked, "Send request")
    here.clock.advance(timedelta(seconds=61))
    assert await here.core.ingress.take_over() == 0, "from T1 on it is the effect that is followed up, not the press"
    assert await here.core.reconciling.run() == 1
    assert await states(here) == [LeaveState.PENDING]
    assert len(hr.calls) == 1
    told = [posted.text for posted in here.chat.posts if posted.place == asked.place]
    assert len(told) == 1, "nobody is told that the button was used, or told twice"
    assert "Leave asked for" in told[0], "on the card it was asked for with"
    assert not await unmatched(here)


@pytest.mark.requirement("81")
@pytest.mark.parametrize("what", ["call", "facts"])
async def test_a_system_that_hangs_is_told_within_five_seconds(here: World, what: str) -> None:
    await here.sign_in("john")
    await here.say("john", "I'd like to take 21 to 23 December off")
    if what == "call":
        here.backend.faults.hang(30)
        since = perf_counter()
        await here.press("john", here.last("john"), "Send request")
    else:
        await here.sign_in("sue")
        here.backend.faults.hang(30)
        since = perf_counter()
        assert await here.say("sue", "customer Northwind Traders")
    assert perf_counter() - since < 5
    here.backend.faults.clear()
    here.clock.advance(timedelta(seconds=61))
    await here.core.ingress.take_over()
    await here.core.reconciling.run()
    assert await states(here) == []
    assert not await unmatched(here)


@pytest.mark.requirement("80")
async def test_one_effect_that_cannot_be_looked_up_holds_up_no_other(here: World) -> None:
    await here.sign_in("john")
    for days in ("21 to 23 December", "28 to 30 December"):
        await here.say("john", f"I'd like to take {days} off")
        here.backend.faults.drop_reply_after_write()
        await here.press("john", here.last("john"), "Send request")
    here.clock.advance(timedelta(seconds=40))
    here.backend.faults.fail_next(Unauthenticated("expired"))
    assert await here.core.reconciling.run() == 1
    assert await here.core.reconciling.run() == 1
    assert not await unmatched(here)


@pytest.mark.requirement("82", "79")
async def test_transactions_that_run_twice_say_everything_once(here: World) -> None:
    """PostgreSQL's connection may be lost before COMMIT: the work is run again, and only once for real."""
    database = Twice(here.database)
    core = compose(replace(here.core.outside, database=database))
    twice = replace(here, core=core)
    await leave_for_mia(twice)
    posts = [posted.card.headline for posted in here.chat.posts]
    assert len([line for line in posts if "Leave for John" in line]) == 2, "HR's channel and Mia, once each"
    assert len([line for line in posts if "Leave asked" in line]) == 1
    await twice.press("mia", here.last("mia", "Leave for John"), "Approve")
    await twice.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.APPROVED]
    told = [posted for posted in here.chat.posts if "Your leave" in posted.card.headline]
    assert len(told) == 1
    assert not await unmatched(here)
    await twice.say("john", "I'd like to take some days off")
    assert "Monday, 28 December" in await twice.say("john", "28 to 30 December")


@pytest.mark.requirement("70")
async def test_every_effect_of_a_working_day_has_an_intent_and_an_outcome(here: World) -> None:
    await code_dialog(here)
    await here.submit_code("mia", here.code("mia"))
    for text in ("balance", "my leaves", "who am I"):
        await here.say("john", text)
    for text in ("waiting", "away"):
        await here.say("mia", text)
    intended = await here.audit(type_prefix="effect.intended")
    finished = await here.audit(type_prefix="effect.finished")
    assert len(intended) == len(finished)
    assert not await unmatched(here)
    for record in intended:
        assert record.event.policy_hash
        assert record.event.principal
        assert record.event.rules
    assert len(await effects_done(here, "ApproveLeave")) == 1
