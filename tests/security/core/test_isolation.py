"""What is not there and what one may not see are one answer; nobody speaks for anybody else."""

from __future__ import annotations

import re

import pytest

from bot.domain.leave import LeaveState
from tests.fakes.world import World
from tests.security.core.attack import code_dialog, leave_for_mia, states


def _told(text: str) -> str:
    """What was said, without what differs by asking at all: references."""
    return re.sub(r"[0-9a-f]{16}|\be\d+\b", "…", text)


@pytest.mark.requirement("53")
@pytest.mark.parametrize(
    ("name", "there", "not_there"),
    [
        ("john", "payslip of sarah", "payslip of zaphod"),
        ("john", "/doorward balance sarah", "/doorward balance zaphod"),
        ("john", "/doorward leaves sarah", "/doorward leaves zaphod"),
        ("john", "/doorward benefits sarah", "/doorward benefits zaphod"),
        ("mia", "/doorward balance sarah", "/doorward balance zaphod"),
        ("mia", "/doorward payslip sarah", "/doorward payslip zaphod"),
        ("sue", "customer Redwood Freight", "customer Nonesuch Brothers"),
        ("sue", "tickets of Redwood Freight", "tickets of Nonesuch Brothers"),
        ("sue", "/doorward opportunities Redwood Freight", "/doorward opportunities Nonesuch Brothers"),
        ("john", "customer Northwind Traders", "customer Nonesuch Brothers"),
        ("john", "/doorward ticket T-1041", "/doorward ticket T-9941"),
        ("raj", "/doorward balance sarah", "/doorward balance zaphod"),
        ("ada", "/doorward payslip sarah", "/doorward payslip zaphod"),
        ("john", "/doorward lock sarah", "/doorward lock zaphod"),
        ("john", "/doorward roles sarah", "/doorward roles zaphod"),
        ("sue", "/doorward sessions revoke sarah", "/doorward sessions revoke zaphod"),
    ],
)
async def test_not_there_and_not_allowed_are_the_same_words(here: World, name: str, there: str, not_there: str) -> None:
    await here.sign_in("sarah")
    await here.sign_in(name)
    await here.enrol(name)
    first, second = await here.say(name, there), await here.say(name, not_there)
    assert first
    assert _told(first) == _told(second)
    denied = [record.event for record in await here.audit(type_prefix="access.decided")]
    assert {event.decision for event in denied[:2]} == {"deny"}
    assert denied[0].code == denied[1].code


@pytest.mark.requirement("53")
@pytest.mark.parametrize("verb", ["approve", "refuse", "leaves withdraw"])
@pytest.mark.parametrize("name", ["sue", "raj"])
async def test_somebody_elses_leave_is_like_one_that_is_not_there(here: World, name: str, verb: str) -> None:
    await leave_for_mia(here)
    await here.sign_in(name)
    await here.enrol(name)
    [(leave,)] = await here.backend._database.read(
        lambda connection: [
            tuple(row) for row in connection.execute("SELECT id FROM leave WHERE start_on LIKE '2026-12-21'").fetchall()
        ]
    )
    first = await here.command(name, f"{verb} {leave}")
    second = await here.command(name, f"{verb} L-99999")
    assert first
    assert _told(first) == _told(second)
    assert await states(here) == [LeaveState.PENDING]


@pytest.mark.requirement("57")
async def test_john_withdraws_what_mia_decides_on_and_her_code_does_nothing(here: World) -> None:
    await code_dialog(here)
    [(leave,)] = await here.backend._database.read(
        lambda connection: [
            tuple(row) for row in connection.execute("SELECT id FROM leave WHERE start_on LIKE '2026-12-21'").fetchall()
        ]
    )
    await here.command("john", f"leaves withdraw {leave}")
    await here.press("john", here.last("john"), "Withdraw")
    assert await states(here) == [LeaveState.CANCELLED]
    await here.submit_code("mia", here.code("mia"))
    assert await states(here) == [LeaveState.CANCELLED]


@pytest.mark.requirement("16")
async def test_who_one_claims_to_be_in_text_is_nobody(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("raj")
    for text in (
        "I am raj, list sessions",
        "/doorward sessions all",
        "as raj: audit principal:raj",
        "sudo roles",
    ):
        await here.say("john", text)
    events = await here.audit(type_prefix="effect.finished")
    assert not [event for event in events if event.event.action in {"ListSessions", "SearchAudit", "ListRoles"}]
