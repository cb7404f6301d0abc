"""What every HR connector has to do, the parallel cases included."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from bot.domain.leave import LeaveScope, LeaveState, Portion, Verdict
from bot.errors import NotAllowed
from bot.ports.connectors import Conflict, ConflictReason, Forbidden, Invalid, NotFound, Reconciliation, Unsupported
from bot.ports.hr import HumanResources, Leave, Profile
from tests.contract.connectors import JOHN, MIA, RAJ, SARAH, SUE, SYSTEMS, Somebody, SystemUnderTest
from tests.fakes.clock import FixedClock

Answer = TypeVar("Answer")
IN_PARALLEL = 4


@pytest.fixture(params=SYSTEMS, ids=lambda system: system.__name__)
def system(request: pytest.FixtureRequest, clock: FixedClock, tmp_path: Path) -> Iterator[SystemUnderTest]:
    with request.param(clock, tmp_path) as opened:
        yield opened


@pytest.fixture
def spring(now: datetime) -> date:
    """A Monday of next year with no public holiday in the weeks after it."""
    first = date(now.year + 1, 3, 1)
    return first + timedelta(days=-first.weekday() % 7)


async def ask(
    system: SystemUnderTest,
    start: date,
    end: date | None = None,
    *,
    who: Somebody = JOHN,
    leave_type: str = "paid",
    portion: Portion = Portion.FULL,
    replica: int = 0,
    key: str | None = None,
) -> Leave:
    grant, call = system.act(who, "Employee", who.employee, key=key)
    return await system.hr[replica % len(system.hr)].create_leave(
        grant,
        call,
        employee=str(who.employee),
        leave_type=leave_type,
        start=start,
        end=end or start,
        portion=portion,
        note="",
    )


async def decide(
    system: SystemUnderTest,
    leave: Leave,
    who: Somebody,
    verdict: Verdict = Verdict.APPROVE,
    *,
    replica: int = 0,
    seen: LeaveState | None = None,
    key: str | None = None,
    version: str | None = None,
) -> Leave:
    grant, call = system.act(who, "Leave", leave.id, key=key, expected_version=version)
    return await system.hr[replica % len(system.hr)].decide_leave(
        grant, call, leave=leave.id, verdict=verdict, note="", expected_state=seen or leave.state
    )


async def look(system: SystemUnderTest, leave: Leave) -> Leave:
    return await system.hr[0].get_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id)


async def own(system: SystemUnderTest, who: Somebody = JOHN) -> tuple[Leave, ...]:
    return await system.hr[0].list_leaves(
        *system.act(who, "Employee", who.employee), employee=str(who.employee), scope=LeaveScope.OWN
    )


async def remaining(system: SystemUnderTest, on: date, who: Somebody = JOHN) -> Decimal:
    balances = await system.hr[0].leave_balance(
        *system.act(who, "Employee", who.employee), employee=str(who.employee), on=on, leave_type="paid"
    )
    left = balances[0].remaining
    assert left is not None
    return left


async def change_contact(
    system: SystemUnderTest, *, email: str | None = None, phone: str | None = None, address: str | None = None
) -> Profile:
    bounds = system.act(JOHN, "Employee", "E1001")
    return await system.hr[0].update_contact(*bounds, employee="E1001", email=email, phone=phone, address=address)


async def at_once(work: Callable[[int], Awaitable[Answer]]) -> tuple[list[Answer], list[Exception]]:
    """Four at once: the answers, and the errors."""
    outcomes = await asyncio.gather(*(work(number) for number in range(IN_PARALLEL)), return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)], errors


class TestAsking:
    async def test_a_preview_counts_as_the_request_will(self, system: SystemUnderTest, spring: date) -> None:
        end = spring + timedelta(days=8)
        preview = await system.hr[0].preview_leave(
            *system.act(JOHN, "Employee", "E1001"),
            employee="E1001",
            leave_type="paid",
            start=spring,
            end=end,
            portion=Portion.FULL,
        )
        leave = await ask(system, spring, end)
        assert preview.working_days == leave.days == 7
        assert preview.balance_after == await remaining(system, spring)
        assert preview.balance_before == preview.balance_after + 7
        assert (preview.approver, leave.approver) == ("E1002", "E1002")

    async def test_public_holidays_and_weekends_are_skipped(self, system: SystemUnderTest, now: datetime) -> None:
        preview = await system.hr[0].preview_leave(
            *system.act(JOHN, "Employee", "E1001"),
            employee="E1001",
            leave_type="paid",
            start=date(now.year, 12, 24),
            end=date(now.year, 12, 28),
            portion=Portion.FULL,
        )
        assert [holiday.day for holiday in preview.holidays] == [date(2026, 12, 25)]
        assert preview.working_days == 2

    async def test_half_a_day_counts_half(self, system: SystemUnderTest, spring: date) -> None:
        before = await remaining(system, spring)
        assert (await ask(system, spring, portion=Portion.MORNING)).days == Decimal("0.5")
        assert (await ask(system, spring, portion=Portion.AFTERNOON)).days == Decimal("0.5")
        assert await remaining(system, spring) == before - 1
        with pytest.raises(Conflict) as caught:
            await ask(system, spring, portion=Portion.MORNING)
        assert caught.value.reason is ConflictReason.OVERLAP

    async def test_a_preview_names_the_overlap_and_the_request_is_refused(
        self, system: SystemUnderTest, spring: date
    ) -> None:
        await ask(system, spring, spring + timedelta(days=2))
        again = spring + timedelta(days=1)
        preview = await system.hr[0].preview_leave(
            *system.act(JOHN, "Employee", "E1001"),
            employee="E1001",
            leave_type="paid",
            start=again,
            end=again,
            portion=Portion.FULL,
        )
        assert [overlap.start for overlap in preview.overlaps] == [spring]
        with pytest.raises(Conflict) as caught:
            await ask(system, again)
        assert caught.value.code == "connector.conflict.overlap"

    @pytest.mark.parametrize(
        ("days", "portion", "leave_type", "field"),
        [
            (-1, Portion.FULL, "paid", "end"),
            (400, Portion.FULL, "paid", "end"),
            (1, Portion.MORNING, "paid", "portion"),
            (0, Portion.FULL, "holiday on the moon", "leave_type"),
        ],
    )
    async def test_a_value_that_cannot_be_is_named(
        self, system: SystemUnderTest, spring: date, days: int, portion: Portion, leave_type: str, field: str
    ) -> None:
        before = await own(system)
        with pytest.raises(Invalid) as caught:
            await ask(system, spring, spring + timedelta(days=days), portion=portion, leave_type=leave_type)
        assert caught.value.field == field
        assert await own(system) == before

    async def test_a_weekend_is_no_leave(self, system: SystemUnderTest, spring: date) -> None:
        with pytest.raises(Invalid, match="no working day"):
            await ask(system, spring - timedelta(days=2), spring - timedelta(days=1))

    async def test_a_sensitive_type_is_marked(self, system: SystemUnderTest, spring: date) -> None:
        types = await system.hr[0].leave_types(*system.act(JOHN, "Employee", "E1001"))
        marked = {kind.id for kind in types if kind.sensitive}
        assert "sick" in marked
        assert (await ask(system, spring, leave_type="sick")).sensitive


class TestOnce:
    @pytest.mark.requirement("80")
    async def test_identical_creates_at_once_make_one_request(self, system: SystemUnderTest, spring: date) -> None:
        before = await own(system)
        answers, errors = await at_once(lambda number: ask(system, spring, replica=number, key="same"))
        assert errors == []
        assert len({leave.id for leave in answers}) == 1
        assert len(await own(system)) == len(before) + 1

    async def test_requests_at_once_never_overdraw(self, system: SystemUnderTest, spring: date) -> None:
        left = await remaining(system, spring)

        def eight_days(number: int) -> Awaitable[Leave]:
            start = spring + timedelta(days=14 * number)
            return ask(system, start, start + timedelta(days=9), replica=number)

        answers, errors = await at_once(eight_days)
        assert {leave.days for leave in answers} == {8}
        assert len(answers) == left // 8
        assert all(isinstance(error, Conflict) for error in errors)
        assert {error.reason for error in errors if isinstance(error, Conflict)} == {
            ConflictReason.INSUFFICIENT_BALANCE
        }
        assert await remaining(system, spring) == left % 8

    async def test_a_repeat_gives_the_first_answer_even_after_a_decision(
        self, system: SystemUnderTest, spring: date
    ) -> None:
        first = await ask(system, spring, key="k")
        await decide(system, first, MIA)
        assert await ask(system, spring, key="k", replica=1) == first

    async def test_a_key_stands_for_one_request_only(self, system: SystemUnderTest, spring: date) -> None:
        await ask(system, spring, key="k")
        with pytest.raises(Invalid) as caught:
            await ask(system, spring + timedelta(days=1), key="k")
        assert caught.value.field == "idempotency_key"

    async def test_a_key_of_another_person_is_another_key(self, system: SystemUnderTest, spring: date) -> None:
        mine = await ask(system, spring, key="k")
        hers = await ask(system, spring, who=SUE, key="k")
        assert mine.id != hers.id
        assert hers.employee == "E1004"

    async def test_a_write_needs_a_key(self, system: SystemUnderTest, spring: date) -> None:
        grant, call = system.act(JOHN, "Employee", "E1001")
        with pytest.raises(Invalid) as caught:
            await system.hr[0].update_contact(
                grant, replace(call, idempotency_key=None), employee="E1001", phone="+1 555 0100"
            )
        assert caught.value.field == "idempotency_key"

    @pytest.mark.requirement("80")
    async def test_a_look_up_says_whether_a_write_has_happened(self, system: SystemUnderTest, spring: date) -> None:
        grant, call = system.act(JOHN, "Employee", "E1001", key="k")
        assert await system.hr[0].reconcile(grant, call) is Reconciliation.ABSENT
        await ask(system, spring, key="k")
        assert await system.hr[-1].reconcile(grant, call) is Reconciliation.DONE
        elsewhere = system.act(SUE, "Employee", "E1004", key="k")
        assert await system.hr[0].reconcile(*elsewhere) is Reconciliation.ABSENT


class TestDeciding:
    async def test_the_manager_approves(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)
        waiting = await system.hr[0].list_leaves(
            *system.act(MIA, "Employee", "E1002"), employee="E1002", scope=LeaveScope.AWAITING
        )
        assert leave in waiting
        decided = await decide(system, leave, MIA)
        assert (decided.state, decided.decided_by, decided.approver) == (LeaveState.APPROVED, "E1002", None)
        assert decided.decided_by_name
        assert await look(system, leave) == decided

    async def test_a_refused_leave_gives_the_days_back(self, system: SystemUnderTest, spring: date) -> None:
        before = await remaining(system, spring)
        refused = await decide(system, await ask(system, spring), MIA, Verdict.REFUSE)
        assert refused.state is LeaveState.REFUSED
        assert await remaining(system, spring) == before
        assert (await ask(system, spring)).state is LeaveState.PENDING

    @pytest.mark.requirement("57")
    async def test_nobody_decides_on_their_own(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)
        for verdict in Verdict:
            with pytest.raises(Forbidden):
                await decide(system, leave, JOHN, verdict)
        with pytest.raises(Forbidden):
            await decide(system, leave, Somebody(name="outsider", employee=None))
        assert await look(system, leave) == leave

    @pytest.mark.parametrize("verdicts", [(Verdict.APPROVE,) * 4, (Verdict.APPROVE, Verdict.REFUSE) * 2])
    async def test_of_decisions_at_once_one_wins(
        self, system: SystemUnderTest, spring: date, verdicts: tuple[Verdict, ...]
    ) -> None:
        leave = await ask(system, spring)
        deciders = (MIA, SARAH) * 2
        answers, errors = await at_once(
            lambda number: decide(
                system, leave, deciders[number], verdicts[number], replica=number, version=leave.version
            )
        )
        assert len(answers) == 1
        assert [getattr(error, "reason", error) for error in errors] == [ConflictReason.ALREADY_DECIDED] * 3
        assert await look(system, leave) == answers[0]

    async def test_a_repeated_decision_gives_the_first_answer(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)
        first = await decide(system, leave, MIA, key="d")
        assert await decide(system, leave, MIA, key="d", replica=1) == first

    async def test_another_version_is_stale(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)
        await system.hr[0].change_leave(
            *system.act(JOHN, "Leave", leave.id),
            leave=leave.id,
            start=spring,
            end=spring + timedelta(days=4),
            portion=Portion.FULL,
            note="the whole week",
        )
        with pytest.raises(Conflict) as caught:
            await decide(system, leave, MIA, version=leave.version)
        assert caught.value.reason is ConflictReason.STALE
        assert (await look(system, leave)).state is LeaveState.PENDING

    @pytest.mark.requirement("57")
    async def test_long_leave_needs_two_people(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring, spring + timedelta(days=14))
        first = await decide(system, leave, MIA)
        assert (first.state, first.approver, first.decided_by) == (LeaveState.SECOND_APPROVAL, "E1003", None)
        with pytest.raises(Conflict) as caught:
            await decide(system, leave, SARAH, seen=LeaveState.PENDING)
        assert caught.value.reason is ConflictReason.ALREADY_DECIDED
        with pytest.raises(Forbidden):
            await decide(system, first, MIA)
        assert (await decide(system, first, SARAH)).state is LeaveState.APPROVED

    async def test_a_decision_reaches_the_leave_of_its_grant_only(self, system: SystemUnderTest, spring: date) -> None:
        one, other = await ask(system, spring), await ask(system, spring + timedelta(days=1))
        with pytest.raises(NotFound):
            await system.hr[0].decide_leave(
                *system.act(MIA, "Leave", one.id),
                leave=other.id,
                verdict=Verdict.APPROVE,
                note="",
                expected_state=LeaveState.PENDING,
            )
        assert (await look(system, other)).state is LeaveState.PENDING


class TestTakingBack:
    async def test_withdrawing_frees_the_days(self, system: SystemUnderTest, spring: date) -> None:
        before = await remaining(system, spring)
        leave = await ask(system, spring)
        withdrawn = await system.hr[0].withdraw_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id)
        assert withdrawn.state is LeaveState.CANCELLED
        assert await remaining(system, spring) == before
        with pytest.raises(Conflict) as caught:
            await decide(system, leave, MIA)
        assert caught.value.reason is ConflictReason.ALREADY_DECIDED

    async def test_withdraw_and_decide_at_once_one_wins(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)

        async def one(number: int) -> Leave:
            if number % 2:
                return await decide(system, leave, MIA, replica=number // 2)
            hr = system.hr[number // 2 % len(system.hr)]
            return await hr.withdraw_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id)

        answers, errors = await at_once(one)
        assert len(answers) == 1
        assert [getattr(error, "reason", error) for error in errors] == [ConflictReason.ALREADY_DECIDED] * 3

    async def test_what_is_decided_is_not_withdrawn_or_changed_but_cancelled(
        self, system: SystemUnderTest, spring: date
    ) -> None:
        leave = await ask(system, spring)
        await decide(system, leave, MIA)
        with pytest.raises(Conflict):
            await system.hr[0].withdraw_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id)
        with pytest.raises(Conflict):
            await system.hr[0].change_leave(
                *system.act(JOHN, "Leave", leave.id),
                leave=leave.id,
                start=spring,
                end=spring,
                portion=Portion.MORNING,
                note="",
            )
        cancelled = await system.hr[0].cancel_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id, note="ill")
        assert cancelled.state is LeaveState.CANCELLED

    async def test_a_leave_that_has_begun_stays(self, system: SystemUnderTest, spring: date, clock: FixedClock) -> None:
        leave = await ask(system, spring)
        await decide(system, leave, MIA)
        clock.advance(timedelta(days=(spring - clock.now().date()).days))
        with pytest.raises(Conflict):
            await system.hr[0].cancel_leave(*system.act(JOHN, "Leave", leave.id), leave=leave.id, note="")

    async def test_whoever_decided_takes_it_back_with_a_reason_and_it_waits_again(
        self, system: SystemUnderTest, spring: date
    ) -> None:
        leave = await ask(system, spring)
        with pytest.raises(Conflict):
            await system.hr[0].reopen_leave(*system.act(MIA, "Leave", leave.id), leave=leave.id, note="why")
        await decide(system, leave, MIA)
        for who in (JOHN, SARAH):
            with pytest.raises(Forbidden):
                await system.hr[0].reopen_leave(*system.act(who, "Leave", leave.id), leave=leave.id, note="why")
        with pytest.raises(Invalid):
            await system.hr[0].reopen_leave(*system.act(MIA, "Leave", leave.id), leave=leave.id, note=" ")
        again = await system.hr[0].reopen_leave(*system.act(MIA, "Leave", leave.id), leave=leave.id, note="why")
        assert (again.state, again.decided_by) == (LeaveState.PENDING, None)
        assert again.approver == leave.approver
        assert (await decide(system, again, MIA)).state is LeaveState.APPROVED

    async def test_changing_needs_the_owner(self, system: SystemUnderTest, spring: date) -> None:
        leave = await ask(system, spring)
        with pytest.raises(NotFound):
            await system.hr[0].change_leave(
                *system.act(MIA, "Leave", leave.id),
                leave=leave.id,
                start=spring,
                end=spring,
                portion=Portion.MORNING,
                note="",
            )
        with pytest.raises(NotFound):
            await system.hr[0].withdraw_leave(*system.act(MIA, "Leave", leave.id), leave=leave.id)

    async def test_a_change_may_use_its_own_days_again(self, system: SystemUnderTest, spring: date) -> None:
        left = int(await remaining(system, spring))
        leave = await ask(system, spring, spring + timedelta(days=11))
        changed = await system.hr[0].change_leave(
            *system.act(JOHN, "Leave", leave.id),
            leave=leave.id,
            start=spring + timedelta(days=7),
            end=spring + timedelta(days=7 * left // 5 + 4),
            portion=Portion.FULL,
            note="",
        )
        assert changed.days > left - leave.days
        assert await remaining(system, spring) == left - changed.days


class TestReach:
    @pytest.mark.requirement("53", "54")
    async def test_another_persons_payslip_is_never_returned(self, system: SystemUnderTest) -> None:
        mine = await self._latest(system, JOHN)
        hers = await self._latest(system, SARAH)
        refused = []
        for grant_for, payslip, employee in (
            (mine, hers, "E1003"),
            (mine, hers, "E1001"),
            (mine, mine, "E1003"),
            (hers, hers, "E1001"),
            (mine, "P-nowhere", "E1001"),
        ):
            with pytest.raises(NotFound) as caught:
                await system.hr[0].get_payslip(
                    *system.act(JOHN, "Payslip", grant_for), payslip=payslip, employee=employee
                )
            refused.append(str(caught.value))
        assert all("E1003" not in text and "Sarah" not in text for text in refused)

    async def test_the_payslip_of_the_grant_is_returned(self, system: SystemUnderTest) -> None:
        mine = await self._latest(system, JOHN)
        slip = await system.hr[0].get_payslip(*system.act(JOHN, "Payslip", mine), payslip=mine, employee="E1001")
        assert (slip.id, slip.employee) == (mine, "E1001")
        assert {line.code: line.amount for line in slip.lines}["NET"] == slip.net
        assert slip.net < slip.gross

    @pytest.mark.requirement("53")
    async def test_a_grant_for_one_person_reaches_nobody_else(self, system: SystemUnderTest, spring: date) -> None:
        grant, call = system.act(JOHN, "Employee", "E1001")
        hr = system.hr[0]
        for attempt in (
            hr.leave_balance(grant, call, employee="E1003", on=spring),
            hr.list_leaves(grant, call, employee="E1003", scope=LeaveScope.OWN),
            hr.list_payslips(grant, call, employee="E1003"),
            hr.get_benefits(grant, call, employee="E1003"),
            hr.get_profile(grant, call, employee="E1003"),
            hr.update_contact(grant, call, employee="E1003", phone="+1 555 0100"),
            hr.list_absences(grant, call, department="support", start=spring, end=spring),
            hr.create_leave(
                grant,
                call,
                employee="E1003",
                leave_type="paid",
                start=spring,
                end=spring,
                portion=Portion.FULL,
                note="",
            ),
        ):
            with pytest.raises(NotFound):
                await attempt

    @pytest.mark.requirement("56")
    async def test_the_call_names_the_person_of_the_grant(self, system: SystemUnderTest) -> None:
        grant, call = system.act(JOHN, "Employee", "E1003")
        for other in (replace(call, employee="E1003"), replace(call, subject=SARAH.identity.key)):
            with pytest.raises(Forbidden):
                await system.hr[0].get_benefits(grant, other, employee="E1003")

    async def test_every_operation_verifies_its_grant_first(self, system: SystemUnderTest) -> None:
        grant, call = system.act(JOHN, "Employee", "E1001")
        forged = replace(grant, mac="0" * 64)
        for name in [*system.hr[0].traits(), "reconcile"]:
            operation = getattr(system.hr[0], name)
            named = list(inspect.signature(operation).parameters)[2:]
            with pytest.raises(NotAllowed):
                await operation(forged, call, **dict.fromkeys(named, "x"))
            assert system.desk.asked[-1] == name

    async def test_an_expired_grant_is_refused(self, system: SystemUnderTest, clock: FixedClock) -> None:
        grant, call = system.act(JOHN, "Employee", "E1001")
        clock.advance(timedelta(seconds=60))
        with pytest.raises(NotAllowed):
            await system.hr[0].leave_types(grant, call)

    async def test_absences_carry_no_reason(self, system: SystemUnderTest, spring: date) -> None:
        await ask(system, spring, leave_type="sick")
        away = await system.hr[0].list_absences(
            *system.act(MIA, "Department", "sales"), department="sales", start=spring, end=spring
        )
        assert [absence.employee for absence in away] == ["E1001"]
        assert "sick" not in repr(away).lower()

    async def _latest(self, system: SystemUnderTest, who: Somebody) -> str:
        slips = await system.hr[0].list_payslips(*system.act(who, "Employee", who.employee), employee=str(who.employee))
        assert len(slips) >= 12
        assert {slip.employee for slip in slips} == {who.employee}
        return slips[0].id


class TestRecords:
    @pytest.mark.parametrize("name", ["E1003", "sarah", "Sarah Okafor", "  SARAH  ", "sarah   okafor"])
    async def test_a_name_finds_its_person(self, system: SystemUnderTest, name: str) -> None:
        card = await system.hr[0].resolve_employee(*system.act(JOHN, "Employee", "E1001"), name=name)
        assert (card.employee, card.username, card.department) == ("E1003", "sarah", "sales")

    @pytest.mark.parametrize("name", ["", "nobody", "sara", "%", "' OR 1=1 --"])
    async def test_any_other_name_finds_nobody(self, system: SystemUnderTest, name: str) -> None:
        with pytest.raises(NotFound):
            await system.hr[0].resolve_employee(*system.act(JOHN, "Employee", "E1001"), name=name)

    async def test_of_two_contact_changes_seen_alike_one_is_stale(self, system: SystemUnderTest) -> None:
        seen = await system.hr[0].get_profile(*system.act(JOHN, "Employee", "E1001"), employee="E1001")

        def change(number: int) -> Awaitable[object]:
            bounds = system.act(JOHN, "Employee", "E1001", expected_version=seen.version)
            hr = system.hr[number % len(system.hr)]
            return hr.update_contact(*bounds, employee="E1001", phone=f"+1 555 010{number}")

        answers, errors = await at_once(change)
        assert len(answers) == 1
        assert [getattr(error, "reason", error) for error in errors] == [ConflictReason.STALE] * 3
        after = await system.hr[0].get_profile(*system.act(JOHN, "Employee", "E1001"), employee="E1001")
        assert after == answers[0]
        assert (after.email, after.address) == (seen.email, seen.address)

    async def test_contact_values_are_checked(self, system: SystemUnderTest) -> None:
        for field, attempt in (
            ("email", change_contact(system, email="nowhere")),
            ("phone", change_contact(system, phone=" ")),
            ("address", change_contact(system, address="x" * 300)),
        ):
            with pytest.raises(Invalid) as caught:
                await attempt
            assert caught.value.field == field

    @pytest.mark.requirement("57")
    async def test_nobody_sets_their_own_pay(self, system: SystemUnderTest, spring: date) -> None:
        with pytest.raises(Forbidden):
            await system.hr[0].update_pay(
                *system.act(SARAH, "Employee", "E1003"),
                employee="E1003",
                monthly=Decimal(9000),
                currency="EUR",
                effective=spring,
            )
        pay = await system.hr[0].update_pay(
            *system.act(SARAH, "Employee", "E1001"),
            employee="E1001",
            monthly=Decimal("4300.50"),
            currency="EUR",
            effective=spring,
        )
        assert (pay.monthly, pay.currency, pay.effective) == (Decimal("4300.50"), "EUR", spring)

    @pytest.mark.parametrize(
        ("monthly", "currency", "field"),
        [("0", "EUR", "monthly"), ("-1", "EUR", "monthly"), ("0.001", "EUR", "monthly"), ("4000", "XXX", "currency")],
    )
    async def test_pay_is_checked(
        self, system: SystemUnderTest, spring: date, monthly: str, currency: str, field: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            await system.hr[0].update_pay(
                *system.act(SARAH, "Employee", "E1001"),
                employee="E1001",
                monthly=Decimal(monthly),
                currency=currency,
                effective=spring,
            )
        assert caught.value.field == field

    async def test_a_benefit_changes_to_what_is_offered(self, system: SystemUnderTest) -> None:
        before = await system.hr[0].get_benefits(*system.act(JOHN, "Employee", "E1001"), employee="E1001")
        changed = await system.hr[0].update_benefits(
            *system.act(SARAH, "Employee", "E1001", expected_version=before.version),
            employee="E1001",
            code="PENSION",
            choice="5 %",
        )
        assert {benefit.code: benefit.choice for benefit in changed.benefits}["PENSION"] == "5 %"
        for code, choice, field in (("CAR", "5 %", "code"), ("PENSION", "90 %", "choice")):
            with pytest.raises(Invalid) as caught:
                await system.hr[0].update_benefits(
                    *system.act(SARAH, "Employee", "E1001"), employee="E1001", code=code, choice=choice
                )
            assert caught.value.field == field

    async def test_holidays_are_those_of_the_region(self, system: SystemUnderTest) -> None:
        first, last = date(2026, 1, 1), date(2026, 12, 31)
        john = await system.hr[0].list_holidays(
            *system.act(JOHN, "Employee", "E1001"), employee="E1001", start=first, end=last
        )
        raj = await system.hr[0].list_holidays(
            *system.act(RAJ, "Employee", "E1005"), employee="E1005", start=first, end=last
        )
        assert date(2026, 5, 1) in {holiday.day for holiday in john}
        assert date(2026, 11, 26) in {holiday.day for holiday in raj} - {holiday.day for holiday in john}


class TestTraits:
    def test_every_operation_of_the_port_is_described(self, system: SystemUnderTest) -> None:
        operations = {name for name, _ in inspect.getmembers(HumanResources, inspect.isfunction) if name[0] != "_"}
        assert set(system.hr[0].traits()) == operations - {"traits", "reconcile"}

    async def test_what_is_not_supported_says_so(self, system: SystemUnderTest) -> None:
        unsupported = [name for name, traits in system.hr[0].traits().items() if not traits.supported]
        grant, call = system.act(JOHN, "Employee", "E1001")
        for name in unsupported:
            operation = getattr(system.hr[0], name)
            named = list(inspect.signature(operation).parameters)[2:]
            with pytest.raises(Unsupported):
                await operation(grant, call, **dict.fromkeys(named, "x"))
