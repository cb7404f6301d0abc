"""Attacks by changing the days: what was approved is void, also where both are done in the same moment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.connectors.demo.database import DemoDatabase
from bot.domain.leave import LeaveState
from bot.domain.messages import EventKind
from bot.domain.secret import Secret
from tests.fakes.world import World
from tests.functional.test_approvals import LONG, ask, decide, finished, given
from tests.security.core.test_approvals import state

Both = tuple[World, World]
OTHER_DAYS = "2026-11-30 2026-12-29"
"""One day longer."""


async def leave(here: World) -> str:
    """The number of the request that waits."""
    [asked] = await here.database.read(lambda tx: list(tx.approvals.open(limit=5)))
    return asked.about.removeprefix("Leave::")


async def last_day(here: World) -> str:
    """Of the latest request, in the HR system."""
    database: DemoDatabase = here.backend._database
    rows = await database.read(
        lambda raw: raw.execute("SELECT end_on FROM leave ORDER BY number DESC LIMIT 1").fetchall()
    )
    return str(rows[0]["end_on"])


async def change_shown(here: World) -> None:
    await here.command("john", f"leaves change {await leave(here)} {OTHER_DAYS}")


@pytest.mark.requirement("57", "61")
async def test_what_one_has_approved_does_not_count_for_other_days(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    await change_shown(here)
    await here.press("john", here.last("john", "Change the leave"), "Change it")
    assert await last_day(here) == "2026-12-29"
    here.clock.advance(timedelta(seconds=30))
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2
    assert await state(here) == LeaveState.PENDING
    await decide(here, "mia")
    assert (await given(here))[-1] == "approval.settles"


@pytest.mark.requirement("57", "61")
async def test_the_last_approval_and_other_days_at_once_are_never_both(replicas: Both) -> None:
    """Mia approved the old days; Sarah gives the last one while John changes them, on two replicas."""
    one, two = replicas
    await ask(one, "mia", "sarah", text=LONG)
    await decide(one, "mia")
    await change_shown(one)
    press = one.last("john", "Change the leave").button("Change it")
    await one.press("sarah", one.last("sarah", "Leave for John"), "Approve")
    dialog = one.chat.dialogs["view"].handle
    await asyncio.gather(
        one.core.ingress.submit_code(
            one.message("sarah", EventKind.SUBMISSION, handle=dialog), Secret(one.code("sarah"))
        ),
        two.core.ingress.accept(two.message("john", EventKind.PRESS, handle=press.handle)),
        return_exceptions=True,
    )
    for replica in replicas:
        await replica.core.ingress.drain(10)
    approved = await state(one) in (LeaveState.APPROVED, LeaveState.SECOND_APPROVAL)
    assert approved == (await last_day(one) == "2026-12-28")
