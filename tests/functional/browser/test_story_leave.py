"""The product's story, parts one to three: a question before sign-in, leave asked for, and leave decided."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import Story

pytestmark = pytest.mark.browser

REQUEST = re.compile(r"Leave for John Carver: .*21 Dec – .*23 Dec")


async def test_a_question_waits_for_the_sign_in_and_is_answered_without_retyping(
    story: Story, accessible: Accessible
) -> None:
    await story.be("john", "sales-eu")
    await story.say("@doorward how many days of leave do I have?", "I need to know it's you first.")
    await expect(story.page.get_by_text("Only visible to you")).to_be_visible()
    await story.be("mia", "sales-eu")
    await expect(story.page.get_by_test_id("message")).to_have_count(1)
    await expect(story.card).to_have_count(0)

    await story.be("john", "sales-eu")
    page = await story.sign_in(story.link("Sign in"), "john")
    await expect(page.locator("main")).to_contain_text("You are signed in")
    await accessible(page)
    await page.close()
    assert story.presses == 4
    await expect(story.card).to_contain_text("You have 14 days of Paid leave left.")
    await expect(story.card).to_contain_text("HR system · read ")
    for step in ("who", "session", "understand", "facts", "decide", "effect", "out"):
        await expect(story.page.get_by_test_id(f"step-{step}")).to_have_attribute("data-outcome", "ok")
    await expect(story.page.get_by_test_id("step-decide")).to_contain_text("Permit")
    await expect(story.page.get_by_test_id("glass-door")).to_contain_text("how many days of leave do I have?")
    await accessible(story.page)


async def test_leave_is_asked_for_decided_with_one_code_and_told(story: Story, accessible: Accessible) -> None:
    await story.first_sign_in("john")
    await story.say("I'd like to take 21 to 23 December off", "Leave: ", "Mia Lindqvist")
    for words in ("21 December", "23 December", "Working days", "Balance before", "14 days", "Balance after"):
        await expect(story.card).to_contain_text(words)
    await accessible(story.page)
    await story.press(story.button("Send request"))
    await expect(story.card).to_contain_text("It waits for Mia Lindqvist.")

    await story.be("john", "hr-leave")
    await expect(story.card).to_contain_text(REQUEST)
    before = await story.card.inner_text()
    await story.press(story.button("Approve"))
    await expect(story.dialog).to_contain_text("Nobody decides on their own request.")
    await accessible(story.page)
    await story.press(story.page.get_by_test_id("dialog-cancel"))
    await expect(story.dialog).to_be_hidden()
    assert await story.card.inner_text() == before
    assert [item.event.code for item in await story.audit(decision="deny")] == ["deny.own_request"]

    await story.be("mia", "hr-leave")
    await story.press(story.button("Approve"))
    await expect(story.dialog).to_contain_text("I need to know it's you first.")
    page = await story.sign_in(story.page.get_by_test_id("dialog-link"), "mia")
    await expect(page.get_by_test_id("waiting-action")).to_contain_text("Approve leave for John Carver")
    await story.press(page.get_by_test_id("go-on"))
    for words in ("21 December", "23 December", "3 days", "Paid leave", "HR system, on your authority"):
        await expect(page.get_by_test_id("waiting-action")).to_contain_text(words)
    await expect(page.get_by_test_id("key")).to_have_text(re.compile(r"^([A-Z2-7]{4} ?){8}$"))
    await story.press(page.get_by_test_id("demo-scan"))
    await story.press(page.get_by_test_id("phone-use"))
    await accessible(page)
    await story.press(page.get_by_test_id("confirm"))
    await expect(page.get_by_test_id("message")).to_contain_text("Approved: John Carver")
    await accessible(page)
    await page.close()

    card = story.page.get_by_test_id("card").first
    await expect(card).to_contain_text("Approved by Mia Lindqvist at ")
    await expect(card.get_by_role("button")).to_have_count(0)
    await story.be("john")
    await expect(story.card).to_contain_text("is approved by Mia Lindqvist.")
    await story.say("my leaves", "approved")
    await story.say("how many days of leave do I have?", "You have 11 days of Paid leave left.")
    signed = await story.audit(type_prefix="proof.given")
    assert [item.event.action for item in signed] == ["ApproveLeave"]


async def test_a_linked_manager_is_asked_directly_and_refuses_with_a_code_in_the_dialog(
    story: Story, accessible: Accessible
) -> None:
    await story.first_sign_in("mia")
    page = await story.context.new_page()
    await page.goto(f"{story.origin}/enrol")
    await story.enrol(page)
    await page.close()
    await story.first_sign_in("john")
    await story.say("take 21 to 23 December off", "Leave: ")
    await story.press(story.button("Send request"))
    await expect(story.card).to_contain_text("It waits for Mia Lindqvist.")

    await story.be("mia")
    await expect(story.card).to_contain_text(REQUEST)
    await expect(story.card).to_contain_text("Paid leave")
    story.later()
    await story.press(story.button("Refuse"))
    await expect(story.page.get_by_test_id("dialog-field-code")).to_be_focused()
    await expect(story.dialog).to_contain_text("Refuse leave for John Carver")
    await expect(story.dialog).to_contain_text("21 December")
    await accessible(story.page)
    right = story.code("mia")
    await story.page.get_by_test_id("dialog-field-code").fill(f"{(int(right) + 1) % 1_000_000:06}")
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.page.get_by_test_id("dialog-error-code")).to_contain_text("does not fit")
    await story.page.get_by_test_id("dialog-field-code").fill(right)
    await story.press(story.page.get_by_test_id("dialog-submit"))
    await expect(story.dialog).to_be_hidden()
    asked = story.page.get_by_test_id("card").filter(has_text="Leave for John Carver")
    await expect(asked).to_contain_text("Refused by Mia Lindqvist at ")
    await story.be("mia", "hr-leave")
    await expect(story.page.get_by_test_id("card").first).to_contain_text("Refused by Mia Lindqvist at ")
    await story.be("john")
    await expect(story.card).to_contain_text("was refused by Mia Lindqvist.")
