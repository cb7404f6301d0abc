"""A request in a channel of Teams: each viewer's own buttons, and the way from a press through a sign-in back to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.domain.messages import IncomingMessage, PlaceKind
from tests.fakes.clock import FixedClock
from tests.fakes.teams_app import identity
from tests.fakes.teams_server import (
    GROUP,
    GUEST,
    JOHN,
    MIA,
    SARAH,
    TENANT,
    VIEWERS_AT_MOST,
    Activity,
    Conversation,
    FakeTeams,
    Person,
    actions_of,
)
from tests.functional.test_teams_end_to_end import Doorward, doorward, labels, said

ASKED = "leave 2026-11-30 2026-12-28 unpaid"
CARD = "application/vnd.microsoft.card.adaptive"


@pytest.fixture
async def door(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Doorward]:
    with FakeTeams(now=clock).running() as teams:
        for person in (JOHN, MIA, SARAH):
            teams.personal(person)
        teams.channel(JOHN, GUEST, SARAH)
        async with doorward(teams, tmp_path, clock) as running:
            yield running


def room(door: Doorward) -> Conversation:
    return door.teams.channel()


def base(door: Doorward) -> Activity:
    return door.teams.posted(room(door))[-1]


async def asked(door: Doorward) -> Activity:
    """John asks for so long a leave that HR has to agree: what stands in HR's channel then."""
    await door.here.sign_in("john")
    await door.type(JOHN, ASKED)
    await door.press(JOHN, "Send request")
    return base(door)


async def view(door: Doorward, person: Person) -> Activity:
    """What a person's client shows them of the channel's last card."""
    activity = door.teams.looks(person, room(door))
    assert activity is not None
    answer = await door.send(activity)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["type"] == CARD, shown
    content: Activity = shown["value"]
    return content


def titles(content: Activity) -> list[str]:
    return [action["title"] for action in actions_of(content)]


async def resume(door: Doorward, person: Person) -> Any:
    """What the browser does once the sign-in is through."""
    now = door.here.core.outside.clock.now()
    waiting: IncomingMessage | None = await door.here.database.write(
        lambda tx: tx.pending.take(identity(person), now=now)
    )
    assert waiting is not None
    return await door.here.core.ingress.resume(waiting)


async def test_each_viewer_is_shown_the_buttons_that_policy_would_let_them_press(door: Doorward) -> None:
    card = await asked(door)
    await door.here.sign_in("sarah")
    await door.here.enrol("sarah")
    for_all = titles(card["attachments"][0]["content"])
    assert len(for_all) == 4
    assert card["attachments"][0]["content"]["refresh"]["userIds"] == [JOHN.account, SARAH.account], "no guest"
    assert titles(await view(door, SARAH)) == for_all
    own = titles(await view(door, JOHN))
    assert own == for_all[2:], "their own request: to be looked at, not to be decided by them"
    assert base(door) == card, "what everybody sees stands"


async def test_a_view_says_nothing_that_the_card_for_all_does_not(door: Doorward) -> None:
    card = await asked(door)
    await door.here.sign_in("sarah")
    everything = set(said(card).split('"'))
    for person in (JOHN, SARAH):
        content = await view(door, person)
        assert set(content) == set(card["attachments"][0]["content"])
        texts = {element["text"] for element in content["body"] if element["type"] == "TextBlock"}
        assert texts <= everything
        assert "unpaid" not in json.dumps(content).lower()


async def test_who_is_not_signed_in_is_shown_what_everybody_sees_and_asked_nothing(door: Doorward) -> None:
    card = await asked(door)
    before = len(await door.here.audit())
    assert titles(await view(door, SARAH)) == titles(card["attachments"][0]["content"])
    assert door.posted(SARAH) == []
    assert len(await door.here.audit()) == before, "nobody did anything"


async def test_looking_on_is_no_use_of_a_session(door: Doorward, clock: FixedClock) -> None:
    await asked(door)
    await door.here.sign_in("sarah")
    for _ in range(5):
        clock.advance(timedelta(minutes=14))
        await view(door, SARAH)
    standing = await door.here.database.read(
        lambda tx: tx.sessions.use(identity(SARAH), now=clock.now(), limits=door.here.core.outside.limits)
    )
    assert standing.state == "idle", "a window left open keeps nobody signed in"


