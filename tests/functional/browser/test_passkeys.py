"""Passkeys in a real browser: Chromium's virtual authenticator makes them and signs with them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, CDPSession, Page, expect

from bot.bootstrap.serving import listen
from bot.domain.cards import Status
from tests.browser import WAIT_MILLISECONDS
from tests.fakes.clock import FixedClock
from tests.fakes.web_stage import Browser, Stage, web_stage
from tests.functional.browser.conftest import Accessible
from tests.functional.browser.story import AUTHENTICATOR, PHONE, WIDE

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("DOORWARD_PICTURES", "")


@dataclass(kw_only=True)
class Desk:
    """One person's browser with an authenticator built in."""

    stage: Stage
    context: BrowserContext
    page: Page
    cdp: CDPSession
    authenticator: str

    async def sign_in(self, person: str) -> Browser:
        """Somebody who has linked and signed in, here as well as over ASGI."""
        browser = self.stage.browser()
        await self.stage.link(browser, person)
        await self.keep(browser)
        return browser

    async def keep(self, browser: Browser) -> None:
        """The cookie that one over ASGI has by now, in this one too."""
        assert browser.cookie is not None
        cookie: Any = {"name": "dw_session", "value": browser.cookie, "url": self.stage.origin}
        await self.context.add_cookies([cookie])

    async def open(self, path: str) -> None:
        """Go to a page of ours."""
        await self.page.goto(self.stage.origin + path)

    async def press(self, name: str) -> None:
        """Press what has this test id."""
        await self.page.get_by_test_id(name).click()

    async def credentials(self) -> list[dict[str, Any]]:
        """What the authenticator holds."""
        held = await self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.authenticator})
        return list(held["credentials"])

    async def verified(self, *, yes: bool) -> None:
        """Whether the person's finger fits."""
        order = {"authenticatorId": self.authenticator, "isUserVerified": yes}
        await self.cdp.send("WebAuthn.setUserVerified", order)

    async def picture(self, name: str) -> None:
        """The page as people see it: wide and on a phone, light and dark; only where somebody wants to look."""
        if not PICTURES:
            return
        for width, size in (("wide", WIDE), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                await self.page.set_viewport_size(size)
                await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                await self.page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{scheme}.png", full_page=True)
        await self.page.set_viewport_size(WIDE)


@pytest.fixture
async def desk(browser: Chromium, tmp_path: Path, clock: FixedClock) -> AsyncIterator[Desk]:
    """Our pages on http://localhost, a secure context and a domain of its own, and a browser before them."""
    problems: list[str] = []
    listening = listen("127.0.0.1", 0)
    origin = f"http://localhost:{listening.getsockname()[1]}"
    async with web_stage(tmp_path, clock, origin=origin, development=True) as stage:
        server = uvicorn.Server(uvicorn.Config(stage.app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        context = await browser.new_context(locale="en-GB", timezone_id="UTC", viewport=WIDE, reduced_motion="reduce")
        context.set_default_timeout(WAIT_MILLISECONDS)
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("console", lambda said: problems.append(said.text) if "Security Policy" in said.text else None)
        page = await context.new_page()
        cdp = await context.new_cdp_session(page)
        await cdp.send("WebAuthn.enable")
        added = await cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        yield Desk(stage=stage, context=context, page=page, cdp=cdp, authenticator=added["authenticatorId"])
        await context.close()
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
    listening.close()
    assert problems == [], "a page reported problems"


async def leave_for_mia(desk: Desk) -> str:
    """John asks for leave, Mia presses Approve; the page she is sent to."""
    await desk.stage.link(desk.stage.browser(), "john")
    await desk.stage.say("john", "take 21 to 23 December off")
    await desk.stage.press("john", "Send request")
    await desk.stage.press("mia", "Approve")
    return desk.stage.link_on_card("mia")


async def test_a_manager_sets_up_a_passkey_and_approves_a_leave_with_one_touch(
    desk: Desk, accessible: Accessible
) -> None:
    await desk.sign_in("mia")
    await desk.open(await leave_for_mia(desk))
    await expect(desk.page.get_by_test_id("waiting-action")).to_contain_text("Approve leave for John Carver")
    await desk.picture("first")
    await desk.press("set-up-passkey")
    await desk.page.get_by_test_id("passkey-name").fill("Mia's laptop")
    await accessible(desk.page)
    await desk.picture("make")
    await expect(desk.page.get_by_test_id("waiting-action")).to_contain_text("Approve leave for John Carver")
    await expect(desk.page.get_by_test_id("make-passkey")).to_have_text("Make the passkey and approve")
    await desk.press("make-passkey")
    await expect(desk.page.get_by_role("main")).to_contain_text("Approved")
    (held,) = await desk.credentials()
    assert held["rpId"] == "localhost"
    assert any(card.status is Status.ALLOWED and "Approved" in card.headline for card in desk.stage.cards("mia"))
    given = [record.event for record in await desk.stage.audit("proof.given")]
    assert [(event.action, event.code) for event in given] == [("ApproveLeave", "passkey.made")]


async def test_a_passkey_is_offered_first_and_a_code_instead(desk: Desk, accessible: Accessible) -> None:
    john = await desk.sign_in("john")
    await desk.stage.enrol(john, "john")  # which gives the browser a new id
    await desk.keep(john)
    await desk.open("/enrol")
    await desk.picture("factors-app")
    await desk.press("add-passkey")
    await expect(desk.page.get_by_test_id("headline")).to_have_text("Add a passkey")
    await desk.page.get_by_test_id("code").fill(desk.stage.code("john"))
    await desk.press("confirm")
    await desk.press("make-passkey")
    await expect(desk.page.get_by_test_id("message")).to_contain_text("The passkey is set up")
    desk.stage.clock.advance(seconds=30)
    renewed = await john.press(await john.get(await desk.stage.offer("john")))  # the change has ended the chat session
    await john.get(desk.stage.at_company(renewed, "john"))
    await desk.keep(john)
    await desk.open(await desk.stage.payslip_page("john"))
    await expect(desk.page.get_by_test_id("use-passkey")).to_be_visible()
    await expect(desk.page.get_by_test_id("code")).to_be_hidden()
    await accessible(desk.page)
    await desk.picture("consent")
    await desk.press("use-code")
    await expect(desk.page.get_by_test_id("code")).to_be_focused()
    await expect(desk.page.get_by_test_id("use-passkey")).to_be_hidden()
    await desk.page.get_by_test_id("code").fill(desk.stage.wrong_code("john"))
    await desk.press("confirm")
    await expect(desk.page.get_by_test_id("code-error")).to_contain_text("does not fit")
    await desk.press("use-code")
    await desk.press("use-passkey")
    await expect(desk.page.get_by_test_id("view")).to_be_visible()
    await expect(desk.page.get_by_test_id("values")).to_contain_text("3,101.46")


async def test_an_unverified_touch_and_a_missing_passkey_are_told_on_the_page(desk: Desk) -> None:
    await desk.sign_in("john")
    await desk.open("/enrol")
    await desk.press("set-up-passkey")
    await desk.press("make-passkey")
    await expect(desk.page.get_by_test_id("recovery-codes").get_by_role("listitem")).to_have_count(10)
    await desk.open(await desk.stage.payslip_page("john"))
    await desk.verified(yes=False)
    await desk.press("use-passkey")
    await expect(desk.page.get_by_test_id("passkey-failed")).to_be_visible()
    await desk.verified(yes=True)
    await desk.press("use-passkey")
    await expect(desk.page.get_by_test_id("view")).to_be_visible()


async def test_a_person_lists_names_and_removes_what_is_theirs(desk: Desk, accessible: Accessible) -> None:
    await desk.sign_in("john")
    await desk.open("/enrol")
    await desk.press("set-up-passkey")
    await desk.page.get_by_test_id("passkey-name").fill("  Key\u202e ring ")
    await desk.press("make-passkey")
    await expect(desk.page.get_by_test_id("message")).to_contain_text("The passkey is set up")
    await accessible(desk.page)
    await desk.picture("recovery")
    await desk.press("own-page")
    await expect(desk.page.get_by_test_id("factor-name")).to_have_text("Key ring")
    await expect(desk.page.get_by_test_id("recovery-left")).to_contain_text("10 codes are left")
    await accessible(desk.page)
    await desk.picture("factors")
    await desk.press("remove")
    await expect(desk.page.get_by_test_id("headline")).to_have_text("Remove “Key ring”?")
    await accessible(desk.page)
    await desk.picture("change")
    await desk.press("use-passkey")
    await expect(desk.page.get_by_test_id("message")).to_contain_text("It is removed")
    await desk.open("/enrol/recover")
    await accessible(desk.page)
    await desk.picture("recover")
    await desk.open("/enrol")
    await expect(desk.page.get_by_test_id("enrol-first")).to_be_visible()


async def test_a_browser_that_cannot_is_offered_the_code_alone(desk: Desk) -> None:
    await desk.context.add_init_script("delete window.PublicKeyCredential")
    await desk.sign_in("john")
    await desk.open("/enrol")
    await expect(desk.page.get_by_test_id("go-on")).to_be_visible()
    await expect(desk.page.get_by_test_id("set-up-passkey")).to_be_hidden()


async def test_whoever_has_a_passkey_is_told_why_no_code_does_and_where_to_go_without_it(
    desk: Desk, accessible: Accessible
) -> None:
    john = await desk.sign_in("john")
    await desk.stage.enrol(john, "john")
    await desk.keep(john)
    await desk.open("/enrol")
    await desk.press("add-passkey")
    await desk.page.get_by_test_id("code").fill(desk.stage.code("john"))
    await desk.press("confirm")
    await desk.press("make-passkey")
    await expect(desk.page.get_by_role("main")).to_contain_text("The passkey is set up")
    await desk.open("/enrol")
    await desk.page.get_by_test_id("remove").first.click()
    await expect(desk.page.get_by_test_id("code-is-weak")).to_contain_text("a code changes nothing here")
    await expect(desk.page.get_by_test_id("code")).to_have_count(0)
    await accessible(desk.page)
    await desk.picture("change")
    await desk.press("recover")
    await expect(desk.page.get_by_test_id("recover-halves")).to_be_visible()
    await accessible(desk.page)
    await desk.picture("recover")


async def test_a_page_that_came_too_late_says_which_it_was_and_leads_back(
    desk: Desk, accessible: Accessible, clock: FixedClock
) -> None:
    await desk.sign_in("mia")
    path = await leave_for_mia(desk)
    clock.advance(minutes=6)
    await desk.open(path)
    await expect(desk.page.get_by_role("heading")).to_contain_text("This expired at")
    await expect(desk.page.get_by_test_id("about")).to_contain_text("Approve leave for John Carver")
    await expect(desk.page.get_by_test_id("back")).to_be_visible()
    await accessible(desk.page)
    await desk.picture("gone")
