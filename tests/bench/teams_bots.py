"""What is compared on Teams: botbuilder as it is, botbuilder with its one slow list replaced, and Doorward."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
import msal
from botbuilder.core import ActivityHandler, CloudAdapterBase, TurnContext
from botbuilder.schema import Activity
from botframework.connector.auth import (
    BotFrameworkAuthenticationFactory,
    ChannelValidation,
    PasswordServiceClientCredentialFactory,
    microsoft_app_credentials,
)
from msrest.universal_http.requests import ClientRetryPolicy
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.connectors.demo.backend import DemoBackend
from adapters.teams.config import Phrases, TeamsConfig
from adapters.teams.credential import _OneAddress
from adapters.teams.endpoint import teams_routes
from adapters.teams.platform import TeamsPlatform
from bot.bootstrap.core import Core, compose
from bot.bootstrap.outside import Outside, SystemClock
from bot.bootstrap.pages import pages
from bot.capabilities.model import Systems
from bot.domain.identity import ChannelIdentity, Issuer, Link, LinkedIdentity, Platform, Subject
from bot.domain.secret import Secret
from bot.ports.database import Transaction
from bot.ports.identity_provider import SignIn
from bot.ports.trace import NullTracer
from bot.services.asking import Routes
from bot.services.authorization import GrantMint
from bot.services.operations import verifier
from bot.services.sessions import open_session, remember_person
from policy.cedar import load
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import migrate
from tests.bench.candidates import ANSWER, ISSUER, LIMITS, Surroundings, _claims
from tests.bench.events import ACCOUNTS
from tests.bench.hung import HungSystem
from tests.bench.teams_stub import account
from tests.fakes.teams_server import APP_ID, APP_PASSWORD, TENANT

Made = AbstractAsyncContextManager[Starlette]


class _Answers(ActivityHandler):  # type: ignore[misc]  # the vendor has no types
    async def on_message_activity(self, turn_context: TurnContext) -> None:
        await turn_context.send_activity(ANSWER)


@asynccontextmanager
async def stock(given: Surroundings) -> AsyncIterator[Starlette]:
    """As its samples put it together; only where it finds keys and tokens is another address."""
    alias = "https://token.invalid/bot"
    http = _OneAddress(f"{given.api}/token", httpx2.Client(trust_env=False))

    def application(client_id: str, client_credential: str, authority: str) -> Any:
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=client_credential,
            oidc_authority=alias,
            http_client=http,  # kept, so that no connection is opened for each token
            instance_discovery=False,
        )

    microsoft_app_credentials.ConfidentialClientApplication = application
    ChannelValidation.open_id_metadata_endpoint = f"{given.api}/v1/.well-known/openidconfiguration"
    credentials = PasswordServiceClientCredentialFactory(APP_ID, APP_PASSWORD)
    adapter = CloudAdapterBase(BotFrameworkAuthenticationFactory.create(credential_factory=credentials))
    bot = _Answers()

    async def endpoint(request: Request) -> Response:
        activity = Activity().deserialize(await request.json())
        await adapter.process_activity(request.headers["authorization"], activity, bot.on_turn)
        return Response(status_code=200)

    yield Starlette(routes=[Route("/api/messages", endpoint, methods=["POST"])])


@asynccontextmanager
async def patched(given: Surroundings) -> AsyncIterator[Starlette]:
    """The list that the retry policy searches a thousand times a client, made a set."""
    ClientRetryPolicy.safe_codes = frozenset(ClientRetryPolicy.safe_codes)  # type: ignore[assignment]  # that is it
    async with stock(given) as app:
        yield app


@asynccontextmanager
async def doorward(given: Surroundings) -> AsyncIterator[Starlette]:
    """The guarded turn: our endpoint, core, stores on SQLite synchronous=FULL, and the real policies."""
    async with _doorward(given, hung=False) as app:
        yield app


@asynccontextmanager
async def hung(given: Surroundings) -> AsyncIterator[Starlette]:
    """The same, and the HR system never answers."""
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
    settings = TeamsConfig(
        app_id=APP_ID,
        app_password=Secret(APP_PASSWORD),
        tenants=frozenset({TENANT}),
        phrases=Phrases(working="Working on it.", answered="Answered.", busy="Busy.", gone="Gone."),
        openid_metadata_url=f"{given.api}/v1/.well-known/openidconfiguration",
        token_url=f"{given.api}/token",
        service_hosts=frozenset({given.api.removeprefix("http://")}),
        service_url=f"{given.api}/teams/",
        loopback=True,
    )
    platform = TeamsPlatform(settings, clock=clock, database=database)
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
            platforms={Platform.TEAMS: platform},
            chat_sign_ins={},
            limits=LIMITS,
            routes=Routes(hr={}),
            public_url="https://doorward.example",
            csrf_key=keys.newest(Purpose.CSRF).secret,
        )
    )
    await _people_signed_in(core)
    web = pages(core, development=True, providers={}, sign_in_origins=())
    routes = [*teams_routes(settings, ingress=core.ingress, platform=platform, clock=clock), *web.routes]
    try:
        yield Starlette(routes=routes, middleware=web.middleware, exception_handlers=dict(web.handlers))
    finally:
        await core.ingress.drain(1 if hung else 5)
        await platform.close()
        await database.close()
        backend.close()


async def _people_signed_in(core: Core) -> None:
    now = datetime.now(UTC)
    sign_in = SignIn(claims=_claims("john", now), token_cache=b"{}")
    identity = LinkedIdentity(issuer=Issuer(ISSUER), subject=Subject("john"))

    def work(tx: Transaction) -> None:
        remember_person(tx, "bench", sign_in.claims, now)
        for number in range(ACCOUNTS):
            channel = ChannelIdentity(platform=Platform.TEAMS, tenant=TENANT, account=account(number))
            tx.links.insert(Link(channel=channel, identity=identity, provider="bench", linked_at=now))
            open_session(tx, channel, sign_in, LIMITS, now)

    await core.outside.database.write(work)


TEAMS: dict[str, Callable[[Surroundings], Made]] = {
    "teams-stock": stock,
    "teams-patched": patched,
    "teams-doorward": doorward,
    "teams-hung": hung,
}
