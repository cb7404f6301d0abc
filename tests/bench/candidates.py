"""What is compared: bots that verify a signed event and post one reply, put together as their documentation does."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization.async_authorize import AsyncInstallationStoreAuthorize
from slack_sdk.oauth.installation_store import FileInstallationStore, Installation
from slack_sdk.oauth.installation_store.async_cacheable_installation_store import AsyncCacheableInstallationStore
from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.sqlite3 import SQLite3InstallationStore
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.connectors.demo.backend import DemoBackend
from adapters.idp.demo.people import BY_USERNAME
from adapters.slack.app import SlackApp
from adapters.slack.config import Phrases, SigningSecret, SlackConfig
from adapters.slack.endpoint import slack_routes
from adapters.slack.platform import OneToken, SlackPlatform
from adapters.slack.web_api import WebApi
from bot.bootstrap.core import Core, compose
from bot.bootstrap.outside import Outside, SystemClock
from bot.bootstrap.pages import pages
from bot.capabilities.model import Systems
from bot.domain.identity import ChannelIdentity, Issuer, Link, LinkedIdentity, Platform, Subject
from bot.domain.secret import Secret
from bot.domain.session import SessionLimits
from bot.ports.database import Transaction
from bot.ports.identity_provider import SignIn, VerifiedClaims
from bot.ports.trace import NullTracer
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.services.sessions import open_session, remember_person
from policy.cedar import load
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate
from tests.bench.events import ACCOUNTS, account
from tests.bench.hung import HungSystem
from tests.fakes.slack_server import SIGNING_SECRET
from tests.fakes.slack_workspace import APP, BOT_ID, BOT_TOKEN, BOT_USER, TEAM

CLIENT = "bench-client"
ISSUER = "https://id.example"
ANSWER = "You have 14 days of leave left."
LIMITS = SessionLimits(idle=timedelta(hours=1), absolute=timedelta(hours=12))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a candidate is given: Slack's address and a directory of its own on disk."""

    api: str
    directory: Path


Made = AbstractAsyncContextManager[Starlette]


@asynccontextmanager
async def bare(given: Surroundings) -> AsyncIterator[Starlette]:
    """One workspace, its token in memory."""
    yield _bolt(AsyncApp(signing_secret=SIGNING_SECRET, client=_client(given, token=BOT_TOKEN)))


@asynccontextmanager
async def bare_one_session(given: Surroundings) -> AsyncIterator[Starlette]:
    """As bare, with one HTTP session kept: what receiving, dispatching and posting cost by themselves."""
    async with aiohttp.ClientSession() as session:
        client = _client(given, token=BOT_TOKEN, session=session)
        yield _bolt(AsyncApp(signing_secret=SIGNING_SECRET, client=client))


@asynccontextmanager
async def file_store(given: Surroundings) -> AsyncIterator[Starlette]:
    """What `AsyncOAuthSettings` takes when no store is named."""
    yield _bolt(_multi(given, await _installed(_files(given))))


@asynccontextmanager
async def store(given: Surroundings) -> AsyncIterator[Starlette]:
    """The SQLite installation store; `cache_enabled` is off by default."""
    yield _bolt(_multi(given, await _installed(_rows(given))))


@asynccontextmanager
async def cached(given: Surroundings) -> AsyncIterator[Starlette]:
    """The same with the store's cache and the authorisation's cache."""
    installations = AsyncCacheableInstallationStore(await _installed(_rows(given)))
    yield _bolt(_multi(given, installations, cache_enabled=True))


@asynccontextmanager
async def store_one_session(given: Surroundings) -> AsyncIterator[Starlette]:
    """The store uncached, and one HTTP session kept: Bolt opens a connection for each call by default."""
    async with aiohttp.ClientSession() as session:
        yield _bolt(_multi(given, await _installed(_rows(given)), session=session))


def _client(given: Surroundings, **values: Any) -> AsyncWebClient:
    return AsyncWebClient(base_url=given.api, **values)


def _multi(
    given: Surroundings,
    installations: AsyncInstallationStore,
    *,
    cache_enabled: bool = False,
    session: aiohttp.ClientSession | None = None,
) -> AsyncApp:
    client = _client(given, session=session)
    authorize = AsyncInstallationStoreAuthorize(
        logger=logging.getLogger("bench"),
        client_id=CLIENT,
        client_secret="made-up",
        installation_store=installations,
        cache_enabled=cache_enabled,
        client=client,
    )
    return AsyncApp(signing_secret=SIGNING_SECRET, client=client, authorize=authorize)  # type: ignore[arg-type]  # Bolt takes its own


def _files(given: Surroundings) -> AsyncInstallationStore:
    return FileInstallationStore(base_dir=str(given.directory / "installations"), client_id=CLIENT)


def _rows(given: Surroundings) -> AsyncInstallationStore:
    return SQLite3InstallationStore(database=str(given.directory / "installations.db"), client_id=CLIENT)


