"""Who is called when: a simulated week, counted; hours, bundles, reminders, and what comes by night all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.domain.messages import PlaceKind
from bot.domain.notice import TABLE, Notice, NoticeClass, WorkingHours
from bot.domain.outbound import OutboxItem
from bot.ports.database import Transaction
from bot.services import announcing
from bot.texts.formats import zone
from tests.fakes.chat import Posted
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world
from tests.functional.test_asking_for_more import write

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
TICK = timedelta(minutes=30)


@pytest.fixture
async def here(tmp_path: Path, clock: FixedClock) -> AsyncIterator[World]:
    async with world(tmp_path, clock) as made:
        yield made


class Week:
    """Lets time pass with the job running, and counts what made a sound in somebody's direct conversation."""

    def __init__(self, here: World) -> None:
        self.here = here
        self._days = iter(range(1, 28))

    async def until(self, day: int, hour: int, minute: int = 0) -> None:
        target = MONDAY.replace(hour=0) + timedelta(days=day, hours=hour, minutes=minute)
        while self.here.clock.now() < target:
            self.here.clock.advance(min(TICK, target - self.here.clock.now()))
            await self.here.core.jobs.release_notices()

    async def ask(self) -> None:
        await self.here.sign_in("john")
        day = f"2027-01-{4 + next(self._days):02d}"
        while datetime.fromisoformat(day).weekday() > 4:
            day = f"2027-01-{4 + next(self._days):02d}"
        await self.here.say("john", f"/doorward leave {day} {day} unpaid")
        await self.here.press("john", self.here.last("john"), "Send request")
        assert "waits for Mia" in self.here.last("john", "Leave asked").text

    def posts(self, name: str) -> list[Posted]:
        who = self.here.channel(name)
        return [one for one in self.here.chat.posts if one.to == who and one.place.kind is PlaceKind.DIRECT]

    def heard(self, name: str) -> list[str]:
        return [posted.card.headline for posted in self.posts(name)]


