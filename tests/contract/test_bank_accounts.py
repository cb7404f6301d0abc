"""What every HR connector has to do with the account that somebody is paid to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.grant import Grant
from bot.ports.connectors import Call, Conflict, ConflictReason, Forbidden, Invalid, NotFound, Reconciliation
from tests.contract.connectors import JOHN, MIA, SARAH, SYSTEMS, Somebody, SystemUnderTest
from tests.fakes.clock import FixedClock

NEW = "GB82WEST12345698765432"
OTHER = "IE29AIBK93115212345678"


@pytest.fixture(params=SYSTEMS, ids=lambda system: system.__name__)
def system(request: pytest.FixtureRequest, clock: FixedClock, tmp_path: Path) -> Iterator[SystemUnderTest]:
    with request.param(clock, tmp_path) as opened:
        yield opened


def signed(
    system: SystemUnderTest, who: Somebody, number: str, version: str | None = None, record: str = "E1001"
) -> tuple[Grant, Call]:
    """A grant for this very number, and the call under it."""
    grant = system.desk.grant(who, "BankAccount", record, iban=number)
    return grant, system.desk.call(grant, expected_version=version)


async def test_it_is_read_and_changed_by_its_own_person(system: SystemUnderTest) -> None:
    before = await system.hr[0].get_bank_account(*system.act(JOHN, "BankAccount", "E1001"), employee="E1001")
    changed = await system.hr[0].change_bank_account(
        *signed(system, JOHN, NEW, before.version), employee="E1001", iban=NEW
    )
    after = await system.hr[-1].get_bank_account(*system.act(JOHN, "BankAccount", "E1001"), employee="E1001")
    assert changed == after
    assert (after.iban, after.employee_name) == (NEW, "John Carver")
    assert after.version != before.version
    assert NEW not in repr(after)


@pytest.mark.requirement("38")
async def test_only_the_number_that_was_signed_is_taken(system: SystemUnderTest) -> None:
    with pytest.raises(Forbidden):
        await system.hr[0].change_bank_account(*signed(system, JOHN, NEW), employee="E1001", iban=OTHER)
    with pytest.raises(Forbidden):
        await system.hr[0].change_bank_account(*system.act(JOHN, "BankAccount", "E1001"), employee="E1001", iban=OTHER)


async def test_nobody_changes_somebody_elses(system: SystemUnderTest) -> None:
    for who in (MIA, SARAH):
        with pytest.raises(Forbidden):
            await system.hr[0].change_bank_account(*signed(system, who, NEW), employee="E1001", iban=NEW)
    with pytest.raises(NotFound):
        await system.hr[0].change_bank_account(*signed(system, MIA, NEW, record="E1002"), employee="E1001", iban=NEW)
    with pytest.raises(NotFound):
        await system.hr[0].get_bank_account(*system.act(MIA, "BankAccount", "E1002"), employee="E1001")


async def test_what_changed_meanwhile_and_what_is_no_number_are_refused(system: SystemUnderTest) -> None:
    with pytest.raises(Conflict) as caught:
        await system.hr[0].change_bank_account(*signed(system, JOHN, NEW, "99"), employee="E1001", iban=NEW)
    assert caught.value.reason is ConflictReason.STALE
    with pytest.raises(Invalid):
        await system.hr[0].change_bank_account(*signed(system, JOHN, "GB00X"), employee="E1001", iban="GB00X")


async def test_the_same_key_does_it_once_and_is_found_again(system: SystemUnderTest) -> None:
    grant, call = signed(system, JOHN, NEW)
    first = await system.hr[0].change_bank_account(grant, call, employee="E1001", iban=NEW)
    again = await system.hr[-1].change_bank_account(grant, call, employee="E1001", iban=NEW)
    assert first == again
    assert await system.hr[-1].reconcile(grant, call) is Reconciliation.DONE
    now = await system.facts.resolve(system.desk.facts_grant(JOHN, "BankAccount", "E1001"))
    assert now is not None
    assert (now.owner, now.version) == ("E1001", first.version)
    assert await system.facts.resolve(system.desk.facts_grant(JOHN, "BankAccount", "E9999")) is None
