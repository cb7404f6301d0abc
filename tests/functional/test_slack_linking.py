"""From a sentence in Slack to its answer there, over both sign-ins: the real composition, served, in a real browser."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx2
import pytest
import uvicorn
from playwright.async_api import Page

from adapters.idp.demo.people import BY_USERNAME, PASSWORD
from adapters.idp.demo_provider import DemoProvider
from bot.bootstrap.outside import SystemClock
from bot.bootstrap.serving import listen
from tests.fakes.slack_installation import PROVIDER, Installation, Registration, installation
from tests.fakes.slack_server import FakeSlack
from tests.fakes.web_stage import action_of, fields_of

QUESTION = "how many days of leave do I have?"
STEPS_AT_MOST = 12
_CSRF = re.compile(r'<input[^>]*?name="csrf_token"[^>]*?value="([^"]*)"')


@dataclass
class Served:
    """Everything running, each part at its own address."""

    doorward: Installation
    provider: DemoProvider

    @property
    def slack(self) -> FakeSlack:
        """The workspace."""
        return self.doorward.slack

    async def say(self, account: str, text: str) -> None:
        """A signed request of Slack's, over the wire."""
        async with httpx2.AsyncClient(base_url=self.doorward.origin, trust_env=False) as client:
            answers = await self.slack.deliver(client, self.slack.typed(account, text))
        assert answers[-1].status_code == 200
        await self.doorward.running.core.ingress.drain(10)


@asynccontextmanager
async def _serving(doorward: Installation, listener: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(doorward.running.app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    """Doorward, the company's provider and Slack, on loopback."""
    clock = SystemClock()
    with listen("127.0.0.1", 0) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        provider = await asyncio.to_thread(DemoProvider.start, redirect_uris=[f"{origin}/signin/callback/{PROVIDER}"])
        registration = Registration(
            authority=provider.issuer,
            transport_url=provider.transport_url,
            client_id=provider.client_id,
            client_secret=provider.client_secret,
        )
        try:
            async with (
                FakeSlack(now=clock.now).running() as slack,
                installation(tmp_path, slack, {PROVIDER: registration}, origin=origin) as doorward,
                _serving(doorward, listener),
            ):
                slack.join("U1JOHN", real_name="John Carver")
                yield Served(doorward, provider)
        finally:
            await asyncio.to_thread(provider.stop)


async def _walk(browser: httpx2.AsyncClient, answer: httpx2.Response) -> httpx2.Response:
    """Follow where a browser is sent, and fill in the provider's pages, until a page of ours."""
    for _ in range(STEPS_AT_MOST):
        if answer.is_redirect:
            answer = await browser.get(urljoin(str(answer.url), answer.headers["location"]))
            continue
        form = _CSRF.search(answer.text) if 'name="password"' in answer.text else None
        if form is None:
            return answer
        answer = await browser.post(answer.url, data={"csrf_token": unescape(form[1]), "password": PASSWORD})
    raise AssertionError(f"the browser goes round and round at {answer.url}")


async def _press(browser: httpx2.AsyncClient, page: httpx2.Response, **fields: str) -> httpx2.Response:
    target = urljoin(str(page.url), action_of(page))
    return await browser.post(target, data={**fields_of(page), **fields}, headers={"sec-fetch-site": "same-origin"})


def _said(served: Served, account: str) -> list[str]:
    return [message.text for message in served.slack.seen_by(account)]


async def test_a_question_in_slack_is_answered_there_after_both_sign_ins(served: Served) -> None:
    await served.say("U1JOHN", QUESTION)
    offer = served.slack.seen_by("U1JOHN")[-1]
    link = served.doorward.link_in(offer)
    assert served.slack.called("chat.postMessage")[-1]["channel"] == "D1JOHN", "only that person sees the link"
    async with httpx2.AsyncClient(base_url=served.doorward.origin, trust_env=False) as browser:
        browser.headers["accept"] = "text/html"
        browser.cookies.set("demo_person", "john", domain="localhost.local", path="/")
        await browser.get(f"{served.slack.base_url}/signin/U1JOHN")
        first = await browser.get(link)
        assert "John Carver" in first.text
        assert "company, Slack" in first.text
        both = await _walk(browser, await _press(browser, first))
        assert "Are both of these you?" in both.text
        assert both.text.count("John Carver") >= 2, "the chat account and the company account, by their names"
        assert await served.doorward.linked("U1JOHN") is None
        done = await _press(browser, both, decision="link")
        assert done.status_code == 200, done.text
        assert "slack://open?team=T0COMPANY" in done.text
    assert await served.doorward.linked("U1JOHN") == BY_USERNAME["john"].subject
    assert any("days of" in text for text in _said(served, "U1JOHN")), _said(served, "U1JOHN")
    await served.say("U1JOHN", QUESTION)
    assert sum("days of" in text for text in _said(served, "U1JOHN")) == 2, "the next question is answered at once"


async def test_a_browser_that_keeps_to_its_policy_walks_it_too(served: Served, page: Page) -> None:
    await served.say("U1JOHN", QUESTION)
    link = served.doorward.link_in(served.slack.seen_by("U1JOHN")[-1])
    await page.context.add_cookies([{"name": "demo_person", "value": "john", "domain": "localhost", "path": "/"}])
    await page.goto(f"{served.slack.base_url}/signin/U1JOHN")
    await page.goto(served.doorward.origin + link)
    await page.get_by_test_id("sign-in-submit").click()
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.locator("input[name=password]").press("Enter")
    await page.get_by_test_id("link").click()
    await page.get_by_text("John Carver").first.wait_for()
    assert await served.doorward.linked("U1JOHN") == BY_USERNAME["john"].subject
    assert any("days of" in text for text in _said(served, "U1JOHN"))
