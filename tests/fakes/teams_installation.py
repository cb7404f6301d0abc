"""A whole installation as `doorward serve` composes it, with the fake Teams and Entra on its other side."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from adapters.idp.demo.people import BY_USERNAME
from adapters.teams.endpoint import PATH
from bot.bootstrap.production import Running, running
from bot.domain.audit import AuditRecord
from bot.domain.identity import ChannelIdentity
from bot.domain.session import Session
from bot.ports.clock import Clock
from bot.settings.tree import load
from storage.crypto import Keyring
from tests.fakes.database import empty_database
from tests.fakes.entra_server import AUTHORITY, COMPANY_APP, COMPANY_SECRET, RESOURCE, FakeEntra
from tests.fakes.patience import SETTLE_SECONDS
from tests.fakes.teams_app import identity
from tests.fakes.teams_server import (
    APP_ID,
    APP_PASSWORD,
    TENANT,
    Activity,
    Conversation,
    FakeTeams,
    Person,
)
from tests.fakes.web_stage import Browser

PROVIDER = "entra"
ASKED = "how many days of leave do I have?"
_LINK = re.compile(r"/signin/start\?ticket=[A-Za-z0-9_-]+")


@dataclass(kw_only=True)
class TeamsInstallation:
    """Doorward running, and what a test reaches it with."""

    origin: str
    teams: FakeTeams
    entra: FakeEntra
    running: Running
    _open: list[httpx2.AsyncClient] = field(default_factory=list)

    async def send(self, activity: Activity) -> httpx2.Response:
        """Deliver an activity as Teams does, and wait until what follows from it has happened."""
        answer = await self.deliver(activity)
        await self.settle()
        return answer

    async def deliver(self, activity: Activity) -> httpx2.Response:
        """Deliver an activity as Teams does."""
        transport = httpx2.ASGITransport(app=self.running.app)
        headers = {"authorization": f"Bearer {self.teams.token()}", "content-type": "application/json"}
        async with httpx2.AsyncClient(transport=transport, base_url=self.origin) as client:
            return await client.post(PATH, content=json.dumps(activity).encode(), headers=headers)

    async def settle(self) -> None:
        """Let everything under way end."""
        await self.running.core.ingress.drain(SETTLE_SECONDS)

    async def hear(self, person: Person, text: str = ASKED, room: Conversation | None = None) -> None:
        """Somebody types to the bot."""
        answer = await self.send(self.teams.typed(person, room or self.teams.personal(person), text))
        assert answer.status_code == 200, answer.text

    async def ask(self, person: Person, text: str = ASKED) -> str:
        """Type this to the bot; the path of the sign-in link it answers with."""
        await self.hear(person, text)
        return self.link_of(person)

    def link_of(self, person: Person) -> str:
        """The last sign-in link this person was sent."""
        found = [match for message in self.posted(person) if (match := _LINK.search(json.dumps(message)))]
        assert found, self.posted(person)
        return found[-1].group()

    def posted(self, person: Person) -> list[Activity]:
        """What stands in the personal chat."""
        return self.teams.posted(self.teams.personal(person))

    def said(self, person: Person) -> str:
        """Everything that stands in the personal chat."""
        return json.dumps(self.posted(person), ensure_ascii=False).replace("\\\\", "")

    async def exchange(self, person: Person, token: str, **fields: Any) -> httpx2.Response:
        """What the client of Teams sends by itself when it shows a sign-in card."""
        value = {"id": "exchange-1", "connectionName": "doorward", "token": token} | fields
        room = self.teams.personal(person)
        return await self.send(self.teams.invoke(person, room, "signin/tokenExchange", value))

    def browser(self, address: str = "203.0.113.7") -> Browser:
        """A new browser, at an address of its own."""
        transport = httpx2.ASGITransport(app=self.running.app, client=(address, 40_000))
        client = httpx2.AsyncClient(transport=transport, base_url=self.origin, headers={"accept": "text/html"})
        self._open.append(client)
        return Browser(client, self.origin)

    async def take(self, browser: Browser, link: str) -> httpx2.Response:
        """Open a sign-in link and press its button; the answer leads to Entra, or is a refusal."""
        return await browser.press(await browser.get(link))

    def back(self, there: httpx2.Response, person: Person) -> str:
        """Entra's own page, where this person signs in; the path it sends the browser back to."""
        location = there.headers["location"]
        assert location.startswith(self.entra.url), location
        answer = self.entra.authorize(location, person)
        where = httpx2.URL(location).params["redirect_uri"]
        return str(httpx2.URL(where, params=answer)).removeprefix(self.origin)

    async def chat_leg(self, browser: Browser, link: str, person: Person) -> httpx2.Response:
        """Take a link, and come back from Entra as this person."""
        return await browser.get(self.back(await self.take(browser, link), person))

    async def naming_page(self, browser: Browser, link: str, person: Person, company: Person) -> httpx2.Response:
        """Both legs, up to the page that names both accounts."""
        return await browser.get(self.back(await self.chat_leg(browser, link, person), company))

    async def link(self, person: Person) -> Browser:
        """What honest people do."""
        browser = self.browser()
        page = await self.naming_page(browser, await self.ask(person), person, person)
        done = await browser.press(page, decision="link")
        assert done.status_code == 200, done.text
        await self.settle()
        return browser

    async def linked(self, person: Person) -> str | None:
        """The subject this Teams account is linked to."""
        who = identity(person)
        link = await self.running.core.outside.database.read(lambda tx: tx.links.find(who))
        return None if link is None else str(link.identity.subject)

    async def session(self, person: Person) -> Session | None:
        """The session of a Teams account."""
        who: ChannelIdentity = identity(person)
        limits, now = self.running.core.outside.limits, self.running.core.outside.clock.now()
        standing = await self.running.core.outside.database.write(
            lambda tx: tx.sessions.use(who, now=now, limits=limits)
        )
        return standing.session

    async def audit(self, prefix: str = "") -> list[AuditRecord]:
        """Records by the beginning of their type, oldest first."""
        found = await self.running.core.outside.database.read(lambda tx: list(tx.audit.records()))
        return [record for record in found if record.event.type.startswith(prefix)]

    async def codes(self, prefix: str) -> list[str]:
        """The codes of those records."""
        return [record.event.code for record in await self.audit(prefix)]

    async def close(self) -> None:
        """Close the browsers."""
        for client in self._open:
            await client.aclose()


