"""What an app posts under a person's account starts nothing: the person is asked, and only their own press counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.capabilities.catalogue import CATALOGUE
from bot.capabilities.model import Effect
from bot.domain.messages import EventKind, Place, PlaceKind
from policy.cedar import load
from tests.fakes.world import HR_CHANNEL, World

pytestmark = pytest.mark.requirement("93")
ASKED = "An app wrote this under your name"
MEANT = "I meant this"


async def post_as(here: World, name: str, text: str, place: Place | None = None) -> None:
    """An app that holds this person's token posts."""
    message = here.message(name, text=text, by_app=True)
    await here.core.ingress.accept(replace(message, place=place or message.place))
    await here.core.ingress.drain(10)


async def test_nothing_runs_and_only_the_person_is_asked(here: World) -> None:
    await here.sign_in("john")
    await post_as(here, "john", "how many days of leave do I have?", HR_CHANNEL)
    (asked,) = here.chat.posts
    assert asked.card.headline == ASKED
    assert asked.place.kind is PlaceKind.DIRECT
    assert "14" not in asked.text
    assert [record.event.type for record in await here.audit(type_prefix="effect")] == []
    (record,) = await here.audit(type_prefix="ingress")
    assert (record.event.decision, record.event.code) == ("asked", "ingress.not_a_person")


async def test_the_press_makes_it_the_persons_own(here: World) -> None:
    await here.sign_in("john")
    await post_as(here, "john", "how many days of leave do I have?")
    await here.press("john", here.last("john", ASKED), MEANT)
    assert "14 days" in here.chat.posts[-1].text


async def test_what_changes_anything_is_still_shown_before_it_happens(here: World) -> None:
    await here.sign_in("john")
    await post_as(here, "john", "I'd like to take 21 to 23 December off")
    await here.press("john", here.last("john", ASKED), MEANT)
    assert "Send request" in str(here.chat.posts[-1].card.actions)
    assert "RequestLeave" not in {r.event.action for r in await here.audit(type_prefix="effect.finished")}


async def test_somebody_elses_press_does_nothing(here: World) -> None:
    await here.sign_in("john")
    await here.sign_in("mia")
    await post_as(here, "john", "how many days of leave do I have?")
    handle = here.last("john", ASKED).button(MEANT).handle
    await here.core.ingress.accept(here.message("mia", EventKind.PRESS, handle=handle))
    await here.core.ingress.drain(10)
    assert await here.audit(type_prefix="effect") == []
    assert [record.event.code for record in await here.audit(decision="deny")] == ["handle.spent"]


async def test_a_late_press_does_nothing(here: World) -> None:
    await here.sign_in("john")
    await post_as(here, "john", "how many days of leave do I have?")
    here.clock.advance(timedelta(minutes=59))
    await here.say("john", "whoami")
    here.clock.advance(timedelta(minutes=2))
    await here.press("john", here.last("john", ASKED), MEANT)
    assert [r.event.action for r in await here.audit(type_prefix="effect.finished")] == ["WhoAmI"]


async def test_it_answers_no_question_that_waits(here: World) -> None:
    """The bot has asked the person for the days; the app must not answer in their stead."""
    await here.sign_in("john")
    await here.say("john", "I want to take leave")
    await post_as(here, "john", "21 to 23 December")
    assert here.last("john").card.headline == ASKED
    assert "Monday, 21 December 2026" in await here.say("john", "21 to 23 December")


async def test_a_flood_asks_three_times_and_leaves_the_persons_own_budget_alone(here: World) -> None:
    await here.sign_in("john")
    for _ in range(70):
        await post_as(here, "john", "sign out everywhere")
    assert len(here.chat.posts) == 3
    assert "14 days" in await here.say("john", "how many days of leave do I have?")


async def test_before_sign_in_it_offers_none(here: World) -> None:
    await post_as(here, "john", "how many days of leave do I have?")
    (asked,) = here.chat.posts
    assert [action.url for action in asked.card.actions] == [""]
    await here.press("john", asked, MEANT)
    assert "I need to know it's you first" in here.chat.posts[-1].text


@pytest.mark.parametrize(
    "action", ["GrantRole", "RevokeRole", "LockPerson", "UnlockPerson", "RevokeSessions", "RemoveLink"]
)
def test_a_typed_sentence_alone_changes_no_role_link_lock_or_other_session(action: str) -> None:
    (entry,) = [entry for entry in CATALOGUE if entry.action == action]
    assert entry.effect is Effect.WRITE
    permits = [rule.obligations for rule in load().rules_for(action) if rule.permits]
    assert permits
    assert all(said.consent or said.confirm for said in permits)
