"""Our pages in a real browser: what they say, send and forget, by keyboard and without a violation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import segno
from playwright.async_api import Page, expect
from starlette.routing import BaseRoute

from bot.domain.cards import Fact, Quote
from bot.domain.proposal import Shown
from tests.functional.browser.conftest import Accessible
from tests.functional.browser.stage import page_routes, serving

pytestmark = pytest.mark.browser

URI = "otpauth://totp/Doorward:mia?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Doorward"
LEAVE = Shown(
    headline="Approve leave for john",
    facts=(Fact(label="From", value="Monday, 21 December 2026"), Fact(label="Kind", value="Paid time off")),
    quotes=(Quote(author="john", text="<b>Visiting</b> family"),),
)
FORM: dict[str, Any] = {"form_action": "", "csrf_token": "anti-forgery"}
SIGNED: dict[str, Any] = {"digest": "8c1f 20ab", "seconds_left": 281}
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "sign_in": ("sign_in.html", {**FORM, "chat_account": "john", "chat_place": "Demo", "minutes_left": 10}),
    "providers": (
        "sign_in.html",
        {**FORM, "chat_account": "john", "chat_place": "Demo", "providers": [("a", "Entra ID"), ("b", "Okta")]},
    ),
    "own": (
        "own.html",
        {
            **FORM,
            "who": "john",
            "sessions": [
                {"id": "s1", "name": "Slack · U1JOHN", "since": "09:00", "used": "09:40", "until": "21:00"},
                {"id": "s2", "name": "Teams · 29:abc", "since": "09:10", "used": "09:12", "until": "21:10"},
            ],
            "accounts": [{"account": "U1JOHN", "place": "Slack · T1", "since": "Monday, 2 November 2026"}],
            "kept": [("Chat accounts", 1, "until you remove them"), ("Open sessions", 2, "until you end them")],
            "browsers": [
                {"id": "b1", "name": "This browser", "since": "09:00", "until": "17:00"},
                {"id": "b2", "name": "Another browser", "since": "08:10", "until": "16:10"},
            ],
            "looks": [("Mia Lang", "Your leave balance", "Monday, 16 November 2026 at 10:02")],
        },
    ),
    "own_empty": (
        "own.html",
        {**FORM, "who": "john", "sessions": [], "accounts": [], "kept": [("Chat accounts", 0, "")], "looks": []},
    ),
    "elsewhere": (
        "elsewhere.html",
        {
            "title": "Open in your browser",
            "sentence": "The sign-in was begun in another browser, and only that one can finish it.",
            "here": "Go on in this browser",
            "copy": "Or copy this link into the browser you want to use:",
            "warning": "Did somebody send you here? Close this page.",
            "path": "/signin/start?ticket=abc",
            "address": "https://doorward.example/signin/start?ticket=4fE9xSwPqk1mVb27TzYcLdRh0aGnUj8o",
        },
    ),
    "accounts": (
        "accounts.html",
        {
            **FORM,
            "chat_account": "john",
            "chat_place": "Demo",
            "company_account": "john@corp.example",
            "company_place": "Corp",
        },
    ),
    "enrol": (
        "enrol.html",
        {
            **FORM,
            **SIGNED,
            "account": "mia@corp.example",
            "qr": segno.make(URI).svg_data_uri(),
            "key": "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
            "otpauth_uri": URI,
            "waiting": LEAVE,
            "submit": "Approve",
        },
    ),
    "enrol_alone": (
        "enrol.html",
        {
            **FORM,
            "account": "mia",
            "qr": segno.make(URI).svg_data_uri(),
            "key": "JBSW",
            "otpauth_uri": URI,
            "error": "That code was not right.",
        },
    ),
    "consent": (
        "consent.html",
        {**FORM, **SIGNED, "who": "mia", "shown": LEAVE, "submit": "Approve", "lead": "3 days"},
    ),
    "consent_again": (
        "consent.html",
        {
            **FORM,
            **SIGNED,
            "who": "mia",
            "shown": LEAVE,
            "submit": "Approve",
            "error": "That code was not right. 4 tries left.",
            "own_reading": "This code opens your payslips for ten minutes.",
        },
    ),
    "view": (
        "view.html",
        {
            **FORM,
            "who": "john",
            "headline": "Payslip, November 2026",
            "facts": (Fact(label="Paid on", value="27 November 2026"),),
            "sections": [
                {
                    "title": "Earnings",
                    "columns": ("", "Amount"),
                    "rows": [("Base salary", "4 100.00 €")],
                    "total": ("Gross", "4 100.00 €"),
                }
            ],
            "seconds_left": 300,
            "source": "Demo HR · read 13:02",
        },
    ),
    "message": (
        "message.html",
        {
            "title": "You are signed in",
            "sentence": "Linked.",
            "next_step": "Go on in the chat.",
            "status": "allowed",
            "status_word": "Linked",
            "back_url": "/",
        },
    ),
    "error": (
        "error.html",
        {"title": "That did not work", "sentence": "Sorry.", "next_step": "Try again.", "reference": "c0ffee"},
    ),
}


@pytest.fixture
def received() -> list[dict[str, str]]:
    """What the pages' forms sent."""
    return []


