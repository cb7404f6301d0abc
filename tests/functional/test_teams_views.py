"""A card in a channel, and what each viewer's client is shown of it: read for them alone, and decided for each anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.answer import Button, Draft, Posting
from bot.domain.cards import Audience, Card
from bot.domain.intent import Intent, Origin
from bot.domain.messages import Place, PlaceKind
from bot.ports.database import Transaction
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import identity
from tests.fakes.teams_server import JOHN, MIA, TENANT, Activity, FakeTeams, Person
from tests.functional.test_teams_end_to_end import Doorward, doorward, said

CHANNEL = "19:hr@thread.tacv2"


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    with FakeTeams(now=clock).running() as teams:
        for person in (JOHN, MIA):
            teams.personal(person)
        teams.channel(JOHN, MIA)
        async with doorward(teams, tmp_path, clock) as running:
            yield running


async def post(door: Doorward, capability: str, **arguments: str) -> Activity:
    """A shared card in the channel with one button that reads or does this."""
    core = door.here.core
    place = Place(
        platform=identity(JOHN).platform,
        tenant=TENANT,
        conversation=CHANNEL,
        kind=PlaceKind.CHANNEL,
        service=door.teams.service_url,
    )
    intent = Intent(capability=capability, arguments=dict(arguments), origin=Origin.PRESS)
    draft = Draft(
        card=Card(headline="A card for all"),
        buttons=(Button(label="Details", intent=intent),),
        audience=Audience.PLACE,
        about="Leave::test#approver",
    )

    def work(tx: Transaction) -> Any:
        return core.delivery.put(tx, Posting(draft=draft, to=identity(JOHN), place=place), "")

    await core.delivery.send([await door.here.database.write(work)])
    return door.teams.posted(door.teams.channel(JOHN, MIA))[-1]


async def press(door: Doorward, person: Person, **changes: Any) -> Any:
    """Press the button on the channel's card, or send what `changes` make of that."""
    activity = door.teams.pressed(person, door.teams.channel(JOHN, MIA), "Details")
    activity["value"] = activity["value"] | changes
    answer = await door.send(activity)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_is_read_opens_on_the_card_for_whoever_pressed(door: Doorward) -> None:
    await door.here.sign_in("john")
    base = await post(door, "leave_balance")
    shown = await press(door, JOHN)
    assert shown["type"] == "application/vnd.microsoft.card.adaptive"
    assert "14 days" in str(shown["value"])
    refresh = shown["value"]["refresh"]
    assert refresh["userIds"] == [JOHN.account]
    assert refresh["action"]["verb"] == "refresh"
    assert door.teams.posted(door.teams.channel(JOHN, MIA)) == [base], "nobody else sees any of it"
    assert door.posted(JOHN) == []


async def test_the_client_that_shows_it_anew_is_authorised_anew(door: Doorward) -> None:
    await door.here.sign_in("john")
    await post(door, "leave_balance")
    action = (await press(door, JOHN))["value"]["refresh"]["action"]
    again = await press(door, JOHN, action=action, trigger="automatic")
    assert "14 days" in str(again["value"])
    assert len(await door.here.audit(type_prefix="effect.finished")) == 2, "each reading is written down"
    await door.here.database.write(lambda tx: tx.sessions.end_all(door.here.identity("john")))
    late = await press(door, JOHN, action=action, trigger="automatic")
    assert late["type"] == "application/vnd.microsoft.activity.message"
    assert door.posted(JOHN) == [], "nobody pressed, so nobody is asked to sign in"


@pytest.mark.requirement("17")
async def test_who_may_not_see_it_is_told_in_private_and_the_card_stands(door: Doorward) -> None:
    await door.here.sign_in("john")
    base = await post(door, "leave_balance", person="mia")
    answer = await press(door, JOHN)
    assert answer["type"] == "application/vnd.microsoft.activity.message"
    assert len(door.posted(JOHN)) == 1
    assert "18" not in said(door.posted(JOHN)[0])
    assert door.teams.posted(door.teams.channel(JOHN, MIA)) == [base]


@pytest.mark.requirement("17")
async def test_what_a_client_sends_by_itself_changes_nothing(door: Doorward) -> None:
    """A press by nobody: a stolen or altered card could send any handle with the word `refresh`."""
    await door.here.sign_in("john")
    await post(door, "sign_out")
    card = door.teams.posted(door.teams.channel(JOHN, MIA))[-1]["attachments"][0]["content"]
    handle = card["body"][-1]["actions"][0]["data"]["handle"]
    action = {"type": "Action.Execute", "verb": "refresh", "data": {"handle": handle}}
    answer = await press(door, JOHN, action=action, trigger="automatic")
    assert answer["type"] == "application/vnd.microsoft.activity.message"
    assert await door.here.audit(type_prefix="session.ended") == []
    assert await door.here.audit(type_prefix="effect") == []
    assert door.posted(JOHN) == []


async def test_a_press_that_needs_a_sign_in_goes_on_in_the_personal_chat(door: Doorward) -> None:
    await post(door, "leave_balance")
    answer = await press(door, JOHN)
    assert answer["type"] == "application/vnd.microsoft.activity.message"
    (offer,) = door.posted(JOHN)
    assert "/signin/start?ticket=" in said(offer)
    assert len(door.teams.posted(door.teams.channel(JOHN, MIA))) == 1
    await door.here.sign_in("john")
    waiting = await door.here.database.write(
        lambda tx: tx.pending.take(identity(JOHN), now=door.here.core.outside.clock.now())
    )
    assert waiting is not None
    await door.here.core.ingress.resume(waiting)
    assert "14 days" in said(door.posted(JOHN)[-1])
