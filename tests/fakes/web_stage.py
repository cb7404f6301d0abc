"""Our pages with everything real behind them: core, storage, demo systems, an OpenID provider; browsers over ASGI."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from starlette.applications import Starlette

from adapters.connectors.demo.backend import DemoBackend
from adapters.idp.demo.people import BY_USERNAME, PEOPLE
from adapters.idp.oidc import OidcProvider
from adapters.passkeys import relying_party
from adapters.playground.people import PlaygroundPerson
from adapters.playground.platform import TENANT, PlaygroundPlatform
from adapters.playground.sign_in import PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.web.routes import web_site
from adapters.web.site import Check, Web
from bot.bootstrap.core import Core, compose
from bot.bootstrap.outside import Outside
from bot.bootstrap.pages import own_pages
from bot.capabilities.model import Systems
from bot.domain.assurance import FactorRules
from bot.domain.audit import AuditRecord
from bot.domain.cards import Card
from bot.domain.identity import ChannelIdentity, Issuer, LinkedIdentity, Platform, Subject
from bot.domain.messages import EventKind, IncomingMessage, Place, PlaceKind
from bot.domain.session import SessionLimits
from bot.domain.totp import code_at
from bot.ports.mail import Mail, NullMail
from bot.ports.trace import NullTracer
from bot.services import tickets
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.services.provider_step_up import StepUps
from policy.cedar import load as load_policy
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase
from tests.fakes.clock import FixedClock
from tests.fakes.openid_provider import CLIENT_ID, CLIENT_SECRET, FakeOpenIdProvider, fake_openid_provider
from tests.fakes.patience import PATIENT, SETTLE_SECONDS

HTTPS = "https://doorward.example"
PROVIDER = "corp"
AT_ONCE = FactorRules(delay=timedelta(0), first_on_password=True)
"""So that these journeys are about something else."""
_INPUT = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*?action="([^"]*)"')


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


@dataclass
class Browser:
    """One browser: a cookie jar at one address, that submits forms as a browser does."""

    client: httpx2.AsyncClient
    origin: str

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """Open an address, not following where it leads."""
        return await self.client.get(path, headers={"sec-fetch-site": "none", **headers})

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> httpx2.Response:
        """A form of a page of ours; a header set to an empty text is left out."""
        sent = {"sec-fetch-site": "same-origin", "origin": self.origin}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, data=dict(fields), headers={k: v for k, v in sent.items() if v})

    async def press(self, page: httpx2.Response, **fields: str) -> httpx2.Response:
        """Press a button of a page's form."""
        return await self.post(action_of(page), {**fields_of(page), **fields})

    @property
    def cookie(self) -> str | None:
        """The value of our cookie."""
        return next((cookie.value for cookie in self.client.cookies.jar if cookie.name.endswith("dw_session")), None)


