"""A whole installation as `doorward serve` composes it, from settings, with the fake Slack on its other side."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx2

from bot.bootstrap.production import Running, running
from bot.domain.audit import AuditRecord
from bot.domain.identity import ChannelIdentity, Platform
from bot.ports.clock import Clock
from bot.settings.tree import load
from storage.crypto import Keyring
from tests.fakes.database import empty_database
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.slack_openid import CLIENT_ID, CLIENT_SECRET, SESSION
from tests.fakes.slack_server import SIGNING_SECRET, FakeSlack
from tests.fakes.slack_workspace import APP, BOT_TOKEN, TEAM, Message
from tests.fakes.web_stage import Browser

PROVIDER, OTHER_PROVIDER = "corp", "partner"
_LINK = re.compile(r"/signin/start\?ticket=[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Our registration at an OpenID provider."""

    authority: str
    transport_url: str
    client_id: str
    client_secret: str

    def environ(self, name: str) -> dict[str, str]:
        """The settings of it."""
        prefix = f"DOORWARD_IDPS__{name.upper()}__"
        return {
            f"{prefix}AUTHORITY": self.authority,
            f"{prefix}TRANSPORT_URL": self.transport_url,
            f"{prefix}CLIENT_ID": self.client_id,
            f"{prefix}CLIENT_SECRET": self.client_secret,
        }


@dataclass(kw_only=True)
class Installation:
    """Doorward running, and what a test reaches it with."""

    origin: str
    slack: FakeSlack
    running: Running
    _open: list[httpx2.AsyncClient] = field(default_factory=list)

    async def ask(self, account: str, text: str = "how many days of leave do I have?") -> str:
        """Type this to the bot; the path of the sign-in link it answers with."""
        await self.hear(account, text)
        return self.link_in(self.slack.seen_by(account)[-1])

    async def hear(self, account: str, text: str) -> None:
        """Type this to the bot, by a signed request, and wait until it is answered."""
        body, content_type = self.slack.request(self.slack.typed(account, text))
        transport = httpx2.ASGITransport(app=self.running.app)
        async with httpx2.AsyncClient(transport=transport, base_url=self.origin) as client:
            answer = await client.post("/slack/events", content=body, headers=self.slack.signed(body, content_type))
        assert answer.status_code == 200, answer.text
        await self.running.core.ingress.drain(SETTLE_SECONDS)

    @staticmethod
    def link_in(message: Message) -> str:
        """The sign-in link of a message."""
        found = [match for button in message.buttons() if (match := _LINK.search(button.get("url", "")))]
        assert found, f"no sign-in link in {message.text!r}"
        return found[-1].group()

    def browser(self, address: str = "203.0.113.7") -> Browser:
        """A new browser, at an address of its own."""
        transport = httpx2.ASGITransport(app=self.running.app, client=(address, 40_000))
        client = httpx2.AsyncClient(transport=transport, base_url=self.origin, headers={"accept": "text/html"})
        self._open.append(client)
        return Browser(client, self.origin)

    async def at_slack(self, begun: httpx2.Response, account: str) -> str:
        """Slack's own page in a browser that is signed in to Slack as this account; the path it sends it back to."""
        async with httpx2.AsyncClient(cookies={SESSION: account}, trust_env=False) as browser:
            answer = await browser.get(begun.headers["location"])
        assert answer.status_code == 302, answer.text
        back: str = answer.headers["location"]
        return back.removeprefix(self.origin)

    @staticmethod
    def channel(account: str, tenant: str = TEAM) -> ChannelIdentity:
        """A Slack account as Doorward knows it."""
        return ChannelIdentity(platform=Platform.SLACK, tenant=tenant, account=account)

    async def linked(self, account: str) -> str | None:
        """The company account this Slack account is linked to."""
        database, who = self.running.core.outside.database, self.channel(account)
        link = await database.read(lambda tx: tx.links.find(who))
        return None if link is None else str(link.identity.subject)

    async def audit(self, prefix: str = "") -> list[AuditRecord]:
        """Records by the beginning of their type, oldest first."""
        found = await self.running.core.outside.database.read(lambda tx: list(tx.audit.records()))
        return [record for record in found if record.event.type.startswith(prefix)]

    async def close(self) -> None:
        """Close the browsers."""
        for client in self._open:
            await client.aclose()


def query_of(response: httpx2.Response) -> dict[str, str]:
    """The query of where a response leads."""
    return dict(parse_qsl(urlsplit(response.headers["location"]).query))


@asynccontextmanager
async def installation(
    folder: Path,
    slack: FakeSlack,
    registrations: dict[str, Registration],
    *,
    origin: str,
    clock: Clock | None = None,
    **more: str,
) -> AsyncIterator[Installation]:
    """Everything running; `more` are further settings, without their prefix."""
    await asyncio.to_thread(Keyring.generate().save, folder / "keys.json")
    await asyncio.to_thread((folder / "doorward.db").write_bytes, empty_database())
    slack.openid.redirect_uris.add(f"{origin}/signin/slack/callback")
    environ = {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_PUBLIC_URL": origin,
        "DOORWARD_DATABASE_URL": f"sqlite:///{folder / 'doorward.db'}",
        "DOORWARD_KEYS__FILE": str(folder / "keys.json"),
        "DOORWARD_SLACK__SIGNING_SECRET": SIGNING_SECRET,
        "DOORWARD_SLACK__BOT_TOKEN": BOT_TOKEN,
        "DOORWARD_SLACK__TEAM_IDS": TEAM,
        "DOORWARD_SLACK__APP_ID": APP,
        "DOORWARD_SLACK__CLIENT_ID": CLIENT_ID,
        "DOORWARD_SLACK__CLIENT_SECRET": CLIENT_SECRET,
        "DOORWARD_SLACK__API_BASE_URL": slack.api_base_url,
    }
    for name, registration in registrations.items():
        environ |= registration.environ(name)
    environ |= {f"DOORWARD_{name}": value for name, value in more.items()}
    async with running(load(environ), clock=clock) as everything:
        made = Installation(origin=origin, slack=slack, running=everything)
        try:
            yield made
        finally:
            await made.close()