async def test_a_week_of_an_employee_a_manager_and_an_administrator(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia", "raj"):
        await here.sign_in(name)
    await here.enrol("mia")

    await week.ask()  # Monday, in working hours
    assert len(week.heard("mia")) == 1
    await here.press("mia", here.last("mia", "Leave for John"), "Approve")
    await here.submit_code("mia", here.code("mia"))
    answers = len(week.heard("mia")) - 1
    told = [headline for headline in week.heard("john") if "approved by Mia" in headline]
    assert len(told) == 1

    await week.until(1, 6)
    await week.ask()  # Tuesday before work
    assert len(week.heard("mia")) - answers == 1
    await week.until(1, 8)
    assert len(week.heard("mia")) - answers == 2

    await week.until(2, 9)  # Wednesday: a reminder of Tuesday's, two by themselves, the others in one card
    for _ in range(4):
        await week.ask()
        here.clock.advance(timedelta(minutes=2))
        await here.core.jobs.release_notices()
    bundle = week.posts("mia")[-1]
    assert bundle.card.headline == "2 more requests wait for you"
    assert bundle.edited == 1, "an edit makes no sound"
    assert len(week.heard("mia")) - answers == 2 + 1 + 2 + 1

    await week.until(4, 19)  # Thursday and Friday: one reminder each
    assert week.heard("mia")[-2:] == ["5 requests still wait for you"] * 2
    await week.ask()  # Friday after work
    await week.until(5, 3)
    await _link_by_night(here)
    await week.until(7, 7)  # Saturday, Sunday: nothing that can wait

    assert len(week.heard("mia")) - answers == 8
    assert week.heard("raj") == ["A further chat account now speaks for you."]
    own = 7  # what he is shown before he sends, which becomes what was sent, and nothing else
    assert len([one for one in week.heard("john") if one not in told]) == own
    await week.until(7, 8)
    assert week.heard("mia")[-2:] == ["5 requests still wait for you", "Leave for John Carver: Wed 13 Jan"]


async def _link_by_night(here: World) -> None:
    further = Link(
        channel=ChannelIdentity(platform=Platform.PLAYGROUND, tenant="demo", account="raj-phone"),
        identity=here.identity("raj"),
        provider="test",
        linked_at=here.clock.now(),
    )

    def work(tx: Transaction) -> list[OutboxItem]:
        tx.links.insert(further)
        cards = announcing.cards(tx, further, here.directory.claims("raj"))
        return here.core.delivery.put_all(tx, cards, "")

    await here.core.delivery.send(await here.database.write(work))


async def test_what_needs_somebody_waits_for_their_own_morning(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)

    def abroad(tx: Transaction) -> None:
        person = tx.persons.find(here.identity("mia"))
        assert person is not None
        tx.persons.save(replace(person, timezone="America/New_York"))

    await here.database.write(abroad)
    await week.ask()  # nine in the morning in London, four in New York
    await week.until(0, 12, 30)
    assert week.heard("mia") == []
    await week.until(0, 13)
    assert week.heard("mia") == ["Leave for John Carver: Tue 5 Jan"]


async def test_what_was_decided_before_its_time_came_is_not_spoken_of(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    await week.until(0, 20)
    await week.ask()
    await here.press("john", here.last("john", "Leave asked"), "Withdraw")
    await here.press("john", here.last("john"), "Withdraw it")
    await week.until(2, 12)
    assert week.heard("mia") == []


async def test_who_is_unlinked_is_not_called(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    await week.until(0, 20)
    await week.ask()
    await here.database.write(lambda tx: tx.links.remove(here.channel("mia")))
    await week.until(2, 12)
    assert week.heard("mia") == []
    assert not await here.database.read(lambda tx: tx.notices.addressees(10))


async def test_a_digest_is_one_card_when_the_day_begins(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    hours = WorkingHours(start=time(9), digest=True)
    await here.database.write(lambda tx: tx.notices.choose(here.identity("mia"), hours))
    assert await here.database.read(lambda tx: tx.notices.hours(here.identity("mia"))) == hours
    for _ in range(3):
        await week.ask()
    assert week.heard("mia") == []
    await week.until(1, 8, 30)
    assert week.heard("mia") == []
    await week.until(1, 20)
    assert week.heard("mia") == ["3 requests wait for you today"]


async def test_everybody_chooses_hours_and_digest_in_chat(here: World) -> None:
    await here.sign_in("mia")
    assert "08:00 to 18:00" in await here.say("mia", "notices")
    assert "09:00 to 16:30" in await here.command("mia", "notices set 9-16:30")
    await here.press("mia", here.last("mia"), "One card a day")
    chosen = await here.database.read(lambda tx: tx.notices.hours(here.identity("mia")))
    assert chosen == WorkingHours(start=time(9), end=time(16, 30), digest=True)
    refused = await here.command("mia", "notices set 17-9")
    assert await here.database.read(lambda tx: tx.notices.hours(here.identity("mia"))) == chosen, refused
    assert "no second factor yet" in await here.say("mia", "factors")


async def test_what_waits_is_sealed_and_survives_a_restart(here: World, tmp_path: Path) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    await week.until(0, 20)
    await week.ask()
    raw = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))  # noqa: ASYNC240 - a test's own files
    assert b"Leave for John" not in raw
    assert await here.database.read(lambda tx: len(tx.notices.addressees(10))) == 1


@pytest.mark.parametrize(
    ("name", "at", "within"),
    [
        ("Europe/Berlin", "2026-11-16T07:00:00+00:00", True),
        ("Europe/Berlin", "2026-11-16T06:59:00+00:00", False),
        ("America/New_York", "2026-11-16T07:00:00+00:00", False),
        ("Europe/Berlin", "2026-11-16T17:00:00+00:00", False),
        ("Asia/Tokyo", "2026-11-15T23:00:00+00:00", True),
        ("Europe/Berlin", "2026-11-21T10:00:00+00:00", False),
    ],
)
def test_working_hours_are_those_of_the_reader(name: str, at: str, within: bool) -> None:
    assert WorkingHours().within(datetime.fromisoformat(at), zone(name)) is within


def test_the_table_has_every_notice_and_security_goes_past_the_chat_too() -> None:
    assert set(TABLE) == set(Notice)
    assert all(rule.by_mail for rule in TABLE.values() if rule.kind is NoticeClass.SECURITY)


async def test_a_question_about_a_request_waits_for_the_requesters_working_hours(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    await week.ask()
    card = here.last("mia", "Leave for John")
    await week.until(0, 21)  # John's working day is over
    await here.sign_in("mia")
    before = len(week.heard("john"))
    await here.press("mia", card, "Ask for more")
    await write(here, "mia", "Who covers?")
    assert len(week.heard("john")) == before
    await here.sign_in("john")
    await here.say("john", "my leaves")
    assert any("Answer Mia" in action.label for action in here.last("john").card.actions), "who looks finds it"
    before = len(week.heard("john"))
    await week.until(1, 8)
    assert [text for text in week.heard("john")[before:] if "asks about your leave" in text]
    await week.until(2, 9)
    assert week.heard("john")[-1] == "1 question about your requests still waits for your answer"
    await here.sign_in("john")
    await here.press("john", here.last("john", "asks about your leave"), "Answer")
    await write(here, "john", "Sue does.")
    before = len(week.heard("john"))
    await week.until(4, 9)
    assert len(week.heard("john")) == before, "what was answered is not spoken of"


async def test_a_question_about_what_was_decided_meanwhile_is_not_asked_any_more(here: World) -> None:
    week = Week(here)
    for name in ("john", "mia"):
        await here.sign_in(name)
    await here.enrol("mia")
    await week.ask()
    card = here.last("mia", "Leave for John")
    await week.until(0, 21)
    await here.sign_in("mia")
    await here.press("mia", card, "Ask for more")
    await write(here, "mia", "Who covers?")
    await here.press("mia", card, "Approve")
    await here.submit_code("mia", here.code("mia"))
    await week.until(2, 9)
    assert not [text for text in week.heard("john") if "asks about your leave" in text]
