"""A playground, or the whole demonstration, on a loopback port; and axe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page
from starlette.routing import BaseRoute

from tests.browser import WAIT_MILLISECONDS
from tests.functional.browser.stage import Stage, serving, stage_at
from tests.functional.browser.story import PHONE, WIDE, Story, running_demo

Accessible = Callable[[Page], Awaitable[None]]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The playground, served."""
    made: list[Stage] = []

    def routes(origin: str) -> Sequence[BaseRoute]:
        made.append(stage_at(origin))
        return made[0].routes()

    async with serving(routes):
        yield made[0]
        made[0].hub.close()


@pytest.fixture
def accessible() -> Accessible:
    """Asserts that axe finds nothing on a page."""

    async def check(page: Page) -> None:
        found = await Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    return check


@pytest.fixture(params=["begun"])
async def story(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Story]:
    """A fresh demonstration, open in a browser; no page of it may report an error or a policy violation.

    Past the first screen by default; "wide" and "phone" begin there.
    """
    narrow, problems = request.param == "phone", list[str]()

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    async with running_demo() as (origin, demo):
        context = await browser.new_context(
            locale="en-GB",
            timezone_id="UTC",
            viewport=PHONE if narrow else WIDE,
            is_mobile=narrow,
            has_touch=narrow,
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MILLISECONDS)
        if request.param == "begun":
            demo.platform.say("ada", demo.platform.place("dm-ada"), "Good morning")
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("console", note)
        page = await context.new_page()
        await page.goto(origin)
        yield Story(origin=origin, demo=demo, context=context, page=page, narrow=narrow)
        await context.close()
    assert problems == [], "a page reported problems"
