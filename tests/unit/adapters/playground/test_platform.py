"""The demonstration's chat platform keeps the limits that real ones have."""

from __future__ import annotations

import pytest

from adapters.playground.clock import DemoClock
from adapters.playground.people import PlaygroundPerson
from adapters.playground.platform import PlaygroundPlatform
from adapters.playground.stream import Hub
from bot.domain.cards import Action, Audience, Card, Dialog, Reply
from bot.domain.identity import ChannelIdentity, Platform
from bot.errors import Malformed, PlatformRefused
from tests.fakes.clock import FixedClock

PEOPLE = tuple(PlaygroundPerson(name=name, display_name=name, title="") for name in ("john", "mia"))
CARD = Card(headline="Approve?", actions=(Action(label="Approve", handle="h"), Action(label="Open", url="/x")))
TO_ALL = Reply(audience=Audience.PLACE, card=CARD)
TO_ONE = Reply(audience=Audience.PERSON, card=CARD)
DIALOG = Dialog(handle="d", title="Approve", submit="Approve")


@pytest.fixture
def platform(clock: FixedClock) -> PlaygroundPlatform:
    return PlaygroundPlatform(people=PEOPLE, clock=clock, hub=Hub())


async def test_a_reply_to_one_person_in_a_channel_is_theirs_alone_and_cannot_be_edited(
    platform: PlaygroundPlatform,
) -> None:
    place, mia = platform.place("hr-leave"), platform.identity("mia")
    assert await platform.post(place, mia, TO_ONE, dedupe_key="1") is None
    assert platform.posts("john") == []
    (post,) = platform.posts("mia")
    with pytest.raises(PlatformRefused):
        await platform.update(place, post.id, TO_ONE)
    with pytest.raises(Malformed):
        platform.pressed("john", post.id, 0)


async def test_a_direct_conversation_is_one_persons(platform: PlaygroundPlatform) -> None:
    mia = platform.identity("mia")
    place = await platform.direct_place(mia)
    assert await platform.post(place, mia, TO_ONE, dedupe_key="1") is not None
    assert platform.posts("john") == []
    with pytest.raises(Malformed):
        platform.say("john", place, "hello")


async def test_the_same_key_posts_once(platform: PlaygroundPlatform) -> None:
    place, mia = platform.place("hr-leave"), platform.identity("mia")
    first = await platform.post(place, mia, TO_ALL, dedupe_key="1")
    assert await platform.post(place, mia, TO_ALL, dedupe_key="1") == first
    assert len(platform.posts("mia")) == 1


async def test_only_a_message_of_ours_in_that_place_is_replaced(platform: PlaygroundPlatform) -> None:
    place, mia = platform.place("hr-leave"), platform.identity("mia")
    posted = await platform.post(place, mia, TO_ALL, dedupe_key="1")
    assert posted is not None
    said = platform.say("mia", place, "hello")
    changed = Reply(audience=Audience.PLACE, card=Card(headline="Approved"))
    for where, message in ((platform.place("sales-eu"), posted), (place, said.id), (place, "m99")):
        with pytest.raises(PlatformRefused):
            await platform.update(where, message, changed)
    await platform.update(place, posted, changed)
    assert platform.posts("john")[0].card == changed.card
    with pytest.raises(Malformed):
        platform.pressed("mia", posted, 0)


async def test_a_trigger_opens_one_dialog_within_three_seconds(platform: PlaygroundPlatform, clock: FixedClock) -> None:
    place = platform.place("dm-mia")
    used, late = platform.trigger("mia", place), platform.trigger("mia", place)
    view = await platform.open_dialog(used, DIALOG)
    assert view is not None
    assert platform.dialog("mia", view).dialog == DIALOG
    with pytest.raises(PlatformRefused):
        await platform.open_dialog(used, DIALOG)
    clock.advance(seconds=3)
    with pytest.raises(PlatformRefused):
        await platform.open_dialog(late, DIALOG)


async def test_a_dialog_is_one_persons_and_gone_once_closed(platform: PlaygroundPlatform) -> None:
    view = await platform.open_dialog(platform.trigger("mia", platform.place("dm-mia")), DIALOG)
    assert view is not None
    with pytest.raises(Malformed):
        platform.dialog("john", view)
    platform.close_dialog(view)
    with pytest.raises(PlatformRefused):
        await platform.update_dialog(view, DIALOG)


async def test_buttons_that_are_not_there_cannot_be_pressed(platform: PlaygroundPlatform) -> None:
    posted = await platform.post(platform.place("hr-leave"), platform.identity("mia"), TO_ALL, dedupe_key="1")
    assert posted is not None
    assert platform.pressed("john", posted, 0)[1].handle == "h"
    for position in (-1, 1, 2):
        with pytest.raises(Malformed):
            platform.pressed("mia", posted, position)


async def test_strangers_and_unknown_places_are_refused(platform: PlaygroundPlatform) -> None:
    stranger = ChannelIdentity(platform=Platform.SLACK, tenant="demo", account="mia")
    with pytest.raises(PlatformRefused):
        await platform.direct_place(stranger)
    with pytest.raises(Malformed):
        platform.identity("nobody")
    with pytest.raises(Malformed):
        platform.place("nowhere")
    with pytest.raises(Malformed):
        platform.say("mia", platform.place("hr-leave", "m99"), "in a thread that is not there")


async def test_a_handle_never_reaches_the_page(platform: PlaygroundPlatform) -> None:
    await platform.post(platform.place("hr-leave"), platform.identity("mia"), TO_ALL, dedupe_key="1")
    assert "handle" not in str(platform.posts("mia")[0].as_json())


def test_the_clock_ticks_on_after_it_was_moved(clock: FixedClock) -> None:
    demo = DemoClock(clock)
    before = demo.now()
    demo.advance(clock.now() - clock.now().replace(hour=8))
    clock.advance(seconds=5)
    assert (demo.now() - before).total_seconds() == 3605


async def test_what_somebody_typed_is_taken_away_for_everybody_and_a_card_of_ours_is_not(
    platform: PlaygroundPlatform,
) -> None:
    place = platform.place("hr-leave")
    typed = platform.say("mia", place, "314159")
    ours = await platform.post(place, platform.identity("mia"), TO_ALL, dedupe_key="1")
    assert ours is not None
    assert await platform.take_away(place, typed.id)
    assert not await platform.take_away(place, ours)
    assert not await platform.take_away(platform.place("dm-mia"), typed.id)
    assert [post.text for post in platform.posts("john")] == ["This message was deleted.", ""]
