"""Who has left says the HR system, where it has the last word: in the same message, everywhere, and for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.bootstrap.core import compose
from bot.services.employment import AWAY_SECONDS
from tests.fakes.world import World, url_in

JOHN = "E1001"
GONE = "no longer work here"


async def leaves(here: World, employee: str = JOHN) -> None:
    await here.backend.end_employment(employee, here.clock.now().date() - timedelta(days=1))


async def test_who_has_left_is_ended_and_locked_at_the_next_look(here: World) -> None:
    await here.sign_in("john")
    assert "14 days" in await here.say("john", "balance")
    await leaves(here)
    here.clock.advance(timedelta(seconds=61))
    assert GONE in await here.say("john", "balance")
    person = await here.database.read(lambda tx: tx.persons.find(here.identity("john")))
    assert person is not None
    assert (person.locked, person.lock_reason) == (True, "signal:hr")
    assert await here.database.read(lambda tx: tx.sessions.of_identity(here.identity("john"))) == []
    (told,) = await here.audit(type_prefix="person.locked")
    assert (told.event.channel, told.event.code) == ("hr", "lock.signal")
    await here.sign_in("john")
    assert "14 days" not in await here.say("john", "balance"), "a new sign-in opens nothing"


async def test_what_is_sensitive_is_asked_at_once(here: World) -> None:
    await here.sign_in("john")
    await here.enrol("john")
    await leaves(here)
    await here.say("john", "my payslip")
    answer = await here.prove_on_page("john", url_in(here.last("john")))
    assert answer.continue_path is None
    assert answer.draft is not None
    assert GONE in answer.draft.card.headline


async def test_the_last_day_still_counts(here: World) -> None:
    await here.sign_in("john")
    await here.backend.end_employment(JOHN, here.clock.now().date())
    here.clock.advance(timedelta(seconds=61))
    assert "14 days" in await here.say("john", "balance")


async def test_a_system_that_is_away_says_nothing_about_anybody(here: World) -> None:
    await here.sign_in("john")
    await leaves(here)
    here.backend.faults.fail_next()
    here.clock.advance(timedelta(seconds=61))
    assert GONE not in await here.say("john", "whoami")
    here.clock.advance(timedelta(seconds=61 + AWAY_SECONDS))
    assert GONE in await here.say("john", "whoami")


async def test_somebody_without_a_record_is_the_providers_word(here: World) -> None:
    await here.sign_in("john")
    await here.backend.end_employment("E1002", here.clock.now().date() - timedelta(days=1))
    here.clock.advance(timedelta(seconds=61))
    assert "14 days" in await here.say("john", "balance"), "somebody else's end is not theirs"


async def test_where_hr_has_not_the_last_word_it_is_not_asked(here: World) -> None:
    there = replace(here, core=compose(replace(here.core.outside, employed_by_hr=frozenset())))
    await there.sign_in("john")
    await leaves(there)
    here.clock.advance(timedelta(seconds=61))
    assert GONE not in await there.say("john", "balance")


async def test_an_administrator_may_be_wrong_for_a_minute_only(here: World) -> None:
    await here.sign_in("john")
    await leaves(here)
    here.clock.advance(timedelta(seconds=61))
    assert GONE in await here.say("john", "balance")

    def unlock(tx: object) -> None:
        person = tx.persons.find(here.identity("john"))  # type: ignore[attr-defined]
        tx.persons.save(replace(person, locked=False, lock_reason=""))  # type: ignore[attr-defined]

    await here.database.write(unlock)
    await here.sign_in("john")
    here.clock.advance(timedelta(seconds=61))
    assert GONE in await here.say("john", "balance")