def fields_of(page: httpx2.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return {name: unescape(value) for name, value in _INPUT.findall(page.text)}


def action_of(page: httpx2.Response) -> str:
    """Where a page's form goes."""
    found = _ACTION.search(page.text)
    assert found is not None, page.text
    return unescape(found.group(1))


def at_rest(folder: Path) -> bytes:
    """Everything the database has on disk, its log included."""
    return b"".join(path.read_bytes() for path in folder.glob("doorward.db*"))


@dataclass(kw_only=True)
class Stage:
    """Everything, and the hands to move it."""

    origin: str
    clock: FixedClock
    keys: Keyring
    database: SqliteDatabase | PostgresDatabase
    provider: FakeOpenIdProvider
    platform: PlaygroundPlatform
    chat_sign_in: PlaygroundSignIn
    core: Core
    backend: DemoBackend
    app: Starlette
    rejections: list[str]
    seeds: dict[str, str] = field(default_factory=dict)
    _browsers: list[httpx2.AsyncClient] = field(default_factory=list)
    _count: int = 0

    def browser(self, address: str = "203.0.113.7") -> Browser:
        """A new browser."""
        transport = httpx2.ASGITransport(app=self.app, client=(address, 40_000))
        client = httpx2.AsyncClient(transport=transport, base_url=self.origin)
        client.headers["accept"] = "text/html"
        self._browsers.append(client)
        return Browser(client, self.origin)

    async def close(self) -> None:
        """Close the browsers."""
        for client in self._browsers:
            await client.aclose()

    async def close_database(self) -> None:
        """Nothing can be read or written from now on."""
        await self.database.close()

    # Who

    @staticmethod
    def channel(person: str) -> ChannelIdentity:
        """A person's chat account."""
        return ChannelIdentity(platform=Platform.PLAYGROUND, tenant=TENANT, account=person)

    def identity(self, person: str) -> LinkedIdentity:
        """A person's company account."""
        return LinkedIdentity(issuer=Issuer(self.provider.issuer), subject=Subject(BY_USERNAME[person].subject))

    # Signing in

    async def offer(self, person: str) -> str:
        """A sign-in link, as chat shows it to this person."""
        channel, place = self.channel(person), self.platform.place(f"dm-{person}")
        return await self.database.write(lambda tx: tickets.offer(tx, channel, place, now=self.clock.now()))

    def at_chat(self, response: httpx2.Response, person: str) -> str:
        """The chat platform's own sign-in, by whoever this browser is there; the address it sends the browser to."""
        query = dict(parse_qsl(urlsplit(response.headers["location"]).query))
        back = self.chat_sign_in.grant(
            self.channel(person), state=query["state"], nonce=query["nonce"], redirect_uri=query["redirect_uri"]
        )
        return back.removeprefix(self.origin)

    def at_company(self, response: httpx2.Response, person: str) -> str:
        """The company's sign-in; the address it sends the browser to."""
        location = response.headers["location"]
        assert location.startswith(f"{self.provider.transport_url}/authorize"), location
        answer = self.provider.authorize(location, subject=BY_USERNAME[person].subject)
        return f"/signin/callback/{PROVIDER}?{urlencode(answer)}"

    async def to_naming_page(self, browser: Browser, person: str, company: str | None = None) -> httpx2.Response:
        """The whole way to the page that names both accounts."""
        begun = await browser.press(await browser.get(await self.offer(person)))
        there = await browser.get(self.at_chat(begun, person))
        return await browser.get(self.at_company(there, company or person))

    async def link(self, browser: Browser, person: str) -> httpx2.Response:
        """A chat account and a company account joined, and a browser signed in."""
        return await browser.press(await self.to_naming_page(browser, person), decision="link")

    async def sign_in(self, browser: Browser, person: str, following: str = "/enrol") -> httpx2.Response:
        """A company sign-in alone, from a page of ours."""
        begun = await browser.press(await browser.get(following))
        return await browser.get(self.at_company(begun, person))

    # Chat

    async def say(self, person: str, text: str) -> None:
        """Type something to the bot, and wait until it has answered."""
        self._count += 1
        message = IncomingMessage(
            event_id=f"said-{self._count}",
            kind=EventKind.MESSAGE,
            who=self.channel(person),
            place=self.platform.place(f"dm-{person}"),
            received_at=self.clock.now(),
            text=text,
        )
        await self.core.ingress.accept(message)
        await self.core.ingress.drain(SETTLE_SECONDS)

    async def press(self, person: str, label: str) -> None:
        """Press the latest button whose label begins so."""
        await self.press_handle(person, self.handles(person, label)[-1])

    def handles(self, person: str, label: str) -> list[str]:
        """What lies under the buttons whose label begins so, oldest first."""
        actions = [action for card in self.cards(person) for action in card.actions]
        return [action.handle for action in actions if action.label.startswith(label)]

    async def press_handle(self, person: str, handle: str) -> None:
        """A press in this person's direct conversation, with whatever handle."""
        self._count += 1
        message = IncomingMessage(
            event_id=f"pressed-{self._count}",
            kind=EventKind.PRESS,
            who=self.channel(person),
            place=self.platform.place(f"dm-{person}"),
            received_at=self.clock.now(),
            handle=handle,
        )
        await self.core.ingress.accept(message)
        await self.core.ingress.drain(SETTLE_SECONDS)

    def cards(self, person: str) -> list[Card]:
        """What the bot posted to a person, oldest first."""
        return [post.card for post in self.platform.posts(person) if post.card is not None]

    def link_on_card(self, person: str) -> str:
        """The address behind the last link the bot gave this person."""
        urls = [action.url for card in self.cards(person) for action in card.actions if action.url]
        return urls[-1].removeprefix(self.origin)

    async def payslip_page(self, person: str) -> str:
        """The consent page for one's own payslip."""
        await self.say(person, "my payslip")
        return self.link_on_card(person)

    # The second factor

    async def enrol(self, browser: Browser, person: str) -> None:
        """An authenticator set up on its own page; the code is used up when this returns."""
        shown = await browser.press(await browser.get("/enrol"))
        self.keep_seed(person, shown)
        done = await browser.press(shown, code=self.code(person), decision="yes")
        assert done.status_code == 200, done.text
        self.clock.advance(seconds=30)

    def keep_seed(self, person: str, page: httpx2.Response) -> None:
        """Scan the key of an enrolment page."""
        found = re.search(r'data-value="([A-Z2-7]+)"', page.text)
        assert found is not None, page.text
        self.seeds[person] = found.group(1)

    def code(self, person: str) -> str:
        """What this person's app shows now."""
        return code_at(self.seeds[person], self.clock.now())

    def wrong_code(self, person: str) -> str:
        """A code of right form that no step of the window has."""
        near = {code_at(self.seeds[person], self.clock.now() + timedelta(seconds=s)) for s in (-60, -30, 0, 30, 60)}
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)

    # What was written down

    async def audit(self, prefix: str = "") -> list[AuditRecord]:
        """Records by the beginning of their type, oldest first."""
        found = await self.database.read(lambda tx: list(tx.audit.records()))
        return [record for record in found if record.event.type.startswith(prefix)]


