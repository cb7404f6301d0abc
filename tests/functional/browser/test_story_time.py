"""The product's story, part seven: what is idle ends, and what the provider no longer stands for ends too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import Story

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)


async def test_idle_past_the_limit(story: Story) -> None:
    await story.first_sign_in("john")
    await story.much_later(HOUR)
    await story.say("how many days of leave do I have?", "Your session has ended.")
    page = await story.sign_in(story.link("Sign in"), "john")
    await page.close()
    await expect(story.card).to_contain_text("You have 14 days of Paid leave left.")
    assert await story.token_of("john") is not None

    await story.page.get_by_test_id("hour").click()
    await expect(story.page.get_by_test_id("divider")).to_have_text("An hour passed.")
    ended = story.page.get_by_test_id("card").filter(has_text="Signed out at ")
    await expect(ended).to_contain_text("nothing happened for a while")
    await expect(ended.get_by_role("link")).to_have_count(0)
    assert await story.token_of("john") is None
    codes = [item.event.code for item in await story.audit(type_prefix="session.ended")]
    assert "session.idle" in codes
    await story.say("my leaves", "Your session has ended.")


async def test_an_account_disabled_at_the_provider(story: Story, accessible: Accessible) -> None:
    await story.first_sign_in("john")
    page = await story.context.new_page()
    await page.goto(f"{story.origin}/enrol")
    await story.enrol(page)
    await page.close()
    await story.page.get_by_test_id("account").click()
    await expect(story.page.get_by_test_id("person-john")).to_contain_text("account disabled")

    await story.say("my payslip", "Open your payslip")
    page = await story.press_open(story.link("Open the page"))
    story.later()
    await page.get_by_test_id("code").fill(story.code("john"))
    await story.press(page.get_by_test_id("confirm"))
    await expect(page.get_by_test_id("message")).to_contain_text("Your company account is switched off")
    await accessible(page)
    await expect(page.get_by_test_id("values")).to_have_count(0)
    await page.close()
    await expect(story.card).to_contain_text("Your sessions have ended.")
    assert await story.token_of("john") is None
    await story.say("how many days of leave do I have?", "Your session has ended.")
