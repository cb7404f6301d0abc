"""The payslip by passkey: the first from the first screen, the tenth later; one touch each, and no code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from tests.functional.browser.story import AUTHENTICATOR, Story
from tests.functional.browser.test_story_payslip import FIRST_PRESSES, TENTH_PRESSES

pytestmark = pytest.mark.browser


@asynccontextmanager
async def laptop(story: Story, page: Page) -> AsyncIterator[list[str]]:
    """A reader of fingerprints with what John has on it; every touch is written down."""
    touches: list[str] = []
    keys = await story.context.new_cdp_session(page)
    keys.on("WebAuthn.credentialAdded", lambda _: touches.append("made"))
    keys.on("WebAuthn.credentialAsserted", lambda _: touches.append("signed"))
    await keys.send("WebAuthn.enable")
    added = await keys.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    device = {"authenticatorId": added["authenticatorId"]}
    for credential in story.credentials:
        await keys.send("WebAuthn.addCredential", {**device, "credential": credential})
    touches.clear()
    yield touches
    story.credentials = (await keys.send("WebAuthn.getCredentials", device))["credentials"]


@pytest.mark.parametrize("story", ["wide"], indirect=True)
async def test_a_first_payslip_takes_eight_presses_and_one_touch_and_the_tenth_three(story: Story) -> None:
    await story.press(story.page.get_by_test_id("first-run").get_by_role("button", name="Ask for my payslip as john"))
    await expect(story.card).to_contain_text("I need to know it's you first.")
    page = await story.press_open(story.link("Sign in"))
    async with laptop(story, page) as touches:
        await story.press(page.get_by_test_id("sign-in-submit"))
        await page.get_by_role("button", name="Sign in").click()
        await story.press(page.get_by_test_id("link"))
        await expect(page.get_by_test_id("waiting-action")).to_contain_text("Open your payslip")
        await story.press(page.get_by_test_id("set-up-passkey"))
        await story.press(page.get_by_test_id("make-passkey"))
        await expect(page.get_by_test_id("view")).to_contain_text("Payslip of John Carver")
    assert story.presses <= FIRST_PRESSES
    assert touches == ["made"]
    await page.close()

    await story.much_later(timedelta(minutes=11))
    await story.say("my payslip", "Open your payslip")
    story.presses = 0
    page = await story.press_open(story.link("Open the page"))
    async with laptop(story, page) as touches:
        await expect(page.get_by_test_id("code")).to_have_count(0)
        await story.press(page.get_by_test_id("use-passkey"))
        await expect(page.get_by_test_id("values")).to_be_visible()
    assert story.presses <= TENTH_PRESSES
    assert touches == ["signed"]
    given = [record.event.code for record in await story.audit(type_prefix="proof.given")]
    assert sorted(given) == ["passkey", "passkey.made"], "no code was typed"