async def test_a_card_of_another_conversation_or_time_is_not_shown(door: Doorward) -> None:
    await asked(door)
    await door.here.sign_in("sarah")
    action = base(door)["attachments"][0]["content"]["refresh"]["action"]
    group = door.teams.group(SARAH, JOHN)
    elsewhere = await door.send(door.teams.asks_anew(SARAH, group, "1", action))
    assert elsewhere.json()["type"] == "application/vnd.microsoft.activity.message"
    private = await door.send(door.teams.asks_anew(SARAH, door.teams.personal(SARAH), "1", action))
    assert private.status_code == 400
    before = await door.here.audit(type_prefix="effect")
    pressed = door.teams.asks_anew(SARAH, room(door), base(door)["id"], action | {"verb": "press"})
    assert (await door.send(pressed)).status_code == 400, "no client presses by itself"
    pressed["value"]["trigger"] = "manual"
    assert (await door.send(pressed)).status_code == 200
    (told,) = door.posted(SARAH)
    assert "handle" not in said(told)
    assert await door.here.audit(type_prefix="effect") == before


async def test_asking_too_often_is_answered_by_what_everybody_sees(door: Doorward) -> None:
    await asked(door)
    await door.here.sign_in("sarah")
    first = door.teams.looks(SARAH, room(door))
    assert first is not None
    for _ in range(240):
        await door.here.core.ingress.look(by_client(door, first))
    late = await door.send(first)
    assert late.json()["type"] == "application/vnd.microsoft.activity.message"
    assert "14 days" in await door.type(JOHN, "how many days of leave do I have?"), "nobody else's budget is touched"


def by_client(door: Doorward, activity: Activity) -> IncomingMessage:
    message = door.here.message("sarah", handle=activity["value"]["action"]["data"]["handle"], automatic=True)
    return replace(message, place=replace(message.place, conversation=room(door).id, kind=PlaceKind.CHANNEL))


async def test_what_was_read_stands_above_the_buttons_this_viewer_has(door: Doorward) -> None:
    card = await asked(door)
    await door.here.sign_in("sarah")
    details = titles(card["attachments"][0]["content"])[-1]
    answer = await door.send(door.teams.pressed(SARAH, room(door), details))
    shown = answer.json()["value"]
    assert titles(shown) == titles(card["attachments"][0]["content"])[:-1]
    assert base(door) == card


async def test_a_press_that_needs_a_sign_in_comes_back_to_the_card(door: Doorward) -> None:
    card = await asked(door)
    details = titles(card["attachments"][0]["content"])[-1]
    await door.send(door.teams.pressed(SARAH, room(door), details))
    (offer,) = door.posted(SARAH)
    assert "/signin/start?ticket=" in said(offer)
    assert base(door) == card, "nobody else notices"

    await door.here.sign_in("sarah")
    answer = await resume(door, SARAH)

    address = f"https://teams.microsoft.com/l/message/19%3Ahr%40thread.tacv2/{card['id']}?"
    assert answer.back.startswith(address)
    named = parse_qs(urlsplit(answer.back).query)
    # https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/deep-link-teams
    assert named == {
        "tenantId": [TENANT], "groupId": [GROUP], "parentMessageId": [card["id"]], "createdTime": [card["id"]],
    }  # fmt: skip
    told = door.posted(SARAH)[-1]
    (link,) = [action for action in actions_of(told["attachments"][0]["content"]) if action["type"] == "Action.OpenUrl"]
    assert link["title"] == "Back to the card"
    assert link["url"] == answer.back
    refreshed = base(door)
    assert refreshed["id"] == card["id"], "edited in place"
    assert refreshed["attachments"][0]["content"]["refresh"]["userIds"][0] == SARAH.account
    assert titles(await view(door, SARAH)) == titles(card["attachments"][0]["content"])


async def test_who_else_presses_meanwhile_is_asked_for_themselves(door: Doorward) -> None:
    card = await asked(door)
    door.teams.channel().members.append(MIA)
    details = titles(card["attachments"][0]["content"])[-1]
    for person in (SARAH, MIA):
        await door.send(door.teams.pressed(person, room(door), details))
        assert "/signin/start?ticket=" in said(door.posted(person)[-1])
    await door.here.sign_in("sarah")
    await resume(door, SARAH)
    assert "/signin/start?ticket=" in said(door.posted(MIA)[-1]), "another's sign-in is not hers"
    await door.here.sign_in("mia")
    await resume(door, MIA)
    assert "Back to the card" in labels(door.posted(MIA)[-1])
    assert base(door)["id"] == card["id"]
    assert base(door)["attachments"][0]["content"]["refresh"]["userIds"][0] == MIA.account


