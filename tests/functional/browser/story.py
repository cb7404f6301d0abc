"""The whole demonstration on a loopback port, lived by people in a browser: everything real but the company."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import uvicorn
from playwright.async_api import BrowserContext, Locator, Page, ViewportSize, expect

from bot.bootstrap.demo import Demo, address, demo
from bot.bootstrap.serving import listen
from bot.domain.audit import AuditRecord
from bot.domain.totp import STEP_SECONDS
from bot.ports.database import Transaction
from bot.settings.tree import load
from tests.browser import WAIT_MILLISECONDS

expect.set_options(timeout=WAIT_MILLISECONDS)
WIDE = ViewportSize(width=1360, height=850)
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
"""A laptop with a fingerprint reader, as Chromium's DevTools make one."""
PHONE = ViewportSize(width=390, height=844)


@dataclass(kw_only=True)
class Story:
    """One browser that the demo's people share, each within their own sessions; every press is counted."""

    origin: str
    demo: Demo
    context: BrowserContext
    page: Page
    """The playground."""
    narrow: bool
    presses: int = 0
    credentials: list[dict[str, Any]] = field(default_factory=list)
    """The passkeys of whoever makes some: one person a story."""
    heard: dict[str, list[str]] = field(default_factory=dict)
    """The raw events of each person's stream, as another page of theirs would get them."""

    async def press(self, what: Locator) -> None:
        """One press."""
        self.presses += 1
        await what.click()

    async def press_open(self, what: Locator) -> Page:
        """One press on what opens a new tab."""
        async with self.context.expect_page() as opened:
            await self.press(what)
        page = await opened.value
        await page.wait_for_load_state()
        return page

    # In the chat

    @property
    def card(self) -> Locator:
        """The last card of the conversation on the screen."""
        return self.page.get_by_test_id("card").last

    async def be(self, person: str, place: str = "direct") -> None:
        """Speak as somebody, in a place."""
        await self._pane("people")
        await self.page.get_by_test_id(f"person-{person}").click()
        await expect(self.page.locator("body")).to_have_attribute("data-pane", "chat")
        await expect(self.page.get_by_test_id(f"person-{person}")).to_have_attribute("aria-current", "true")
        await expect(self.page.locator("[data-demo-phone] h2")).to_contain_text(person)
        await self._pane("people")
        await self.page.get_by_test_id(f"place-{place}").click()
        await expect(self.page.get_by_test_id(f"place-{place}")).to_have_attribute("aria-current", "true")

    async def _pane(self, name: str) -> None:
        if self.narrow:
            await self.page.get_by_test_id(f"tab-{name}").click()

    async def say(self, text: str, *answered: str) -> None:
        """Type something, and wait for a card below it that says all of `answered`."""
        before = await self.page.get_by_test_id("message").count()
        await self.page.get_by_test_id("composer").fill(text)
        await self.page.get_by_test_id("composer").press("Enter")
        messages = self.page.get_by_test_id("message")
        await expect(messages.nth(before)).to_contain_text(text)
        for words in answered:
            await expect(messages.nth(before + 1).get_by_test_id("card")).to_contain_text(words)

    def button(self, label: str) -> Locator:
        """A button of the last card."""
        return self.card.get_by_role("button", name=label)

    def link(self, label: str) -> Locator:
        """A link of the last card."""
        return self.card.get_by_role("link", name=label)

    @property
    def dialog(self) -> Locator:
        """The dialog on the screen."""
        return self.page.get_by_test_id("dialog")

    # On the pages

    async def sign_in(self, opener: Locator, person: str) -> Page:
        """From an offer in chat to the page after the sign-in, naming both accounts on the way the first time."""
        page = await self.press_open(opener)
        await expect(page.get_by_test_id("chat-account")).to_have_text(person)
        await self.press(page.get_by_test_id("sign-in-submit"))
        await self._gone(page, "sign-in")
        # The provider asks nothing of somebody whom it still knows.
        if page.url.startswith(self.demo.provider.transport_url):
            await self.press(page.get_by_role("button", name="Sign in"))
            await page.wait_for_url(f"{self.origin}/**")
        if await page.get_by_test_id("accounts").count():
            await expect(page.get_by_test_id("company-account")).to_have_text(person)
            await self.press(page.get_by_test_id("link"))
            await self._gone(page, "accounts")
        return page

    async def _gone(self, page: Page, form: str) -> None:
        """The form was sent, and the page after it is there."""
        await expect(page.get_by_test_id(form)).to_have_count(0)
        await page.wait_for_load_state()

    async def first_sign_in(self, person: str) -> None:
        """Link somebody who has said nothing yet."""
        await self.be(person)
        await self.say("/doorward whoami", "I need to know it's you first.")
        page = await self.sign_in(self.link("Sign in"), person)
        await expect(page.get_by_test_id("message")).to_have_attribute("data-status", "allowed")
        await page.close()
        await expect(self.card).to_contain_text("You are ")

    async def enrol(self, page: Page) -> None:
        """Set up the demo phone, and sign with its first code."""
        await self.press(page.get_by_test_id("go-on"))
        await self.press(page.get_by_test_id("demo-scan"))
        await self.press(page.get_by_test_id("phone-use"))
        await self.press(page.get_by_test_id("confirm"))
        await self._gone(page, "enrol")

    async def touch(self, page: Page) -> None:
        """Sign what is on this page with the person's passkey; set it up first where they have none yet."""
        keys = await self.context.new_cdp_session(page)
        await keys.send("WebAuthn.enable")
        added = await keys.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        device = {"authenticatorId": added["authenticatorId"]}
        # Chromium's authenticators live as long as their tab; a person's laptop lives longer.
        for credential in self.credentials:
            await keys.send("WebAuthn.addCredential", {**device, "credential": credential})
        if not self.credentials:
            await self.press(page.get_by_test_id("set-up-passkey"))
            await self.press(page.get_by_test_id("make-passkey"))
        await self.press(page.get_by_test_id("use-passkey"))
        await self._gone(page, "consent")
        self.credentials = (await keys.send("WebAuthn.getCredentials", device))["credentials"]

    # Behind the scenes

    def code(self, person: str) -> str:
        """What the demo phone shows."""
        screen = self.demo.phone.screen(person)
        assert screen is not None
        return screen.code

    def later(self, by: timedelta = timedelta(seconds=STEP_SECONDS)) -> None:
        """Let a moment pass for the bot and the phones, without a sweep."""
        self.demo.clock.advance(by)

    async def much_later(self, by: timedelta) -> None:
        """Let time pass at the provider too, still without a sweep."""
        await asyncio.to_thread(self.demo.provider.advance, by.total_seconds())
        self.later(by)

    async def audit(self, **filters: str) -> list[AuditRecord]:
        """What was written down."""
        found: Any = filters
        return await self.demo.core.outside.database.read(lambda tx: list(tx.audit.search(**found, limit=200)))

    async def token_of(self, person: str) -> bytes | None:
        """The sealed tokens that are kept for somebody."""

        def work(tx: Transaction) -> bytes | None:
            known = tx.persons.by_username(person)
            kept = None if known is None else tx.tokens.load(known.identity)
            return None if kept is None else kept[0]

        return await self.demo.core.outside.database.read(work)

    @asynccontextmanager
    async def listening_as_everybody(self) -> AsyncIterator[None]:
        """Hear everybody's stream, from the whole state on, as another page of theirs would."""
        config = json.loads(await self.page.locator("body").get_attribute("data-config") or "")
        begun = [asyncio.Event() for _ in config["people"]]
        listeners = [
            asyncio.create_task(self._listen(person["name"], config["token"], event))
            for person, event in zip(config["people"], begun, strict=True)
        ]
        try:
            async with asyncio.timeout(WAIT_MILLISECONDS / 1000):
                await asyncio.gather(*(event.wait() for event in begun))
            yield
        finally:
            for listener in listeners:
                listener.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)

    async def _listen(self, person: str, token: str, begun: asyncio.Event) -> None:
        address = f"{self.origin}/play/stream?person={person}"
        heard = self.heard.setdefault(person, [])
        async with (
            httpx.AsyncClient(timeout=None, trust_env=False) as client,  # noqa: S113 - it ends with the test
            client.stream("GET", address, headers={"x-doorward-demo": token}) as stream,
        ):
            async for line in stream.aiter_lines():
                heard.append(line)
                if line.startswith("data: "):
                    begun.set()


@asynccontextmanager
async def running_demo() -> AsyncIterator[tuple[str, Demo]]:
    """The demonstration, served on a free port."""
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with demo(load({}), port=port) as running:
        config = uvicorn.Config(running.app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listening]))
        try:
            # It is started beside the demonstration; a person needs longer for the first press than a test does.
            await asyncio.to_thread(running.provider.wait_ready)
            yield address(port), running
        finally:
            running.hub.close()
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving
            listening.close()