@pytest.fixture
async def site(received: list[dict[str, str]]) -> AsyncIterator[str]:
    """The pages, served under their content policy."""

    def routes(_: str) -> Sequence[BaseRoute]:
        return page_routes(PAGES, received)

    async with serving(routes) as origin:
        yield f"{origin}/pages"


@pytest.mark.parametrize("width", [360, 1360])
async def test_every_page_is_accessible_in_light_and_dark_on_phone_and_screen(
    site: str, page: Page, accessible: Accessible, width: int
) -> None:
    await page.set_viewport_size({"width": width, "height": 800})
    for name in PAGES:
        await page.goto(f"{site}/{name}")
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await accessible(page)
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        await accessible(page)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"


async def test_a_consent_says_exactly_what_is_signed_and_sends_the_code_once(
    site: str, page: Page, received: list[dict[str, str]]
) -> None:
    await page.goto(f"{site}/consent")
    await expect(page.get_by_test_id("headline")).to_have_text("Approve leave for john")
    await expect(page.get_by_test_id("digest")).to_have_text("8c1f 20ab")
    await expect(page.get_by_test_id("quote")).to_contain_text("<b>Visiting</b> family")
    await page.get_by_test_id("code").fill("123 456")
    await page.get_by_test_id("code").press("Enter")
    await expect(page.get_by_test_id("sent")).to_be_visible()
    assert received == [{"csrf_token": "anti-forgery", "code": "123 456", "decision": "yes"}]


async def test_declining_needs_no_code(site: str, page: Page, received: list[dict[str, str]]) -> None:
    await page.goto(f"{site}/consent")
    await page.get_by_test_id("decline").click()
    await expect(page.get_by_test_id("sent")).to_be_visible()
    assert received[0]["decision"] == "no"


async def test_an_empty_or_short_code_stays_on_the_page(site: str, page: Page, received: list[dict[str, str]]) -> None:
    await page.goto(f"{site}/consent")
    await page.get_by_test_id("confirm").click()
    await page.get_by_test_id("code").fill("123")
    await page.get_by_test_id("confirm").click()
    await expect(page.get_by_test_id("consent")).to_be_visible()
    assert received == []


async def test_when_the_time_is_up_nothing_can_be_signed(site: str, page: Page) -> None:
    await page.clock.install()
    await page.goto(f"{site}/consent")
    await page.clock.run_for(282_000)
    await expect(page.get_by_test_id("confirm")).to_be_disabled()
    await expect(page.get_by_role("alert")).to_contain_text("The time is up")


async def test_confidential_values_leave_the_page_after_five_minutes(
    site: str, page: Page, received: list[dict[str, str]]
) -> None:
    await page.clock.install()
    await page.goto(f"{site}/view")
    await expect(page.get_by_test_id("values")).to_contain_text("4 100.00 €")
    await page.clock.run_for(290_000)
    await expect(page.get_by_role("status")).to_contain_text("10 seconds")
    await page.clock.run_for(11_000)
    await expect(page.get_by_test_id("sent")).to_be_visible()
    assert received == [{"csrf_token": "anti-forgery"}]


async def test_confidential_values_are_not_printed(site: str, page: Page) -> None:
    await page.goto(f"{site}/view")
    await page.emulate_media(media="print")
    await expect(page.get_by_test_id("values")).to_be_hidden()
    await expect(page.get_by_text("not for printing")).to_be_visible()


async def test_both_accounts_are_named_before_they_are_linked(
    site: str, page: Page, received: list[dict[str, str]]
) -> None:
    await page.goto(f"{site}/accounts")
    await expect(page.get_by_test_id("chat-account")).to_have_text("john")
    await expect(page.get_by_test_id("company-account")).to_have_text("john@corp.example")
    await page.get_by_test_id("not-me").click()
    await expect(page.get_by_test_id("sent")).to_be_visible()
    assert received[0]["decision"] == "not_me"


async def test_the_first_code_of_an_enrolment_shows_what_it_also_signs(site: str, page: Page) -> None:
    await page.goto(f"{site}/enrol")
    await expect(page.get_by_test_id("waiting-action")).to_contain_text("Approve leave for john")
    await expect(page.get_by_test_id("confirm")).to_have_text("Set up and approve")
    await page.goto(f"{site}/enrol_alone")
    await expect(page.get_by_test_id("waiting-action")).to_have_count(0)
    await expect(page.get_by_test_id("code")).to_be_focused()


async def test_nothing_of_the_demo_is_on_a_page_that_was_not_told_of_it(site: str, page: Page) -> None:
    await page.goto(f"{site}/enrol")
    assert "play" not in await page.content()


async def test_an_error_is_broken_unless_it_says_otherwise(site: str, page: Page) -> None:
    await page.goto(f"{site}/error")
    await expect(page.get_by_test_id("message")).to_have_attribute("data-status", "broken")
    await expect(page.get_by_test_id("reference")).to_have_text("c0ffee")
    await page.goto(f"{site}/message")
    await expect(page.get_by_test_id("message")).to_have_attribute("data-status", "allowed")


async def test_a_choice_of_colours_is_remembered(site: str, page: Page) -> None:
    await page.emulate_media(color_scheme="light")
    await page.goto(f"{site}/sign_in")
    await page.get_by_test_id("theme").click()
    await page.goto(f"{site}/accounts")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await expect(page.get_by_test_id("theme")).to_have_attribute("aria-pressed", "true")