def company_record(person: Person) -> dict[str, Any]:
    """What the company's directory says of somebody, as Entra puts it into ID tokens by a claims mapping."""
    known = BY_USERNAME[person.name]
    return {
        "email": known.email,
        "roles": list(known.roles),
        "department": known.department,
        "region": known.region,
        "employee_number": known.employee_number,
    }


@asynccontextmanager
async def teams_installation(
    folder: Path, teams: FakeTeams, entra: FakeEntra, *, origin: str, clock: Clock | None = None, **more: str
) -> AsyncIterator[TeamsInstallation]:
    """Everything running; `more` are further settings, without their prefix."""
    await asyncio.to_thread(Keyring.generate().save, folder / "keys.json")
    await asyncio.to_thread((folder / "doorward.db").write_bytes, empty_database())
    entra.redirect_uris |= {f"{origin}/signin/teams/callback", f"{origin}/signin/callback/{PROVIDER}"}
    prefix = f"DOORWARD_IDPS__{PROVIDER.upper()}__"
    environ = {
        "DOORWARD_ENVIRONMENT": "development",
        "DOORWARD_PUBLIC_URL": origin,
        "DOORWARD_DATABASE_URL": f"sqlite:///{folder / 'doorward.db'}",
        "DOORWARD_KEYS__FILE": str(folder / "keys.json"),
        "DOORWARD_TEAMS__APP_ID": APP_ID,
        "DOORWARD_TEAMS__APP_PASSWORD": APP_PASSWORD,
        "DOORWARD_TEAMS__TENANT_IDS": TENANT,
        "DOORWARD_TEAMS__OPENID_METADATA_URL": teams.openid_metadata_url,
        "DOORWARD_TEAMS__TOKEN_URL": teams.token_url,
        "DOORWARD_TEAMS__ALLOWED_SERVICE_HOSTS": teams.host,
        "DOORWARD_TEAMS__LOGIN_URL": entra.url,
        "DOORWARD_TEAMS__SSO_RESOURCE": RESOURCE,
        f"{prefix}KIND": "entra",
        f"{prefix}AUTHORITY": AUTHORITY,
        f"{prefix}TRANSPORT_URL": entra.transport_url,
        f"{prefix}CLIENT_ID": COMPANY_APP,
        f"{prefix}CLIENT_SECRET": COMPANY_SECRET,
        f"{prefix}TENANT_IDS": TENANT,
    }
    environ |= {f"DOORWARD_{name}": value for name, value in more.items()}
    async with running(load(environ), clock=clock) as everything:
        made = TeamsInstallation(origin=origin, teams=teams, entra=entra, running=everything)
        try:
            yield made
        finally:
            await made.settle()
            await made.close()
