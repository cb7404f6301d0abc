"""On a phone the app's own browser begins a sign-in, and the system's browser may get the way back: no cookie is there.

Both have a phone's profile (screen, fingers, user agent) and a cookie jar of their own. Nobody is stranded, and
whoever presses on with what somebody else began links nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from adapters.playground.people import PERSON_COOKIE
from bot.ports.database import Transaction
from tests.browser import WAIT_MILLISECONDS
from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import Story, running_demo

pytestmark = pytest.mark.browser

LEGS = {"chat": "/signin/playground/callback", "company": "/signin/callback/"}


@dataclass(kw_only=True)
class Telephones:
    """The demonstration on phones; each context is one browser with a jar of its own."""

    browser: Browser
    profile: dict[str, Any]
    story: Story
    opened: list[BrowserContext] = field(default_factory=list)

    async def system_browser(self, person: str) -> BrowserContext:
        """Another browser, on the phone of somebody who is signed in to the chat there, and nowhere else."""
        context = await self.browser.new_context(**self.profile, locale="en-GB", timezone_id="UTC")
        context.set_default_timeout(WAIT_MILLISECONDS)
        await context.add_cookies([{"name": PERSON_COOKIE, "value": person, "url": self.story.origin}])
        self.opened.append(context)
        return context

    async def way_back(self, leg: str) -> str:
        """John begins in the app; the address of his way back from one leg, which the app's browser never opens."""
        await self.story.be("john")
        await self.story.say("how many days of leave do I have?", "I need to know it's you first.")
        page = await self.story.press_open(self.story.link("Sign in"))
        cut = await _cut_off(page, self.story.origin + LEGS[leg])
        await page.get_by_test_id("sign-in-submit").click(no_wait_after=True)
        if leg == "company":
            await page.get_by_role("button", name="Sign in").click(no_wait_after=True)
        async with asyncio.timeout(WAIT_MILLISECONDS / 1000):
            address = await cut
        await page.close()
        return address

    async def linked(self, person: str) -> bool:
        """Whether this chat account speaks for anybody."""

        def work(tx: Transaction) -> bool:
            return tx.links.find(self.story.demo.platform.identity(person)) is not None

        return await self.story.demo.core.outside.database.read(work)


async def _cut_off(page: Page, begins: str) -> asyncio.Future[str]:
    """The first such address that the page is sent to; it goes no further. (Routes do not see redirects.)"""
    seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    wire = await page.context.new_cdp_session(page)

    def note(paused: dict[str, Any]) -> None:
        if not seen.done():
            seen.set_result(str(paused["request"]["url"]))

    wire.on("Fetch.requestPaused", note)
    await wire.send("Fetch.enable", {"patterns": [{"urlPattern": f"{begins}*"}]})
    return seen


@pytest.fixture
async def phones(browser: Browser, telephone: dict[str, Any]) -> AsyncIterator[Telephones]:
    """The demonstration, open in the app on a phone."""
    async with running_demo() as (origin, demo):
        context = await browser.new_context(**telephone, locale="en-GB", timezone_id="UTC", reduced_motion="reduce")
        context.set_default_timeout(WAIT_MILLISECONDS)
        demo.platform.say("ada", demo.platform.place("dm-ada"), "Good morning")
        page = await context.new_page()
        await page.goto(origin)
        story = Story(origin=origin, demo=demo, context=context, page=page, narrow=True)
        phones = Telephones(browser=browser, profile=telephone, story=story)
        yield phones
        for opened in (context, *phones.opened):
            await opened.close()


async def walk(page: Page, chat: str, company: str) -> None:
    """From the page that names the chat account to the one that names both."""
    await expect(page.get_by_test_id("chat-account")).to_have_text(chat)
    await page.get_by_test_id("sign-in-submit").tap()
    await page.get_by_role("button", name="Sign in").tap()
    await expect(page.get_by_test_id("company-account")).to_have_text(company)


async def carried_on(page: Page, phones: Telephones) -> Page:
    """The address that the page shows, copied into a third browser."""
    address = await page.get_by_test_id("address").inner_text()
    third = await (await phones.system_browser("john")).new_page()
    await third.goto(address)
    return third


@pytest.mark.parametrize("leg", LEGS)
async def test_a_jar_dropped_between_the_legs_strands_nobody(
    phones: Telephones, accessible: Accessible, leg: str
) -> None:
    back = await phones.way_back(leg)
    page = await (await phones.system_browser("john")).new_page()
    await page.goto(back)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Open in your browser")
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    await accessible(page)
    assert not await phones.linked("john")

    if leg == "chat":
        await page.get_by_test_id("go-on-here").tap()
    else:
        page = await carried_on(page, phones)
    await walk(page, "john", "john")
    await page.get_by_test_id("link").tap()
    await expect(page.get_by_test_id("message")).to_have_attribute("data-status", "allowed")
    await expect(page.get_by_test_id("back")).to_be_visible()
    assert await phones.linked("john")
    await expect(phones.story.card).to_contain_text("You have 14 days of Paid leave left.")


@pytest.mark.requirement("19")
async def test_a_forwarded_way_back_links_nobody(phones: Telephones) -> None:
    """John forwards where his sign-in comes back to; Mia presses everything that there is to press."""
    back = await phones.way_back("company")
    page = await (await phones.system_browser("mia")).new_page()
    await page.goto(back)
    await page.get_by_test_id("go-on-here").tap()
    await expect(page.get_by_test_id("chat-account")).to_have_text("john")
    await page.get_by_test_id("sign-in-submit").tap()
    await expect(page.get_by_test_id("message")).to_contain_text("different chat account")
    assert not await phones.linked("john")
    assert not await phones.linked("mia")
