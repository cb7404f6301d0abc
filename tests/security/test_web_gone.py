"""The page of a request that no longer waits: its own person is told what became of it, everybody else nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from bot.domain.identity import Role
from bot.domain.proposal import PROPOSAL_SECONDS
from bot.services import roles
from bot.services.consent import TELLS_WHEN
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage

ABOUT = "Open your payslip"
UNKNOWN = "no longer waits"


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
async def john(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.enrol(browser, "john")
    return browser


def says(page: httpx2.Response, *sentences: str) -> None:
    """What it was, what became of it, and the way back to the chat; nothing to press that signs."""
    assert page.status_code == 403
    for sentence in sentences:
        assert sentence in page.text
    assert 'data-testid="next-step"' in page.text
    assert 'data-testid="back"' in page.text
    assert 'name="code"' not in page.text


@pytest.mark.requirement("42")
async def test_an_expired_one_says_when_and_what_to_do(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    page = await john.get(path)
    stage.clock.advance(timedelta(seconds=PROPOSAL_SECONDS))
    for late in (await john.get(path), await john.press(page, code=stage.code("john"), decision="yes")):
        says(late, ABOUT, "This expired at", "ask again")
    assert await stage.audit("proof.given") == []


@pytest.mark.requirement("42")
async def test_an_hour_later_nothing_is_known_of_it(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    stage.clock.advance(timedelta(seconds=PROPOSAL_SECONDS) + TELLS_WHEN)
    again = stage.browser()
    await stage.sign_in(again, "john")
    page = await again.get(path)
    assert ABOUT not in page.text
    assert UNKNOWN in page.text


@pytest.mark.requirement("32")
async def test_a_done_one_and_a_refused_one_say_so(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    await john.press(await john.get(path), code=stage.code("john"), decision="yes")
    says(await john.get(path), ABOUT, "You agreed to this already")
    stage.clock.advance(minutes=11)
    path = await stage.payslip_page("john")
    await john.press(await john.get(path), decision="no", code="")
    says(await john.get(path), ABOUT, "You said no to this")


@pytest.mark.requirement("61")
async def test_a_changed_one_says_so(stage: Stage) -> None:
    """Mia reads the page; before her yes, her roles are others than they were when it was shown."""
    await stage.link(stage.browser(), "john")
    await stage.say("john", "take 21 to 23 December off")
    await stage.press("john", "Send request")
    mia = stage.browser()
    await stage.link(mia, "mia")
    await stage.enrol(mia, "mia")
    await stage.press("mia", "Approve")
    path = stage.link_on_card("mia")
    page = await mia.get(path)

    now = stage.clock.now()
    await stage.database.write(lambda tx: roles.give(tx, stage.identity("mia"), Role.AUDITOR, "*", by="test", now=now))
    await mia.press(page, code=stage.code("mia"), decision="yes")
    says(await mia.get(path), "This changed since it was shown")


@pytest.mark.requirement("17")
async def test_one_that_ended_with_its_session_says_so(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    await stage.say("john", "sign out")
    await stage.press("john", "Sign out here")
    says(await john.get(path), ABOUT, "This request was ended")


@pytest.mark.requirement("11")
async def test_nobody_else_learns_which_it_was_or_what_became_of_it(stage: Stage, john: Browser) -> None:
    path = await stage.payslip_page("john")
    mia = stage.browser()
    await stage.link(mia, "mia")
    stage.clock.advance(timedelta(seconds=PROPOSAL_SECONDS))
    for browser in (mia, stage.browser()):
        page = await browser.get(path)
        assert ABOUT not in page.text
        assert "expired at" not in page.text
