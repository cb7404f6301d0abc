"""Every page that a browser leg ends in leads back into the chat, where a chat place is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import PROVIDER, Browser, Stage, fields_of, web_stage

BACK = '<a class="button" href="/" data-testid="back">Back to the chat</a>'


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
async def john(stage: Stage) -> Browser:
    """John, linked and signed in."""
    browser = stage.browser()
    await stage.link(browser, "john")
    return browser


def assert_leads_back(page: httpx2.Response, status: int = 200) -> None:
    assert page.status_code == status, page.text
    assert 'data-testid="message"' in page.text, "an end, not a step"
    assert page.text.count('data-testid="back"') == 1, page.text


async def test_a_sign_in_that_is_done_declined_refused_or_late(stage: Stage) -> None:
    browser = stage.browser()
    named = await stage.to_naming_page(browser, "john")
    assert_leads_back(await browser.press(named, decision="not_me"))
    done = await stage.link(browser, "john")
    assert_leads_back(done)
    assert BACK in done.text
    again = await stage.to_naming_page(stage.browser(), "sue")
    assert again.status_code == 200
    stranger = stage.browser()
    begun = await stranger.press(await stranger.get(await stage.offer("mia")))
    assert_leads_back(await stranger.get(stage.at_chat(begun, "raj")), 401)
    begun = await browser.press(await browser.get(await stage.offer("john")))
    back = stage.at_company(begun, "john")
    stage.clock.advance(seconds=601)
    assert_leads_back(await browser.get(back), 403)


async def test_a_chat_platform_or_provider_that_said_no(stage: Stage) -> None:
    browser = stage.browser()
    begun = await browser.press(await browser.get(await stage.offer("john")))
    there = stage.at_chat(begun, "john")
    state = there.rpartition("state=")[2]
    assert_leads_back(await browser.get(f"/signin/playground/callback?error=access_denied&state={state}"), 401)
    company = stage.at_company(await browser.get(there), "john")
    state = company.rpartition("state=")[2].partition("&")[0]
    refused = await browser.get(f"/signin/callback/{PROVIDER}?error=access_denied&state={state}")
    assert_leads_back(refused, refused.status_code)
    assert refused.status_code in {401, 403}


async def test_a_browser_that_walks_no_leg_is_told_no_place(stage: Stage) -> None:
    """Whoever has a forwarded way back alone learns nothing of the chat that it came from."""
    victim, other = stage.browser(), stage.browser()
    await other.get(await stage.offer("mia"))
    begun = await victim.press(await victim.get(await stage.offer("john")))
    seen = await other.get(stage.at_chat(begun, "john"))
    assert 'data-testid="elsewhere"' in seen.text
    spent = await other.get("/signin/start?ticket=unknown")
    for page in (seen, spent):
        assert 'data-testid="back"' not in page.text


async def test_a_factor_that_is_set_up_or_put_off(stage: Stage, john: Browser) -> None:
    shown = await john.press(await john.get("/enrol"))
    assert_leads_back(await john.press(shown, decision="no"))
    stage.keep_seed("john", shown)
    assert_leads_back(await john.press(shown, code=stage.code("john"), decision="yes"))


async def test_a_consent_that_is_done_denied_or_spent_and_values_that_were_viewed(stage: Stage, john: Browser) -> None:
    await stage.enrol(john, "john")
    path = await stage.payslip_page("john")
    assert_leads_back(await john.press(await john.get(path), decision="no"))
    assert_leads_back(await john.get(path), 403)
    opened = await john.press(await john.get(await stage.payslip_page("john")), code=stage.code("john"), decision="yes")
    assert 'data-testid="view"' in opened.text
    shut = await john.post(
        opened.text.partition('class="closing" method="post" action="')[2].partition('"')[0], fields_of(opened)
    )
    assert_leads_back(shut)


async def test_an_error_and_the_end_of_every_session(stage: Stage, john: Browser) -> None:
    assert_leads_back(await john.get("/consent/" + "a" * 32), 403)
    assert_leads_back(await john.post("/me/end", {}), 400)
    assert_leads_back(await john.press(await john.get("/signout")))
    await stage.sign_in(john, "john", "/me")
    assert_leads_back(await john.press(await john.get("/me"), end="all:"))
