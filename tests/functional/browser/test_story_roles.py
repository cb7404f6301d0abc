"""The product's story, parts five and six: support within its region, and administration by slash commands."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import Story

pytestmark = pytest.mark.browser


async def test_support_reads_its_own_region_and_hears_nothing_of_the_other(
    story: Story, accessible: Accessible
) -> None:
    await story.first_sign_in("sue")
    await story.say("customer Northwind Traders", "Northwind Traders", "Ingrid Solberg", "CRM · read ")
    await story.press(story.button("Tickets"))
    await expect(story.card).to_contain_text("T-1041 · open")
    await story.say("opportunities of Northwind Traders", "2 opportunities at Northwind Traders", "€")
    await story.say("ticket T-1041", "Invoice shows the wrong address")
    await accessible(story.page)

    refusals = []
    for name in ("Redwood Freight", "Nonesuch Brothers"):
        await story.say(f"customer {name}", "There is nothing of that name for you.")
        refusals.append(await story.card.inner_text())
        await story.say(f"tickets of {name}", "There is nothing of that name for you.")
        refusals.append(await story.card.inner_text())
    assert len(set(refusals)) == 1
    assert "Redwood" not in refusals[0]


async def test_administration_by_slash_commands(story: Story, accessible: Accessible) -> None:
    await story.first_sign_in("john")
    await story.first_sign_in("raj")
    await story.say("/doorward whoami", "You are Raj Patel.", "administrator")
    await story.say("/doorward roles list", "0 roles were given in Doorward")
    await story.say("/doorward roles grant john support_rep", "Give john a role", "support representative")
    await expect(story.card).to_contain_text("everywhere")
    page = await story.press_open(story.link("Open the page"))
    await expect(page.get_by_test_id("passkey-help")).to_contain_text("WebAuthn")
    await story.touch(page)
    await expect(page.get_by_test_id("message")).to_contain_text("john is now support representative.")
    await accessible(page)
    await page.close()
    await expect(story.card).to_contain_text("john is now support representative.")
    await story.say("/doorward roles list", "john: support representative", "everywhere", "by raj")

    await _with_passkey(story, "/doorward roles revoke john support_rep", "john is no longer support representative.")
    await story.say("/doorward sessions list", "2 open sessions", "john · ")
    await _with_passkey(story, "/doorward sessions revoke john", "1 session of john ended.")
    await story.say("/doorward sessions list", "1 open session")
    assert await story.token_of("john") is None
    await _with_passkey(story, "/doorward lock john", "john is locked out, everywhere, from now on.")
    await story.say("/doorward audit search principal:john", "newest first", "session.opened")
    await story.say("/doorward policy explain john ViewPayslip", "hr.payslip.own", "employee")
    await story.say("/doorward lock raj", "Nobody changes their own standing.")
    await accessible(story.page)

    await story.be("john")
    await story.say("my payslip", "Your session has ended.")
    page = await story.press_open(story.link("Sign in"))
    await story.press(page.get_by_test_id("sign-in-submit"))
    await expect(page.get_by_test_id("message")).to_contain_text("Your access is locked")
    await accessible(page)
    await page.close()
    await story.be("raj")
    await _with_passkey(story, "/doorward unlock john", "john may sign in again.")
    await story.be("john")
    await story.say("/doorward roles list", "Your session has ended.")
    page = await story.sign_in(story.link("Sign in"), "john")
    await page.close()
    await expect(story.card).to_contain_text("Your role doesn't include this.")


async def _with_passkey(story: Story, command: str, done: str) -> None:
    await story.say(command, "This needs your passkey")
    await expect(story.button("Enter a code")).to_have_count(0)
    page = await story.press_open(story.link("Open the page"))
    await story.touch(page)
    await expect(page.get_by_role("main")).to_contain_text(done)
    await page.close()
    await expect(story.card).to_contain_text(done)
