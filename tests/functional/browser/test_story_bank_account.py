"""Where a salary goes, in a real browser: from the chat to the field, to old and new, to one touch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import PHONE, WIDE, Story

pytestmark = pytest.mark.browser
NEW = "GB82 WEST 1234 5698 7654 32"
PICTURES = os.environ.get("DOORWARD_PICTURES", "")


async def picture(page: Page, name: str) -> None:
    """The page as people see it: wide and on a phone, light and dark; only where somebody wants to look."""
    if not PICTURES:
        return
    for width, size in (("wide", WIDE), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            await page.set_viewport_size(size)
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png", full_page=True)
    await page.set_viewport_size(WIDE)


async def test_a_salary_goes_elsewhere_after_one_touch_and_the_chat_has_no_number(
    story: Story, accessible: Accessible
) -> None:
    await story.first_sign_in("john")
    async with story.listening_as_everybody():
        await story.say("change my bank account", "Change where your salary goes")
        page = await story.press_open(story.link("Open the page"))
        await accessible(page)
        await page.get_by_test_id("written").fill("GB82 WEST 1234 5698 7654 33")
        await picture(page, "bank-field")
        await story.press(page.get_by_test_id("go-on"))
        await expect(page.get_by_test_id("written-error")).to_contain_text("check digits")
        await accessible(page)
        await picture(page, "bank-wrong")
        await page.get_by_test_id("written").fill(NEW)
        await story.press(page.get_by_test_id("go-on"))
        await expect(page.get_by_test_id("waiting-action")).to_contain_text(NEW)
        await accessible(page)
        await picture(page, "bank-enrol")
        await story.touch(page)
        await expect(page.locator("main")).to_contain_text("Your salary goes to GB•• … 5432")
        await picture(page, "bank-done")
        await page.close()
        await expect(story.card).to_contain_text("GB•• … 5432")
        shown = await story.page.content()
    everything = shown + "".join(line for lines in story.heard.values() for line in lines)
    assert "5432" in everything
    for number in (NEW, NEW.replace(" ", "")):
        assert number not in everything
    await _again(story, accessible)


async def _again(story: Story, accessible: Accessible) -> None:
    """With a passkey at hand: the consent page itself, and its no."""
    await story.say("bank change", "Change where your salary goes")
    page = await story.press_open(story.link("Open the page"))
    await page.get_by_test_id("written").fill("DE89370400440532013000")
    await story.press(page.get_by_test_id("go-on"))
    await expect(page.get_by_test_id("consent")).to_contain_text("GB•• … 5432")
    await expect(page.get_by_test_id("consent")).to_contain_text("DE89 3704 0044 0532 0130 00")
    await accessible(page)
    await picture(page, "bank-consent")
    await story.press(page.get_by_test_id("decline"))
    await expect(page.get_by_test_id("message")).to_be_visible()
    done = [record.event.action for record in await story.audit(type_prefix="effect.finished")]
    assert done.count("ChangeBankAccount") == 1
