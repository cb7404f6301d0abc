"""The browser harness shows pages from loopback and reaches nothing else."""

import re

import pytest
from playwright.async_api import Error, Page, expect

pytestmark = pytest.mark.browser


async def test_chromium_shows_a_page(page: Page) -> None:
    await page.set_content("<button onclick=\"this.textContent = 'pressed'\">press</button>")
    await page.get_by_role("button").click()
    await expect(page.get_by_role("button")).to_have_text("pressed")


async def test_chromium_reaches_no_other_machine(page: Page) -> None:
    with pytest.raises(Error, match=re.escape("net::ERR_NAME_NOT_RESOLVED")):
        await page.goto("http://doorward.example/")
