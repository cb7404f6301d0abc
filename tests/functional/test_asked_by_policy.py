"""How often somebody is asked, by how many it is decided, and what is decided elsewhere: on the real core."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Platform
from bot.domain.messages import EventKind, PlaceKind, ReplyWindow
from bot.ports.database import Transaction
from bot.ports.ingress import DialogClosed
from policy.sources import POLICIES
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.sides import SIDES
from tests.functional.test_approvals import ask, decide, finished
from tests.functional.test_watched_requests import in_the_hr_system

TWO_OF_SALES = """
@id("company.sales-two")
@reason("more_approvals")
forbid (principal, action == Action::"SettleLeave", resource)
when { resource has department && resource.department == "sales" }
unless { context has approvals && context.approvals.total >= 2 };
"""
DAYS = ("2026-12-07", "2026-12-08", "2026-12-09", "2026-12-10", "2026-12-11", "2026-12-14", "2026-12-15", "2026-12-16")


async def one_day(here: World, day: str, kind: str = "unpaid") -> str:
    """John asks for a day; what his card says of the way it took."""
    await here.command("john", f"leave {day} {day} {kind}")
    await here.press("john", here.last("john"), "Send request")
    return here.last("john", "Leave asked for").text


async def test_of_one_requester_six_cards_an_hour_reach_one_approver(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    told = [await one_day(here, day) for day in DAYS[:7]]
    assert ["gets no message" in text for text in told] == [False] * 6 + [True]
    assert (await here.say("mia", "waiting")).startswith("7 requests"), "the request waits in the list all the same"
    here.clock.advance(timedelta(minutes=61))
    await here.sign_in("john")
    assert "gets no message" not in await one_day(here, DAYS[7])


async def test_a_refusal_pauses_that_kind_alone_and_for_an_hour(here: World) -> None:
    await here.sign_in("mia")
    await here.enrol("mia")
    await here.sign_in("john")
    await one_day(here, DAYS[0])
    await decide(here, "mia", "Refuse")
    assert "gets no message" in await one_day(here, DAYS[1])
    assert "gets no message" not in await one_day(here, DAYS[2], "paid")
    here.clock.advance(timedelta(minutes=61))
    await here.sign_in("john")
    assert "gets no message" not in await one_day(here, DAYS[3])


@pytest.fixture
async def strict(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    """Where a company wants two for everybody in sales."""
    policies = tmp_path / "policies"
    policies.mkdir()
    for source in POLICIES.glob("*.cedar"):
        (policies / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (policies / "90-company.cedar").write_text(TWO_OF_SALES, encoding="utf-8")
    async with world(tmp_path, clock, policies=policies) as made:
        yield made


@pytest.mark.requirement("57")
async def test_two_by_department_and_who_was_locked_between_counts_no_longer(strict: World) -> None:
    await ask(strict, "mia", "sarah")
    await decide(strict, "mia")
    assert "1 of 2" in strict.last("john", "Leave asked for").text

    def lock(tx: Transaction) -> None:
        mia = tx.persons.find(strict.identity("mia"))
        assert mia is not None
        tx.persons.save(replace(mia, locked=True))

    await strict.database.write(lock)
    await decide(strict, "sarah")
    assert await finished(strict) == [("ApproveLeave", "approval.kept")] * 2, "one of the two is gone"
    assert "1 of 2" in strict.last("john", "Leave asked for").text


@pytest.mark.requirement("57")
async def test_two_by_department_settle_a_short_leave_together(strict: World) -> None:
    await ask(strict, "mia", "sarah")
    await decide(strict, "mia")
    await decide(strict, "sarah")
    assert await finished(strict) == [("ApproveLeave", "approval.kept"), ("ApproveLeave", "done")]


async def test_what_waits_for_hr_alone_can_be_asked_about(here: World) -> None:
    await ask(here, "mia", "sarah", text="leave 2026-11-30 2026-12-15 unpaid")
    await decide(here, "mia")
    card = here.last("sarah", "Leave for John")
    assert "HR" in card.text
    await here.press("sarah", card, "Ask for more")
    dialog = here.chat.dialogs["view"]
    message = here.message(
        "sarah", EventKind.SUBMISSION, handle=dialog.handle, fields={"text": "Who covers for you?"},
        window=ReplyWindow.IN_RESPONSE, trigger="view",
    )  # fmt: skip
    await here.core.ingress.accept(message)
    await here.core.ingress.drain(10)
    asked = here.last("john", "asks about your leave")
    assert asked.place.kind is PlaceKind.DIRECT
    assert [quote.text for quote in asked.card.quotes] == ["Who covers for you?"]
    here.clock.advance(timedelta(seconds=30))
    await here.press("sarah", here.last("sarah", "Leave for John"), "Approve")
    assert await here.submit_code("sarah", here.code("sarah")) == DialogClosed()


@pytest.mark.parametrize("platform", SIDES)
async def test_decided_in_the_hr_system_every_copy_says_so(
    platform: Platform, tmp_path: Path, clock: FixedClock
) -> None:
    async with SIDES[platform](tmp_path, clock) as side:
        for name in ("john", "mia"):
            await side.here.sign_in(name)
        await side.type("john", "I'd like to take 21 to 23 December off")
        await side.press("john", "Send request")
        await in_the_hr_system(side.here, "approved")
        assert await side.here.core.watching.run() == 1
        for name in ("john", "mia"):
            assert "in the HR system" in side.seen(name)
        for name, label in (("mia", "Approve"), ("mia", "Refuse"), ("john", "Withdraw")):
            with pytest.raises(AssertionError, match="sees no"):
                await side.press(name, label)
