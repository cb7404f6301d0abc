"""“This didn't help”: one sentence goes to the owner, seen first and sent by a press, a few times a day at the most."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.owner import Owner
from bot.ports.mail import Letter
from bot.services.throttling import FEEDBACK
from bot.settings.tree import load
from tests.fakes.clock import FixedClock
from tests.fakes.world import World, world

CHANNEL = Place(platform=Platform.PLAYGROUND, tenant="demo", conversation="owners", kind=PlaceKind.CHANNEL)
SENTENCE = "please book me the squash court"


class Postbox:
    """A mail server that keeps what it takes."""

    def __init__(self) -> None:
        self.taken: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.taken.append(letter)


async def _asked(here: World, sentence: str = SENTENCE) -> None:
    await here.say("john", sentence)
    await here.press("john", here.last("john"), "This didn't help")


async def test_the_sentence_is_shown_first_and_goes_once_it_is_pressed(tmp_path: Path, clock: FixedClock) -> None:
    postbox = Postbox()
    owner = Owner(mail="doorward@corp.example", place=CHANNEL)
    async with world(tmp_path, clock, owner=owner, mail=postbox) as here:
        await here.sign_in("john")
        await _asked(here)
        preview = here.last("john")
        assert SENTENCE in preview.text
        assert [post for post in here.chat.posts if post.place == CHANNEL] == []

        await here.press("john", preview, "Send it")
        (told,) = [post for post in here.chat.posts if post.place == CHANNEL]
        assert SENTENCE in told.text
        assert "John Carver" in told.text
        await here.core.letterbox.take_over()
        (letter,) = postbox.taken
        assert letter.to == "doorward@corp.example"
        assert SENTENCE in letter.text
        assert "://" not in letter.text
        records = [record.event for record in await here.audit(type_prefix="effect.finished")]
        assert [(event.action, event.code) for event in records] == [("SendFeedback", "done")]
        assert SENTENCE not in repr(await here.audit()), "what somebody wrote is in no record"


async def test_dont_sends_nothing(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("john")
        await _asked(here)
        await here.press("john", here.last("john"), "Don't")
        assert "Nothing was done" in here.last("john").text
        assert [post for post in here.chat.posts if post.place == CHANNEL] == []


async def test_without_an_owner_nothing_is_offered_and_the_command_says_so(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock) as here:
        await here.sign_in("john")
        assert "This didn't help" not in await here.say("john", SENTENCE)
        await here.command("john", f"feedback {SENTENCE}")
        await here.press("john", here.last("john"), "Send it")
        assert "Nobody is named" in here.last("john").text


async def test_a_few_a_day_and_no_more(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("john")
        for number in range(FEEDBACK.count + 1):
            await _asked(here, f"{SENTENCE} {number}")
            await here.press("john", here.last("john"), "Send it")
        assert "enough for a day" in here.last("john").text
        assert len([post for post in here.chat.posts if post.place == CHANNEL]) == FEEDBACK.count


async def test_a_code_is_never_offered_to_be_sent(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("john")
        assert "This didn't help" not in await here.say("john", "123456")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"CHANNEL": "general"}, "neither slack:C"),
        ({"CHANNEL": "slack:C1"}, "which is not connected"),
        ({"MAIL": "doorward@corp.example"}, "needs a mail server"),
    ],
)
def test_an_owner_nobody_can_reach_is_refused(given: dict[str, str], said: str) -> None:
    from bot.bootstrap.routing import owner_problems  # noqa: PLC0415 - composition only here

    settings = load({f"DOORWARD_OWNER__{name}": value for name, value in given.items()})
    assert [problem for problem in owner_problems(settings) if said in problem]


OFFER = "This didn't help"


def _labels(here: World, name: str = "john") -> list[str]:
    return [action.label for action in here.last(name).card.actions]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("roles list", "Your role doesn't include this."),
        ("customer C-1001", "Your role doesn't include this."),
        ("do I still have holidays left?", "14 days"),
        ("I'd like to take 21 to 23 December off", "Monday, 21 December 2026"),
    ],
)
async def test_what_is_refused_or_was_guessed_offers_it_too(
    tmp_path: Path, clock: FixedClock, typed: str, said: str
) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("john")
        assert said in await here.say("john", typed)
        assert _labels(here)[-1] == OFFER
        await here.press("john", here.last("john"), OFFER)
        assert typed in here.last("john").text, "seen before it is sent"
        await here.press("john", here.last("john"), "Send it")
        (told,) = [post for post in here.chat.posts if post.place == CHANNEL]
        assert typed in told.text
        assert "14 days" not in told.text, "the sentence goes, not what was answered"


async def test_what_failed_offers_it_too(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("john")
        here.backend.faults.fail_next(times=5)
        await here.command("john", "balance")
        assert _labels(here)[-1] == OFFER


async def test_a_command_that_was_answered_a_press_and_a_sign_in_do_not(tmp_path: Path, clock: FixedClock) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.say("john", "how many days of leave do I have?")
        assert OFFER not in _labels(here)
        await here.sign_in("john")
        for command in ("whoami", "balance", "start"):
            await here.command("john", command)
            assert OFFER not in _labels(here), command
        await here.say("john", "I'd like to take 21 to 23 December off")
        await here.press("john", here.last("john"), "Send request")
        assert OFFER not in _labels(here)


async def test_a_press_that_was_refused_or_failed_offers_it_too_and_one_that_went_through_does_not(
    tmp_path: Path, clock: FixedClock
) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        for name in ("john", "mia", "sue"):
            await here.sign_in(name)
        await here.enrol("mia")
        await here.say("john", "I'd like to take 21 to 23 December off")
        await here.press("john", here.last("john"), "Send request")
        assert OFFER not in _labels(here), "it did what was pressed"
        card = next(post for post in here.chat.posts if "Leave for John" in post.card.headline)
        await here.press("mia", card, "Refuse")
        await here.submit_code("mia", here.code("mia"))
        assert OFFER not in _labels(here, "mia"), "a refusal that was meant is none of ours"
        channel = next(
            post for post in here.chat.posts
            if "Leave for John" in post.card.headline and post.place.kind is PlaceKind.CHANNEL
        )  # fmt: skip
        assert channel.edited
        await here.say("john", "my leaves")
        await here.say("john", "I'd like to take 28 to 29 December off")
        await here.press("john", here.last("john"), "Send request")
        shared = [post for post in here.chat.posts if post.place.kind is PlaceKind.CHANNEL and post.card.actions][-1]
        await here.press("sue", shared, "Details")
        assert "This didn't help" in _labels(here, "sue")
        await here.press("sue", here.last("sue"), OFFER)
        preview = here.last("sue")
        assert "I pressed a button for “Show a leave request”" in preview.text
        assert "John" not in preview.text


async def test_what_a_capability_itself_refuses_offers_it_too_and_the_same_done_does_not(
    tmp_path: Path, clock: FixedClock
) -> None:
    async with world(tmp_path, clock, owner=Owner(place=CHANNEL)) as here:
        await here.sign_in("mia")
        await here.sign_in("sue")
        await here.enrol("mia")
        for named, offered in (("nobody", True), ("sue", False)):
            await here.command("mia", f"substitute {named} 2026-12-21 2026-12-23")
            await here.press("mia", here.last("mia"), "Enter a code")
            await here.submit_code("mia", here.code("mia"))
            clock.advance(timedelta(seconds=30))
            ended = here.last("mia", "No substitute" if offered else "Sue Park decides")
            labels = [action.label for action in ended.card.actions]
            assert labels == ([OFFER] if offered else [])
            if offered:
                await here.press("mia", ended, OFFER)
                assert "nobody" not in here.last("mia").text, "which action, and nothing of whom it is about"
