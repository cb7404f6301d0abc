"""The hands of the attack kit: who walks which leg, in whose browser. `README.md` says how to run it on another bot."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import httpx2

from adapters.idp.demo.people import BY_USERNAME
from tests.fakes.openid_provider import FakeOpenIdProvider
from tests.fakes.slack_installation import PROVIDER, Installation
from tests.fakes.web_stage import Browser

ATTACKER, VICTIM = "U1JOHN", "U1MIA"
"""Full members of the workspace, both."""
COMPANY = {ATTACKER: "john", VICTIM: "mia"}
"""Their accounts at the company's provider."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """The bot under attack, between its chat platform and its providers."""

    doorward: Installation
    providers: dict[str, FakeOpenIdProvider]

    def subject(self, account: str) -> str:
        """The company account of a chat account's owner."""
        return BY_USERNAME[COMPANY[account]].subject

    async def take(self, browser: Browser, link: str, **fields: str) -> httpx2.Response:
        """Open a sign-in link and press its button: the answer leads to Slack, or is a refusal."""
        return await browser.press(await browser.get(link), **fields)

    async def slack_leg(self, browser: Browser, link: str, account: str) -> httpx2.Response:
        """Take a link, and come back from Slack as whoever this browser is there."""
        return await browser.get(await self.doorward.at_slack(await self.take(browser, link), account))

    def at_company(self, there: httpx2.Response, account: str, provider: str = PROVIDER) -> str:
        """The company's own page, where this person signs in; the path it sends the browser back to."""
        return f"/signin/callback/{provider}?{urlencode(self.answer(there, account, provider))}"

    def answer(self, there: httpx2.Response, account: str, provider: str = PROVIDER) -> dict[str, str]:
        """What the provider answers."""
        location = there.headers["location"]
        idp = self.providers[provider]
        assert location.startswith(f"{idp.transport_url}/authorize"), location
        return idp.authorize(location, subject=self.subject(account))

    async def naming_page(self, browser: Browser, link: str, account: str, company: str = "") -> httpx2.Response:
        """Both legs, up to the page that names both accounts."""
        there = await self.slack_leg(browser, link, account)
        return await browser.get(self.at_company(there, company or account))

    async def link(self, account: str) -> Browser:
        """What honest people do."""
        browser = self.doorward.browser()
        page = await self.naming_page(browser, await self.doorward.ask(account), account)
        done = await browser.press(page, decision="link")
        assert done.status_code == HTTPStatus.OK, done.text
        return browser

    async def refusals(self) -> list[str]:
        """The codes of the refused links, oldest first."""
        return [record.event.code for record in await self.doorward.audit("link.refused")]

    async def rejections(self) -> list[str]:
        """The codes of what was refused at the way in."""
        return [record.event.code for record in await self.doorward.audit("ingress.rejected")]

    async def assert_nothing_happened(self) -> None:
        """Nobody is linked, nobody has a session, and nobody got an answer."""
        assert [await self.doorward.linked(account) for account in (ATTACKER, VICTIM)] == [None, None]
        assert await self.doorward.audit("link.made") == []
        assert await self.doorward.audit("session.opened") == []
        assert not [message for message in self.doorward.slack.messages if "days of" in message.text]


def assert_refused(answer: httpx2.Response) -> None:
    """A refusal that leads nowhere, gives no session and says nothing of what was sent."""
    assert answer.status_code in {400, 401, 403, 404, 405}, answer.text
    assert "location" not in answer.headers
    assert "set-cookie" not in answer.headers
    for value in dict(part.partition("=")[::2] for part in answer.url.query.decode().split("&")).values():
        assert len(value) < 16 or value not in answer.text


def parts_of(path: str) -> dict[str, str]:
    """The query of a path."""
    return dict(part.partition("=")[::2] for part in urlsplit(path).query.split("&"))


def callback(platform: str, **query: str) -> str:
    """The way back from a chat platform."""
    return f"/signin/{platform}/callback?{urlencode(query)}"