async def _installed(installations: AsyncInstallationStore) -> AsyncInstallationStore:
    await installations.async_save(
        Installation(
            app_id=APP,
            team_id=TEAM,
            bot_token=BOT_TOKEN,
            bot_id=BOT_ID,
            bot_user_id=BOT_USER,
            bot_scopes="chat:write,im:history",
            user_id="U0ADMIN",
        )
    )
    return installations


def _bolt(app: AsyncApp) -> Starlette:
    @app.event("message")
    async def answer(say: Callable[..., Any]) -> None:
        await say(ANSWER)

    handler = AsyncSlackRequestHandler(app)

    async def endpoint(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", endpoint, methods=["POST"])])


@asynccontextmanager
async def doorward(given: Surroundings) -> AsyncIterator[Starlette]:
    """The guarded message: our endpoint, core, stores on SQLite synchronous=FULL, and the real policies."""
    async with _doorward(given, hung=False) as app:
        yield app


@asynccontextmanager
async def hung(given: Surroundings) -> AsyncIterator[Starlette]:
    """The same, with an HR system that never answers."""
    async with _doorward(given, hung=True) as app:
        yield app


@asynccontextmanager
async def _doorward(given: Surroundings, *, hung: bool) -> AsyncIterator[Starlette]:
    keys, clock = Keyring.generate(), SystemClock()
    address = f"sqlite:///{given.directory / 'doorward.db'}"
    migrate(address)
    database = open_database(address, keys=keys)
    mint = GrantMint(keys.newest(Purpose.GRANT).secret)
    backend = DemoBackend(path=None, clock=clock, verify=verifier(mint, clock), verify_facts=mint.verify_facts)
    settings = SlackConfig(
        signing_secrets=(SigningSecret(value=Secret(SIGNING_SECRET)),),
        workspaces=frozenset({TEAM}),
        phrases=Phrases(
            loading_title="One moment",
            loading="Loading",
            busy="Busy",
            not_for_you="Not for you",
            working="is looking",
            prompts_title="Ask",
            prompts=(("Help", "help"),),
        ),
        app_id=APP,
        api_base_url=given.api,
    )
    platform = SlackPlatform(OneToken(Secret(BOT_TOKEN)), WebApi(settings.api_base_url))
    away: Any = HungSystem()
    core = compose(
        Outside(
            database=database,
            clock=clock,
            tracer=NullTracer(),
            engine=load(),
            mint=mint,
            systems=Systems(hr=away if hung else backend.hr, crm=backend.crm),
            hr_facts=backend.facts,
            crm_facts=backend.facts,
            providers={},
            platforms={Platform.SLACK: platform},
            chat_sign_ins={},
            limits=LIMITS,
            routes=Routes(hr={}),
            public_url="https://doorward.example",
            csrf_key=keys.newest(Purpose.CSRF).secret,
        )
    )
    await _people_signed_in(core)
    web = pages(core, development=True, providers={}, sign_in_origins=())
    app = SlackApp(settings, ingress=core.ingress, platform=platform, clock=clock)
    routes = [*slack_routes(settings, app=app, ingress=core.ingress, clock=clock), *web.routes]
    try:
        yield Starlette(routes=routes, middleware=web.middleware, exception_handlers=dict(web.handlers))
    finally:
        await core.ingress.drain(1 if hung else 5)
        await platform.close()
        await database.close()
        backend.close()


async def _people_signed_in(core: Core) -> None:
    """Every chat account of the bench linked, each in a session of its own, by the stores' own ways."""
    now = datetime.now(UTC)
    claims = _claims("john", now)
    sign_in = SignIn(claims=claims, token_cache=b"{}")
    identity = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject("john"))

    def work(tx: Transaction) -> None:
        remember_person(tx, "bench", claims, now)
        for number in range(ACCOUNTS):
            channel = ChannelIdentity(platform=Platform.SLACK, tenant=TEAM, account=account(number))
            tx.links.insert(Link(channel=channel, identity=identity, provider="bench", linked_at=now))
            open_session(tx, channel, sign_in, LIMITS, now)

    await core.outside.database.write(work)


def _claims(username: str, now: datetime) -> VerifiedClaims:
    person = BY_USERNAME[username]
    return VerifiedClaims(
        issuer=ISSUER,
        subject=username,
        tenant=None,
        username=username,
        display_name=person.name,
        email=person.email,
        roles=frozenset(person.roles),
        department=person.department,
        region=person.region,
        manager=person.manager,
        employee_number=person.employee_number,
        acr=None,
        amr=("pwd",),
        auth_time=now,
        issued_at=now,
        expires_at=now + timedelta(hours=1),
    )


CANDIDATES: dict[str, Callable[[Surroundings], Made]] = {
    "bare": bare,
    "store": store,
    "cached": cached,
    "doorward": doorward,
    "bare-one-session": bare_one_session,
    "file-store": file_store,
    "store-one-session": store_one_session,
}
