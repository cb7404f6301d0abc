"""A second chat account of one person: takes a code, is told to the first one and the mailbox, one press undoes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.domain.answer import Button, Draft, Posting
from bot.domain.cards import Card
from bot.domain.intent import Intent, Origin
from bot.ports.mail import Letter
from bot.services import announcing
from bot.services.buttons import DISOWN
from bot.services.delivery import direct_place
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage


class Mailbox:
    """A company mail server that keeps what it takes."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def send(self, letter: Letter) -> None:
        self.letters.append(letter)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock, mailbox: Mailbox) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock, mail=mailbox) as everything:
        yield everything


async def speaks_for(stage: Stage, account: str) -> str | None:
    link = await stage.database.read(lambda tx: tx.links.find(stage.channel(account)))
    return None if link is None else str(link.identity.subject)


async def john_with_codes(stage: Stage) -> Browser:
    browser = stage.browser()
    await stage.link(browser, "john")
    await stage.enrol(browser, "john")
    return browser


async def second(stage: Stage, code: str | None = None) -> Browser:
    """The chat account `mia` asks to speak for the company account `john`, from a browser of its own."""
    browser = stage.browser("203.0.113.99")
    page = await stage.to_naming_page(browser, "mia", company="john")
    assert 'name="code"' in page.text
    done = await browser.press(page, decision="link", code=stage.code("john") if code is None else code)
    assert done.status_code == 200, done.text
    return browser


async def test_the_first_account_takes_no_code_and_is_told_by_letter(stage: Stage, mailbox: Mailbox) -> None:
    browser = stage.browser()
    page = await stage.to_naming_page(browser, "john")
    assert 'name="code"' not in page.text
    await browser.press(page, decision="link")
    (letter,) = mailbox.letters
    assert letter.to.startswith("john@")
    assert "john" in letter.text
    assert "://" not in letter.text


async def test_without_a_factor_a_company_password_links_no_second_account(stage: Stage) -> None:
    await stage.link(stage.browser(), "john")
    page = await stage.to_naming_page(stage.browser("203.0.113.99"), "mia", company="john")
    assert page.status_code == 403
    assert "you have none yet" in page.text
    assert await speaks_for(stage, "mia") is None
    refused = [record.event.code for record in await stage.audit("link.refused")]
    assert refused == ["link.factor_missing"]


@pytest.mark.parametrize("code", ["", "000000", "12345"])
async def test_a_wrong_code_links_nothing_and_is_counted(stage: Stage, code: str) -> None:
    await john_with_codes(stage)
    browser = stage.browser("203.0.113.99")
    page = await stage.to_naming_page(browser, "mia", company="john")
    for status in (422, 422, 422, 422, 422, 429):
        page = await browser.press(page, decision="link", code=stage.wrong_code("john") if code else code)
        assert page.status_code == status
    assert (await browser.press(page, decision="link", code=stage.code("john"))).status_code == 429
    assert await speaks_for(stage, "mia") is None


async def test_a_code_counts_once_for_one_link(stage: Stage) -> None:
    await john_with_codes(stage)
    code = stage.code("john")
    await second(stage, code)
    assert await speaks_for(stage, "mia") == await speaks_for(stage, "john")
    page = await stage.to_naming_page(third := stage.browser(), "sue", company="john")
    assert (await third.press(page, decision="link", code=code)).status_code == 422
    assert await speaks_for(stage, "sue") is None


async def test_every_account_linked_before_is_told_and_the_new_one_is_not(stage: Stage, mailbox: Mailbox) -> None:
    await john_with_codes(stage)
    await second(stage)
    assert "further chat account" in stage.cards("john")[-1].headline
    assert not [card for card in stage.cards("mia") if "further" in card.headline]
    assert len(mailbox.letters) == 3
    assert "mia" in mailbox.letters[-1].text


async def test_this_was_not_me_ends_the_new_account_at_once(stage: Stage) -> None:
    await john_with_codes(stage)
    browser = await second(stage)
    await stage.press("john", "This wasn't me")
    assert await speaks_for(stage, "mia") is None
    assert await speaks_for(stage, "john") is not None
    removed = [record.event for record in await stage.audit("link.removed")]
    assert [(event.resource, event.code) for event in removed] == [(stage.channel("mia").key, "link.disowned")]
    await stage.say("mia", "how many days of leave do I have?")
    assert "need to know it's you" in stage.cards("mia")[-1].headline
    assert 'data-testid="who"' not in (await browser.get("/enrol")).text


async def test_it_works_without_a_session_and_only_for_that_link(stage: Stage) -> None:
    await john_with_codes(stage)
    await second(stage)
    stage.clock.advance(hours=13)
    await stage.press("john", "This wasn't me")
    assert await speaks_for(stage, "mia") is None
    stage.clock.advance(seconds=30)
    await second(stage)
    await stage.press_handle("john", stage.handles("john", "This wasn't me")[0])
    assert await speaks_for(stage, "mia") is not None


async def test_the_new_account_cannot_push_out_the_first(stage: Stage) -> None:
    """Even with a button of its own about the first link, which nothing ever posts."""
    await john_with_codes(stage)
    stage.clock.advance(seconds=30)
    await second(stage)
    first = await stage.database.read(lambda tx: tx.links.find(stage.channel("john")))
    assert first is not None
    intent = Intent(capability="disown", arguments=announcing.named(first), origin=Origin.PRESS)
    draft = Draft(card=Card(headline="forged"), buttons=(Button(label="Out", intent=intent, kind=DISOWN),))
    mia = stage.channel("mia")
    posting = Posting(draft=draft, to=mia, place=direct_place(mia))
    item = await stage.database.write(lambda tx: stage.core.delivery.put(tx, posting, ""))
    await stage.core.delivery.send([item])
    await stage.press("mia", "Out")
    assert await speaks_for(stage, "john") is not None


async def test_the_first_accounts_button_is_no_use_to_the_new_one(stage: Stage) -> None:
    await john_with_codes(stage)
    await second(stage)
    card = stage.cards("john")[-1]
    await stage.press_handle("mia", card.actions[0].handle)
    assert await speaks_for(stage, "mia") is not None
    assert await speaks_for(stage, "john") is not None


@pytest.mark.requirement("38")
async def test_the_first_factor_is_told_to_the_mailbox(stage: Stage, mailbox: Mailbox) -> None:
    browser = stage.browser()
    await stage.link(browser, "mia")
    before = len(mailbox.letters)
    await stage.enrol(browser, "mia")
    assert [letter.to for letter in mailbox.letters[before:]] == ["mia@doorward.example"]
    assert "Authenticator app" in mailbox.letters[-1].subject
