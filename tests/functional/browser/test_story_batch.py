"""A manager's list: of fifteen twelve are approved with one code, and three refused with one reason and another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import PHONE, WIDE, Story
from tests.functional.test_batch_journeys import fifteen_wait

pytestmark = [pytest.mark.browser, pytest.mark.requirement("61")]


async def test_twelve_of_fifteen_are_approved_with_one_code_and_three_refused_with_the_next(
    story: Story, accessible: Accessible
) -> None:
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
    story.later()
    await story.say("what waits for me?", "3 requests wait for you")
    presses = story.presses
    await story.press(story.button("Refuse several"))
    await expect(story.dialog.get_by_role("checkbox")).to_have_count(3)
    await story.press(story.page.get_by_test_id("dialog-choose-all"))
    await story.page.get_by_test_id("dialog-field-reason").fill("the fair is that week")
    await accessible(story.page)
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.dialog).to_contain_text("Refuse 3 requests?")
    await expect(story.dialog).to_contain_text("the fair is that week")
    await story.page.get_by_test_id("dialog-field-code").fill(story.code("mia"))
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.dialog).to_be_hidden()
    await expect(story.card).to_contain_text("3 of 3 refused.")
    assert story.presses - presses == 4, "open, tick all, go on, sign"
    signed = await story.audit(type_prefix="proof.given")
    assert sorted(item.event.action for item in signed) == ["ApproveLeave", "RefuseLeave"]
    refused = [item for item in await story.audit(type_prefix="effect.finished") if item.event.action == "RefuseLeave"]
    assert [item.event.code for item in refused] == ["done"] * 3
    await story.say("what waits for me?", "Nothing waits for you.")
