"""Each thing somebody may begin with, drawn: wide and light, a phone and dark; no word is broken, axe finds nothing."""

from __future__ import annotations

import os

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from bot.domain.cards import Audience, Reply
from bot.texts.sentences import voice
from tests.browser import WAIT_MILLISECONDS
from tests.functional.browser.conftest import Accessible
from tests.functional.browser.stage import Stage
from tests.functional.browser.story import PHONE, WIDE
from tests.functional.test_start_states import shown, states

pytestmark = pytest.mark.browser

LONG = 3600
"""Pixels: every card on one screen."""
PICTURES = os.environ.get("DOORWARD_PICTURES", "")
BROKEN_WORDS = r"""card => {
  const texts = document.createTreeWalker(card, NodeFilter.SHOW_TEXT), broken = [], range = document.createRange();
  while (texts.nextNode())
    for (const word of texts.currentNode.data.matchAll(/[\p{L}\d]+/gu)) {
      range.setStart(texts.currentNode, word.index);
      range.setEnd(texts.currentNode, word.index + word[0].length);
      const right = card.getBoundingClientRect().right;
      const lines = [...range.getClientRects()];
      if (lines.length > 1 || lines.some(line => line.right > right)) broken.push(word[0]);
    }
  return broken;
}"""
"""Words on two lines, or past the card's edge."""


async def begun(page: Page, stage: Stage, language: str) -> list[str]:
    """Every state's card in John's conversation; their headlines."""
    john = stage.platform.identity("john")
    place = await stage.platform.direct_place(john)
    stage.platform.say("john", place, "start")
    drawn = {name: shown(draft) for name, draft in states(voice(language)).items()}
    for name, card in drawn.items():
        reply = Reply(audience=Audience.PERSON, card=card)
        await stage.platform.post(place, john, reply, dedupe_key=f"{language}-{name}")
    await page.goto(stage.origin)
    await expect(page.locator("html")).to_have_attribute("lang", language)
    return [card.headline for card in drawn.values()]


@pytest.mark.parametrize("form", ["wide", "phone"])
@pytest.mark.parametrize("language", ["en", "de"])
async def test_each_beginning_is_drawn_whole(
    browser: Browser, stage: Stage, accessible: Accessible, language: str, form: str
) -> None:
    narrow = form == "phone"
    context = await browser.new_context(
        locale={"en": "en-GB", "de": "de-DE"}[language],
        timezone_id="UTC",
        viewport=ViewportSize(width=(PHONE if narrow else WIDE)["width"], height=LONG),
        color_scheme="dark" if narrow else "light",
    )
    context.set_default_timeout(WAIT_MILLISECONDS)
    page = await context.new_page()
    headlines = await begun(page, stage, language)
    if narrow:
        await page.get_by_test_id("tab-people").click()
    await page.get_by_test_id("person-john").click()
    cards = page.get_by_test_id("card")
    await expect(cards).to_have_count(len(headlines))
    for at, headline in enumerate(headlines):
        await expect(cards.nth(at)).to_contain_text(headline)
        assert await cards.nth(at).evaluate(BROKEN_WORDS) == []
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/start-{language}-{form}.png")
    await accessible(page)
    await context.close()
