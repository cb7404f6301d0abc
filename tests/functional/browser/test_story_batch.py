"""A manager's list: fifteen wait, twelve are ticked and approved with one code, with what it looks like on a phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import PHONE, WIDE, Story
from tests.functional.test_batch_journeys import fifteen_wait

pytestmark = [pytest.mark.browser, pytest.mark.requirement("61")]


async def test_twelve_of_fifteen_are_approved_with_one_code(story: Story, accessible: Accessible) -> None:
    await story.first_sign_in("mia")
    page = await story.context.new_page()
    await page.goto(f"{story.origin}/enrol")
    await story.enrol(page)
    await page.close()
    story.later()
    await fifteen_wait(story.demo.backend, (story.demo.clock.now() + timedelta(days=14)).date())
    await story.be("mia")
    await story.say("what waits for me?", "15 requests wait for you")
    presses = story.presses
    await story.press(story.button("Approve several"))
    await expect(story.dialog.get_by_role("checkbox")).to_have_count(15)
    await accessible(story.page)
    await story.page.set_viewport_size(PHONE)
    await accessible(story.page)
    await story.page.set_viewport_size(WIDE)
    await story.press(story.page.get_by_test_id("dialog-choose-all"))
    for position in (1, 4, 13):
        await story.press(story.page.get_by_test_id(f"dialog-choice-{position}"))
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.dialog).to_contain_text("Approve 12 requests?")
    await expect(story.dialog).to_contain_text("1 day")
    await accessible(story.page)
    await story.page.get_by_test_id("dialog-field-code").fill(story.code("mia"))
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.dialog).to_be_hidden()
    await expect(story.card).to_contain_text("12 of 12 approved.")
    assert story.presses - presses == 7, "open, tick all, untick three, go on, sign"
    await accessible(story.page)
    signed = await story.audit(type_prefix="proof.given")
    assert [item.event.action for item in signed] == ["ApproveLeave"]
    done = [item for item in await story.audit(type_prefix="effect.finished") if item.event.action == "ApproveLeave"]
    assert [item.event.code for item in done] == ["done"] * 12
