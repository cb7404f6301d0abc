"""Debian's Chromium, driven by Playwright: a fresh profile for each test, and nothing but loopback within reach."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

import playwright
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Playwright, async_playwright

from tests import prerequisites

ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
WAIT_MILLISECONDS = 15_000
TELEPHONE = "Pixel 7"


@cache
def _driver_runs() -> bool:
    driver = Path(playwright.__file__).parent / "driver" / "node"
    return subprocess.run([driver, "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture
async def driver() -> AsyncIterator[Playwright]:
    """What drives browsers, and knows the devices."""
    if shutil.which("chromium") is None or not _driver_runs():
        prerequisites.missing("Chromium, or the libatomic its driver wants,", "chromium libatomic1")
    async with async_playwright() as driver:
        yield driver


@pytest.fixture
async def browser(driver: Playwright, tmp_path: Path) -> AsyncIterator[Browser]:
    """A Chromium of this test's own; take it, rather than `page`, for several people at once."""
    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(tmp_path)}  # its crash handler wants one
    chromium = shutil.which("chromium")
    browser = await driver.chromium.launch(executable_path=chromium, args=list(ARGUMENTS), env=environment)
    yield browser
    await browser.close()


@pytest.fixture
def telephone(driver: Playwright) -> dict[str, Any]:
    """A phone's profile, for `Browser.new_context`: its screen, fingers and user agent."""
    return {**driver.devices[TELEPHONE]}


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """One page, in English, which must end without an uncaught error and without a content policy violation."""
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    context = await browser.new_context(locale="en-GB", timezone_id="UTC")
    context.set_default_timeout(WAIT_MILLISECONDS)
    page = await context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", note)
    yield page
    await context.close()
    assert problems == [], "the page reported problems"