async def test_what_was_decided_meanwhile_is_not_undone_by_whoever_comes_back(door: Doorward) -> None:
    card = await asked(door)
    details = titles(card["attachments"][0]["content"])[-1]
    await door.send(door.teams.pressed(SARAH, room(door), details))
    await door.type(JOHN, "my leaves")
    await door.press(JOHN, "Withdraw: Mon 30 Nov")
    await door.press(JOHN, "Withdraw it")
    closed = base(door)
    assert labels(closed) == []
    assert "refresh" not in closed["attachments"][0]["content"]
    await door.here.sign_in("sarah")
    await resume(door, SARAH)
    assert base(door) == closed
    late = door.teams.asks_anew(SARAH, room(door), card["id"], card["attachments"][0]["content"]["refresh"]["action"])
    assert (await door.send(late)).json()["type"] == "application/vnd.microsoft.activity.message"


async def test_an_approval_begun_in_the_channel_goes_on_after_the_sign_in(door: Doorward) -> None:
    card = await asked(door)
    approve = titles(card["attachments"][0]["content"])[0]
    fetched = await door.send(door.teams.pressed(SARAH, room(door), approve))
    assert "task" in fetched.json()
    assert "/signin/start?ticket=" in said(door.posted(SARAH)[-1])
    await door.here.sign_in("sarah")
    await door.here.enrol("sarah")
    answer = await resume(door, SARAH)
    assert answer.continue_path.startswith("/consent/"), "in the browser it goes on to the second factor"
    assert base(door)["attachments"][0]["content"]["refresh"]["userIds"][0] == SARAH.account


async def test_no_more_are_named_than_teams_shows_a_card_of_their_own(door: Doorward) -> None:
    crowd = [
        Person(name=f"p{number}", oid=f"{number:08}-1111-4111-8111-111111111111") for number in range(VIEWERS_AT_MOST)
    ]
    room(door).members[:] = [*crowd, SARAH]
    card = await asked(door)
    viewers = card["attachments"][0]["content"]["refresh"]["userIds"]
    assert len(viewers) == VIEWERS_AT_MOST
    assert SARAH.account not in viewers
    details = titles(card["attachments"][0]["content"])[-1]
    await door.send(door.teams.pressed(SARAH, room(door), details))
    await door.here.sign_in("sarah")
    await resume(door, SARAH)
    viewers = base(door)["attachments"][0]["content"]["refresh"]["userIds"]
    assert (len(viewers), viewers[0]) == (VIEWERS_AT_MOST, SARAH.account), "who comes back is among them"


async def test_a_roster_that_does_not_answer_keeps_nothing_from_the_channel(door: Doorward) -> None:
    await door.here.sign_in("john")
    await door.type(JOHN, ASKED)
    door.teams.lists_people = False
    await door.press(JOHN, "Send request")
    content = base(door)["attachments"][0]["content"]
    assert "userIds" not in content["refresh"]
    assert len(titles(content)) == 4


async def test_a_sign_in_without_a_browser_comes_back_too(door: Doorward) -> None:
    """What waited for single sign-on goes on as a message of its own, and not in a browser."""
    card = await asked(door)
    details = titles(card["attachments"][0]["content"])[-1]
    await door.send(door.teams.pressed(SARAH, room(door), details))
    await door.here.sign_in("sarah")
    now = door.here.core.outside.clock.now()
    waiting = await door.here.database.write(lambda tx: tx.pending.take(identity(SARAH), now=now))
    assert waiting is not None
    ingress = door.here.core.ingress
    await ingress.accept(replace(waiting, event_id=f"resume:{waiting.event_id}", received_at=now))
    await ingress.drain(10)
    assert "Back to the card" in labels(door.posted(SARAH)[-1])
    assert base(door)["attachments"][0]["content"]["refresh"]["userIds"][0] == SARAH.account
