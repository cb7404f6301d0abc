"""A playground on a loopback port, and axe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page
from starlette.routing import BaseRoute

from tests.functional.browser.stage import Stage, serving, stage_at

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
