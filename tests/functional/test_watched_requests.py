"""What waits is watched: it expires, and what the HR system decides itself is seen on every card; routes lead there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.connectors.demo.database import DemoDatabase
from bot.domain.approval import Address, AddressKind, Route
from bot.ports.ingress import DialogClosed
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_approvals import LONG, ask, decide, finished

MANAGER, HR = Address(kind=AddressKind.MANAGER), Address(kind=AddressKind.HR)
SUE = Address(kind=AddressKind.PERSON, person="sue")


async def in_the_hr_system(here: World, state: str) -> None:
    """Somebody decides there, past Doorward."""
    database: DemoDatabase = here.backend._database
    await database.write(
        lambda raw: (
            raw.execute(
                "UPDATE leave SET state = ?, version = version + 1 WHERE number = (SELECT max(number) FROM leave)",
                (state,),
            ).rowcount
        )
    )


@pytest.mark.parametrize(
    ("state", "told"), [("approved", "approved in the HR system"), ("refused", "refused in the HR system")]
)
async def test_a_decision_in_the_hr_system_reaches_every_copy(here: World, state: str, told: str) -> None:
    await ask(here, "mia")
    assert await here.core.watching.run() == 0
    await in_the_hr_system(here, state)
    assert await here.core.watching.run() == 1
    assert told in here.last("john", "Your leave").text
    for name in ("mia", "john"):
        card = here.last(name, "Leave for John")
        assert "in the HR system" in card.text
        assert card.card.actions == ()
    assert [item.event.code for item in await here.audit(type_prefix="approval.closed")] == [
        f"approval.elsewhere_{state}"
    ]
    assert await here.core.watching.run() == 0


async def test_a_first_approval_in_the_hr_system_puts_it_to_hr(here: World) -> None:
    await ask(here, "mia", "sarah")
    await in_the_hr_system(here, "second_approval")
    assert await here.core.watching.run() == 1
    assert "It waits for HR" in here.last("sarah", "Leave for John").text


async def test_what_changed_in_the_hr_system_is_approved_anew(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    await in_the_hr_system(here, "pending")
    await here.core.watching.run()
    await decide(here, "sarah")
    assert await finished(here) == [("ApproveLeave", "approval.kept")] * 2


async def test_a_request_nobody_decides_on_expires_and_its_approvals_with_it(here: World) -> None:
    await ask(here, "mia", "sarah", text=LONG)
    await decide(here, "mia")
    here.clock.advance(timedelta(days=14))
    assert await here.core.watching.run() == 1
    assert "Nobody decided" in here.last("john", "Nobody decided").text
    shared = here.last("sarah", "Leave for John")
    assert "Nobody decided in time" in shared.text
    assert shared.card.actions == ()


async def test_while_the_hr_system_is_away_nothing_is_closed(here: World) -> None:
    await ask(here, "mia")
    await in_the_hr_system(here, "approved")
    here.backend.faults.fail_next()
    assert await here.core.watching.run() == 0
    assert await here.core.watching.run() == 1


@pytest.fixture
async def routed(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    rules = (
        Route(departments=frozenset({"support"}), stages=((HR,),)),
        Route(departments=frozenset({"sales"}), longer_than=15, stages=((MANAGER,), (SUE,))),
    )
    async with world(tmp_path, clock, rules=rules) as made:
        yield made


async def test_a_route_names_who_comes_next_and_gives_no_right(routed: World) -> None:
    await ask(routed, "mia", "sue", "sarah", text=LONG)
    assert "Leave for John" not in " ".join(post.text for post in routed.chat.seen_by(routed.channel("sue")))
    await routed.press("mia", routed.last("mia", "Leave for John"), "Approve")
    assert await routed.submit_code("mia", routed.code("mia")) == DialogClosed()
    card = routed.last("sue", "Leave for John")
    assert "1 of 2" not in card.text or card.card.actions
    await routed.press("sue", card, "Approve")
    assert "You don't decide this one" in routed.chat.dialogs["view"].title
