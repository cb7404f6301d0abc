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
from bot.bootstrap.core import Core, Outside, compose
from bot.bootstrap.limits import session_limits
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
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.settings.tree import Settings
from policy.cedar import load as load_policy
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate

PROVIDER = "demo"
PROVIDER_SECONDS = 4.5
"""Longer than a real provider gets: this one shares a small computer with a browser, and may still be starting."""
HR_CHANNEL = "hr-leave"
OWNER_CHANNEL = "doorward-owner"
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


@asynccontextmanager
async def _composed(settings: Settings, folder: Path, origin: str, provider: DemoProvider) -> AsyncIterator[Demo]:
    keys = Keyring.generate()
    url = f"sqlite:///{folder / 'doorward.db'}"
    await asyncio.to_thread(migrate, url)
    database = open_database(url, keys=keys)
    await database.write(lambda tx: tx.jobs.set_mark(DEMO_MARK, "yes"))
    clock, hub = DemoClock(), Hub()
    mint = GrantMint(keys.newest(Purpose.GRANT).secret)
    backend = DemoBackend(
        path=folder / "systems.db", clock=clock, verify=verifier(mint, clock), verify_facts=mint.verify_facts
    )
    people = [
        PlaygroundPerson(
            name=person.username,
            display_name=person.name,
            title=f"{TITLES[person.username]} · {person.department} {person.region.upper()}",
            subject=person.subject,
            password=PASSWORD,
        )
        for person in PEOPLE
    ]
    platform = PlaygroundPlatform(people=people, clock=clock, hub=hub)
    tracer, phone = PlaygroundTracer(people=people, hub=hub), DemoPhone(clock)
    sign_in = PlaygroundSignIn(origin=origin, redirect_uri=f"{origin}/signin/playground/callback", clock=clock)
    idp = OidcProvider(
        name=PROVIDER,
        kind="oidc",
        authority=provider.issuer,
        transport_url=provider.transport_url,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        deadline_seconds=PROVIDER_SECONDS,
        request_seconds=PROVIDER_SECONDS - 0.5,
    )
    core = compose(
        Outside(
            database=database,
            clock=clock,
            tracer=tracer,
            engine=load_policy(),
            mint=mint,
            systems=Systems(hr=backend.hr, crm=backend.crm),
            hr_facts=backend.facts,
            crm_facts=backend.facts,
            providers={PROVIDER: idp},
            platforms={Platform.PLAYGROUND: platform},
            chat_sign_ins={Platform.PLAYGROUND: sign_in},
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
    )
    ticker = Ticker(core.jobs)
    token = secrets.token_urlsafe(24)
    routes = playground_routes(
        platform=platform,
        hub=hub,
        ingress=core.ingress,
        clock=clock,
        tracer=tracer,
        phone=phone,
        sign_in=sign_in,
        provider=provider,
        token=token,
        origin=origin,
        after_hour=ticker.tick_all,
    )
    web = pages(
        core,
        development=True,
        providers={PROVIDER: "the demo company"},
        sign_in_origins=(origin, provider.transport_url),
        demo={"demo_phone": "/play/phone", "demo_token": token, "demo_scan_url": "/play/phone"},
    )
    app: ASGIApp = Starlette(
        routes=[*routes, *web.routes], middleware=web.middleware, exception_handlers=dict(web.handlers)
    )
    app = PersonCookies(app, cookies=web.cookies, people=[person.name for person in people])
    ticker.start()
    try:
        yield Demo(
            app=app,
            core=core,
            clock=clock,
            phone=phone,
            provider=provider,
            backend=backend,
            platform=platform,
            hub=hub,
            directory=folder,
        )
    finally:
        await ticker.stop()
        hub.close()
        await core.ingress.drain(5)
        await idp.close()
        await database.close()
        backend.close()


def _channel(name: str) -> Place:
    return Place(platform=Platform.PLAYGROUND, tenant=TENANT, conversation=name, kind=PlaceKind.CHANNEL)
