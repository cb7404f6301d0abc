"""What waits is watched: it expires, and what the HR system decides itself is seen on every card; routes lead there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.connectors.demo.database import DemoDatabase
from bot.domain.approval import Address, AddressKind, Route
from bot.domain.messages import PlaceKind
from bot.ports.ingress import DialogClosed
from tests.fakes.chat import Posted
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_approvals import LONG, ask, decide, finished
from tests.functional.test_asking_for_more import write

MANAGER, HR = Address(kind=AddressKind.MANAGER), Address(kind=AddressKind.HR)
SUE = Address(kind=AddressKind.PERSON, person="sue")


async def in_the_hr_system(here: World, state: str, *, by: str = "") -> None:
    """Somebody decides there, past Doorward; the system says who, or not."""
    database: DemoDatabase = here.backend._database
    await database.write(
        lambda raw: (
            raw.execute(
                "UPDATE leave SET state = ?, version = version + 1,"
                " decided_by = (SELECT id FROM employee WHERE name = ?)"
                " WHERE number = (SELECT max(number) FROM leave)",
                (state, by),
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


@pytest.mark.parametrize(("state", "word"), [("approved", "Approved"), ("refused", "Refused")])
async def test_who_decided_in_the_hr_system_is_told_where_it_says(here: World, state: str, word: str) -> None:
    await ask(here, "mia")
    await in_the_hr_system(here, state, by="Sue Park")
    assert await here.core.watching.run() == 1
    assert f"Sue Park {state} your leave" in here.last("john", "your leave").text
    for name in ("mia", "john"):
        assert f"{word} in the HR system by Sue Park; noticed at" in here.last(name, "Leave").text


async def test_who_decided_is_not_named_as_who_cancelled(here: World) -> None:
    await ask(here, "mia")
    await in_the_hr_system(here, "cancelled", by="Sue Park")
    assert await here.core.watching.run() == 1
    assert "cancelled in the HR system" in here.last("john", "Your leave").text
    assert not [post for post in here.chat.posts if "Sue Park" in post.text]


async def test_a_first_approval_in_the_hr_system_puts_it_to_hr(here: World) -> None:
    await ask(here, "mia", "sarah")
    await in_the_hr_system(here, "second_approval")
    assert await here.core.watching.run() == 1
    asked = here.last("sarah", "Leave for John")
    assert "It waits for HR" in asked.text
    assert "Approve…" in [action.label for action in asked.card.actions]


async def test_a_request_that_moved_on_to_hr_asks_nobody_else_any_more(here: World) -> None:
    await ask(here, "mia", "sarah")
    before = {name: own_card(here, name).id for name in ("mia", "john")}
    await in_the_hr_system(here, "second_approval")
    assert await here.core.watching.run() == 1
    for name, labels in (("mia", []), ("john", ["Withdraw"])):
        card = own_card(here, name)
        assert card.id == before[name], "edited, not posted anew"
        assert "Now it waits for HR" in card.text
        assert [action.label for action in card.card.actions] == labels
    assert await here.core.watching.run() == 0, "once"
    await here.press("sarah", here.last("sarah", "Leave for John"), "Ask for more")
    await write(here, "sarah", "Who stands in?")
    assert own_card(here, "mia").card.actions == (), "it does not ask her again"
    await decide(here, "sarah")
    for name in before:
        assert "Approved by Sarah" in own_card(here, name).text


def own_card(here: World, name: str) -> Posted:
    """The request as it stands in somebody's own conversation."""
    seen = [post for post in here.chat.seen_by(here.channel(name)) if post.place.kind is PlaceKind.DIRECT]
    return [post for post in seen if post.card.headline.startswith(("Leave for", "Leave asked"))][-1]


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
