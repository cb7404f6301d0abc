"""A list whose signer has no second factor yet: the page sets one up, and its first use signs the whole list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.playground.endpoints import LOADING
from bot.domain.messages import EventKind, IncomingMessage, ReplyWindow
from tests.fakes.clock import FixedClock
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.web_stage import Browser, Stage, web_stage


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


async def ticked_list(stage: Stage) -> tuple[Browser, str]:
    """John asked twice; Mia, who has no factor, ticked both. Her browser, and the page she is sent to."""
    johns, mias = stage.browser(), stage.browser()
    await stage.link(johns, "john")
    await stage.link(mias, "mia")
    for day in (21, 23):
        await stage.say("john", f"I'd like to take {day} December off")
        await stage.press("john", "Send request")
    await stage.say("mia", "waiting")
    await tick(stage, "mia", "Approve several", "0,1")
    return mias, stage.link_on_card("mia")


async def tick(stage: Stage, person: str, label: str, positions: str) -> None:
    place, who = stage.platform.place(f"dm-{person}"), stage.channel(person)
    post = next(post for post in reversed(stage.platform.posts(person)) if post.card is not None)
    view = await stage.platform.open_dialog(stage.platform.trigger(person, place, post.id), LOADING)
    pressed = IncomingMessage(
        event_id="several",
        kind=EventKind.PRESS,
        who=who,
        place=place,
        received_at=stage.clock.now(),
        handle=stage.handles(person, label)[-1],
        source=post.id,
        window=ReplyWindow.OPENS_DIALOG,
        trigger=view,
    )
    await stage.core.ingress.accept(pressed)
    await stage.core.ingress.drain(SETTLE_SECONDS)
    submitted = IncomingMessage(
        event_id="ticked",
        kind=EventKind.SUBMISSION,
        who=who,
        place=place,
        received_at=stage.clock.now(),
        handle=stage.platform.dialog(person, view).dialog.handle,
        fields={"ticked": positions},
    )
    await stage.core.ingress.accept(submitted)
    await stage.core.ingress.drain(SETTLE_SECONDS)


async def approved(stage: Stage) -> list[str]:
    finished = await stage.audit("effect.finished")
    return [record.event.code for record in finished if record.event.action == "ApproveLeave"]


async def test_the_first_code_of_an_app_signs_every_line(stage: Stage) -> None:
    browser, path = await ticked_list(stage)
    shown = await browser.press(await browser.get(path))
    assert "Approve 2 requests?" in shown.text
    stage.keep_seed("mia", shown)
    done = await browser.press(shown, code=stage.code("mia"), decision="yes")
    assert "2 of 2 approved." in done.text
    assert await approved(stage) == ["done", "done"]


async def test_a_factor_that_is_set_up_for_something_else_ends_the_list(stage: Stage) -> None:
    browser, first = await ticked_list(stage)
    await stage.enrol(browser, "mia")
    later = await browser.get(first)
    assert "It ended with the session it was made in" in later.text
    assert 'name="decision"' not in later.text
    assert await approved(stage) == []