@asynccontextmanager
async def web_stage(
    folder: Path,
    clock: FixedClock,
    *,
    origin: str = HTTPS,
    development: bool = False,
    checks: Mapping[str, Check] | None = None,
    demo: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    mail: Mail | None = None,
    step_ups: StepUps | None = None,
    policies: Path | None = None,
    hr_channel: bool = True,
) -> AsyncIterator[Stage]:
    """A stage on SQLite; everything of it ends with the context."""
    path = folder / "doorward.db"
    path.write_bytes(_empty_database())
    keys = Keyring.generate()
    database = open_database(f"sqlite:///{path}", keys=keys)
    mint = GrantMint(keys.newest(Purpose.GRANT).secret)
    backend = DemoBackend(path=None, clock=clock, verify=verifier(mint, clock), verify_facts=mint.verify_facts)
    people = [
        PlaygroundPerson(name=person.username, display_name=person.name, title="", subject=person.subject)
        for person in PEOPLE
    ]
    platform = PlaygroundPlatform(people=people, clock=clock, hub=Hub())
    chat_sign_in = PlaygroundSignIn(origin=origin, redirect_uri=f"{origin}/signin/playground/callback", clock=clock)
    rejections: list[str] = []

    async def rejected(code: str) -> None:
        rejections.append(code)

    with fake_openid_provider(clock) as provider:
        provider.manners.claims = directory
        identity = OidcProvider(
            name=PROVIDER,
            kind="oidc",
            authority=provider.authority,
            transport_url=provider.transport_url,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            deadline_seconds=SETTLE_SECONDS,
            request_seconds=SETTLE_SECONDS,
        )
        limits = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=24))
        core = compose(
            Outside(
                database=database,
                clock=clock,
                tracer=NullTracer(),
                engine=load_policy() if policies is None else load_policy(policies),
                mint=mint,
                systems=Systems(hr=backend.hr, crm=backend.crm),
                hr_facts=backend.facts,
                crm_facts=backend.facts,
                providers={PROVIDER: identity},
                platforms={Platform.PLAYGROUND: platform},
                chat_sign_ins={Platform.PLAYGROUND: chat_sign_in},
                limits=limits,
                routes=Routes(hr={Platform.PLAYGROUND: _hr_channel()} if hr_channel else {}),
                public_url=origin,
                csrf_key=keys.newest(Purpose.CSRF).secret,
                mail=mail or NullMail(),
                webauthn=relying_party(origin),
                step_ups=step_ups or {},
                replies=PATIENT,
            )
        )
        web = Web(
            mail=mail or NullMail(),
            database=database,
            clock=clock,
            linking=core.linking,
            limits=limits,
            public_url=origin,
            development=development,
            csrf_key=keys.newest(Purpose.CSRF).secret,
            webauthn=relying_party(origin),
            step_ups=step_ups or {},
            providers={PROVIDER: "Corp"},
            resume=core.ingress.resume,
            rejected=rejected,
            own_changes=core.own_changes,
            may=own_pages(core),
            sign_in_origins=(provider.transport_url,),
            checks=checks or {},
            factor_rules=AT_ONCE,
            demo=demo or {},
        )
        site = web_site(replace(web, **(extra or {})))
        app = Starlette(routes=site.routes, middleware=site.middleware, exception_handlers=dict(site.handlers))
        stage = Stage(
            origin=origin,
            clock=clock,
            keys=keys,
            database=database,
            provider=provider,
            platform=platform,
            chat_sign_in=chat_sign_in,
            core=core,
            backend=backend,
            app=app,
            rejections=rejections,
        )
        try:
            yield stage
        finally:
            await stage.close()
            await core.ingress.drain(SETTLE_SECONDS)
            await identity.close()
            await database.close()
            backend.close()


def _hr_channel() -> Place:
    return Place(platform=Platform.PLAYGROUND, tenant=TENANT, conversation="hr-leave", kind=PlaceKind.CHANNEL)


def directory(claims: dict[str, Any]) -> dict[str, Any]:
    """What this company's directory says of each account."""
    person = next(person for person in PEOPLE if person.subject == claims["sub"])
    return claims | {
        "preferred_username": person.username,
        "name": person.name,
        "email": person.email,
        "roles": list(person.roles),
        "department": person.department,
        "region": person.region,
        "employee_number": person.employee_number,
    }
