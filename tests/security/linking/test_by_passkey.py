"""A passkey claims the administrator's link and links a second account, as a code does: over exactly that, once."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from bot.services import first_administrator
from bot.services.audit_trail import Scribe
from bot.services.first_administrator import SETUP
from tests.fakes.clock import FixedClock
from tests.fakes.soft_authenticator import SoftAuthenticator
from tests.fakes.web_stage import HTTPS, Browser, Stage, fields_of, web_stage
from tests.security.passkey_hand import bind, signature


@pytest.fixture
async def stage(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Stage]:
    async with web_stage(tmp_path, clock) as everything:
        yield everything


@pytest.fixture
def device() -> SoftAuthenticator:
    return SoftAuthenticator(HTTPS, HTTPS.removeprefix("https://"))


async def claimant(stage: Stage, device: SoftAuthenticator, person: str = "john") -> Browser:
    browser = stage.browser()
    await stage.sign_in(browser, person)
    await bind(browser, device)
    return browser


async def link(stage: Stage) -> str:
    scribe = Scribe(time=stage.clock.now(), channel="shell", correlation=secrets.token_hex(8))
    return f"/setup/{await stage.database.write(lambda tx: first_administrator.offer(tx, SETUP, scribe))}"


async def administrators(stage: Stage) -> list[str]:
    found = await stage.database.read(lambda tx: first_administrator.present(tx, stage.clock.now()))
    return [person.username for person in found]


async def test_a_passkey_makes_the_first_administrator(stage: Stage, device: SoftAuthenticator) -> None:
    path, browser = await link(stage), await claimant(stage, device)
    page = await browser.get(path)
    assert f'data-options="{path}/options"' in page.text
    assert 'name="code"' not in page.text, "there is no app to give one"
    done = await browser.press(page, **await signature(browser, device, f"{path}/options", page))
    assert "You are administrator" in done.text
    assert await administrators(stage) == ["john"]
    assert [record.event.code for record in await stage.audit("proof.given")] == ["passkey"]


async def test_without_the_passkey_nothing_is_claimed(stage: Stage, device: SoftAuthenticator) -> None:
    path, browser = await link(stage), await claimant(stage, device)
    page = await browser.get(path)
    for given in ({}, {"code": "123456"}, {"credential": "{}", "ceremony": "x"}):
        assert (await browser.press(page, **given)).status_code in {403, 422}
    assert await administrators(stage) == []


async def test_what_the_passkey_signed_for_another_link_claims_nothing(stage: Stage, device: SoftAuthenticator) -> None:
    this, other = await link(stage), await link(stage)
    browser = await claimant(stage, device)
    page = await browser.get(this)
    for_the_other = await signature(browser, device, f"{other}/options", await browser.get(other))
    assert (await browser.press(page, **for_the_other)).status_code == 422
    assert await administrators(stage) == []


async def test_another_persons_signature_claims_nothing(stage: Stage, device: SoftAuthenticator) -> None:
    path, john = await link(stage), await claimant(stage, device)
    signed = await signature(john, device, f"{path}/options", await john.get(path))
    mia = await claimant(stage, SoftAuthenticator(device.origin, device.rp_id), "mia")
    assert (await mia.press(await mia.get(path), **signed)).status_code == 422
    assert await administrators(stage) == []


# A second chat account


async def linked(stage: Stage, device: SoftAuthenticator) -> None:
    """The chat account `john` speaks for the company account `john`, whose one factor is a passkey."""
    browser = stage.browser()
    await stage.link(browser, "john")
    await bind(browser, device)


async def speaks_for_john(stage: Stage, account: str) -> bool:
    found = await stage.database.read(lambda tx: tx.links.find(stage.channel(account)))
    return found is not None and found.identity == stage.identity("john")


async def naming_page(stage: Stage, account: str = "mia") -> tuple[Browser, httpx2.Response]:
    """Where the chat account asks to speak for `john`, in a browser of its own."""
    browser = stage.browser("203.0.113.99")
    return browser, await stage.to_naming_page(browser, account, company="john")


async def test_a_passkey_links_a_second_chat_account(stage: Stage, device: SoftAuthenticator) -> None:
    await linked(stage, device)
    browser, page = await naming_page(stage)
    assert 'data-options="/signin/accounts/options"' in page.text
    assert 'name="code"' not in page.text
    signed = await signature(browser, device, "/signin/accounts/options", page)
    assert (await browser.press(page, decision="yes", **signed)).status_code == 200
    assert await speaks_for_john(stage, "mia")
    assert [record.event.code for record in await stage.audit("proof.given")] == ["passkey"]


async def test_without_its_signature_no_second_account_is_linked(stage: Stage, device: SoftAuthenticator) -> None:
    await linked(stage, device)
    browser, page = await naming_page(stage)
    for given in ({}, {"code": "123456"}, {"credential": "{}", "ceremony": "x"}):
        assert (await browser.press(page, decision="link", **given)).status_code in {403, 422}
    assert not await speaks_for_john(stage, "mia")


async def test_what_was_signed_for_one_account_links_no_other(stage: Stage, device: SoftAuthenticator) -> None:
    await linked(stage, device)
    mia, for_mia = await naming_page(stage)
    signed = await signature(mia, device, "/signin/accounts/options", for_mia)
    sue, for_sue = await naming_page(stage, "sue")
    assert (await sue.press(for_sue, decision="yes", **signed)).status_code == 422
    assert (await mia.press(for_mia, decision="yes", **signed)).status_code == 422, "the challenge is used up"
    assert not await speaks_for_john(stage, "sue")
    assert not await speaks_for_john(stage, "mia")


async def test_the_challenge_is_for_the_browser_that_signs_in(stage: Stage, device: SoftAuthenticator) -> None:
    await linked(stage, device)
    _, page = await naming_page(stage)
    other = stage.browser("198.51.100.4")
    refused = await other.post("/signin/accounts/options", fields_of(page), accept="application/json")
    assert refused.status_code == 403
