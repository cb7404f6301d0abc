"""Composes the demonstration: embedded database, demo systems, a real provider beside it, and the playground."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp

from adapters.connectors.demo.backend import DemoBackend
from adapters.idp.demo.people import PASSWORD, PEOPLE
from adapters.idp.demo_provider import DemoProvider
from adapters.idp.oidc import OidcProvider
from adapters.passkeys import relying_party
from adapters.playground.clock import DemoClock
from adapters.playground.people import PersonCookies, PlaygroundPerson
from adapters.playground.phone import DemoPhone
from adapters.playground.platform import TENANT, PlaygroundPlatform
from adapters.playground.routes import playground_routes
from adapters.playground.sign_in import PlaygroundSignIn
from adapters.playground.stream import Hub
from adapters.playground.tracer import PlaygroundTracer
from adapters.scheduler import Ticker
from bot.bootstrap.core import Core, compose
from bot.bootstrap.limits import session_limits
from bot.bootstrap.outside import Outside
from bot.bootstrap.pages import pages
from bot.bootstrap.refusals import DEMO_MARK, refuse_real_parts
from bot.bootstrap.shell_settings import chosen
from bot.bootstrap.shell_setup import rollout
from bot.capabilities.model import Systems
from bot.domain.assurance import FactorRules
from bot.domain.identity import Platform
from bot.domain.messages import Place, PlaceKind
from bot.domain.notice import ALWAYS
from bot.domain.owner import Owner
from bot.ports.database import Database
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.settings.tree import Settings
from policy.cedar import load as load_policy
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate
from storage.postgres import PostgresDatabase
from storage.sqlite import SqliteDatabase

PROVIDER = "demo"
PROVIDER_SECONDS = 4.5
"""Longer than a real provider gets: this one shares a small computer with a browser, and may still be starting."""
HR_CHANNEL = "hr-leave"
OWNER_CHANNEL = "doorward-owner"
ZONES = {"eu": "Europe/Berlin", "us": "America/New_York"}
"""Of people's chat profiles, by region: their cards and the page tell times in them."""
TITLES = {
    "john": "employee",
    "mia": "line manager",
    "sarah": "HR manager",
    "sue": "support",
    "raj": "administrator",
    "ada": "auditor",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """The running demonstration."""

    app: ASGIApp
    core: Core
    clock: DemoClock
    phone: DemoPhone
    provider: DemoProvider
    backend: DemoBackend
    platform: PlaygroundPlatform
    hub: Hub
    directory: Path


def address(port: int) -> str:
    """Where browsers find the demonstration: a name, since a number is no relying party (WebAuthn §5.1.2)."""
    return f"http://localhost:{port}"


@asynccontextmanager
async def demo(settings: Settings, *, port: int, directory: Path | None = None) -> AsyncIterator[Demo]:
    """Start everything of the demonstration but the web server; everything ends with the context.

    Raises `Misconfigured`, `ProviderUnavailable`.
    """
    refuse_real_parts(settings)
    with tempfile.TemporaryDirectory(prefix="doorward-demo-") as temporary:
        folder = directory or Path(temporary)
        origin = address(port)
        provider = await asyncio.to_thread(
            DemoProvider.start, redirect_uris=[f"{origin}/signin/callback/{PROVIDER}"], wait=False
        )
        try:
            async with _composed(settings, folder, origin, provider) as running:
                yield running
        finally:
            await asyncio.to_thread(provider.stop)


class _Stage:
    """What only a demonstration has: people, their chat platform, its sign-in, phones, clock and trace."""

    def __init__(self, origin: str) -> None:
        self.clock, self.hub = DemoClock(), Hub()
        self.people = [
            PlaygroundPerson(
                name=person.username,
                display_name=person.name,
                title=f"{TITLES[person.username]} · {person.department} {person.region.upper()}",
                subject=person.subject,
                timezone=ZONES.get(person.region, ZONES["eu"]),
                password=PASSWORD,
            )
            for person in PEOPLE
        ]
        self.platform = PlaygroundPlatform(people=self.people, clock=self.clock, hub=self.hub)
        self.tracer, self.phone = PlaygroundTracer(people=self.people, hub=self.hub), DemoPhone(self.clock)
        self.sign_in = PlaygroundSignIn(
            origin=origin, redirect_uri=f"{origin}/signin/playground/callback", clock=self.clock
        )
        self.token = secrets.token_urlsafe(24)


@asynccontextmanager
async def _composed(settings: Settings, folder: Path, origin: str, provider: DemoProvider) -> AsyncIterator[Demo]:
    keys, stage, idp = Keyring.generate(), _Stage(origin), _identity_provider(provider)
    database = await _database(folder, keys)
    mint = GrantMint(keys.newest(Purpose.GRANT).secret)
    backend = DemoBackend(
        path=folder / "systems.db",
        clock=stage.clock,
        verify=verifier(mint, stage.clock),
        verify_facts=mint.verify_facts,
    )
    core = compose(_outside(settings, origin, stage, database, keys, mint, backend, idp))
    ticker = Ticker(core.jobs)
    app = _application(core, stage, provider, origin, ticker)
    ticker.start()
    try:
        yield Demo(
            app=app,
            core=core,
            clock=stage.clock,
            phone=stage.phone,
            provider=provider,
            backend=backend,
            platform=stage.platform,
            hub=stage.hub,
            directory=folder,
        )
    finally:
        await ticker.stop()
        stage.hub.close()
        await core.ingress.drain(5)
        await idp.close()
        await database.close()
        backend.close()


async def _database(folder: Path, keys: Keyring) -> SqliteDatabase | PostgresDatabase:
    """A database of its own, marked: `serve` refuses it."""
    url = f"sqlite:///{folder / 'doorward.db'}"
    await asyncio.to_thread(migrate, url)
    database = open_database(url, keys=keys)
    await database.write(lambda tx: tx.jobs.set_mark(DEMO_MARK, "yes"))
    return database


def _identity_provider(provider: DemoProvider) -> OidcProvider:
    return OidcProvider(
        name=PROVIDER,
        kind="oidc",
        authority=provider.issuer,
        transport_url=provider.transport_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        deadline_seconds=PROVIDER_SECONDS,
        request_seconds=PROVIDER_SECONDS - 0.5,
    )


def _outside(
    settings: Settings,
    origin: str,
    stage: _Stage,
    database: Database,
    keys: Keyring,
    mint: GrantMint,
    backend: DemoBackend,
    idp: OidcProvider,
) -> Outside:
    return Outside(
        database=database,
        clock=stage.clock,
        tracer=stage.tracer,
        engine=load_policy(),
        mint=mint,
        systems=Systems(hr=backend.hr, crm=backend.crm),
        hr_facts=backend.facts,
        crm_facts=backend.facts,
        providers={PROVIDER: idp},
        platforms={Platform.PLAYGROUND: stage.platform},
        chat_sign_ins={Platform.PLAYGROUND: stage.sign_in},
        limits=session_limits(settings.session),
        routes=Routes(hr={Platform.PLAYGROUND: _channel(HR_CHANNEL)}),
        public_url=origin,
        csrf_key=keys.newest(Purpose.CSRF).secret,
        webauthn=relying_party(origin),
        rollout=rollout(settings),
        hours=ALWAYS,
        owner=Owner(place=_channel(OWNER_CHANNEL)),
        settings_shown=lambda: chosen(settings),
        factor_rules=FactorRules(delay=timedelta(0), first_on_password=True),
    )


def _application(core: Core, stage: _Stage, provider: DemoProvider, origin: str, ticker: Ticker) -> ASGIApp:
    """The playground and our pages, in one application."""
    routes = playground_routes(
        platform=stage.platform,
        hub=stage.hub,
        ingress=core.ingress,
        clock=stage.clock,
        tracer=stage.tracer,
        phone=stage.phone,
        sign_in=stage.sign_in,
        provider=provider,
        token=stage.token,
        origin=origin,
        after_hour=ticker.tick_all,
    )
    web = pages(
        core,
        development=True,
        providers={PROVIDER: "the demo company"},
        sign_in_origins=(origin, provider.transport_url),
        demo={"demo_phone": "/play/phone", "demo_token": stage.token, "demo_scan_url": "/play/phone"},
    )
    app = Starlette(routes=[*routes, *web.routes], middleware=web.middleware, exception_handlers=dict(web.handlers))
    return PersonCookies(app, cookies=web.cookies, people=[person.name for person in stage.people])


def _channel(name: str) -> Place:
    return Place(platform=Platform.PLAYGROUND, tenant=TENANT, conversation=name, kind=PlaceKind.CHANNEL)
