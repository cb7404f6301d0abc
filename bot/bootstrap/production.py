"""Composes Doorward for real: settings in, a web application out; the playground never comes here."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette

from adapters.connectors.demo.backend import DemoBackend
from adapters.mail import SmtpMail
from adapters.passkeys import relying_party
from adapters.scheduler import Ticker
from adapters.web.site import ChatName
from bot.bootstrap.chats import Chat, slack_chat, teams_chat
from bot.bootstrap.core import Core, compose
from bot.bootstrap.directories import directory_routes, polling_jobs
from bot.bootstrap.keys import keeper, live_keys
from bot.bootstrap.limits import factor_rules, session_limits
from bot.bootstrap.outside import Outside, SystemClock
from bot.bootstrap.pages import pages
from bot.bootstrap.providers import correspondence, identity_provider, step_ups
from bot.bootstrap.refusals import DEMO_MARK, refuse_demo_database, refuse_unready
from bot.bootstrap.routing import owner, routes
from bot.bootstrap.shell_settings import chosen
from bot.bootstrap.shell_setup import administrators, rollout, working_hours
from bot.bootstrap.single_sign_on import teams_single_sign_on
from bot.capabilities.model import Systems
from bot.domain.identity import ChannelIdentity
from bot.errors import Misconfigured, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.mail import Mail, NullMail
from bot.ports.trace import NullTracer
from bot.services.audit_trail import Scribe
from bot.services.authorization import GrantMint
from bot.services.correspondence import Correspondence
from bot.services.first_administrator import retire
from bot.services.key_keeping import KeyKeeper
from bot.services.operations import verifier
from bot.settings.directories import Idp
from bot.settings.systems import SystemKind
from bot.settings.tree import Environment, Settings
from bot.texts.sentences import voice
from policy.cedar import load as load_policy
from storage.crypto import Keyring, Purpose
from storage.database import open_database
from storage.migration import is_current


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A composed Doorward."""

    app: Starlette
    core: Core


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Everything but the web server; everything ends with the context. Raises `Misconfigured`."""
    refuse_unready(settings)
    the_clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        outside, chats = await _outside(settings, the_clock, stack)
        core = compose(outside)
        await _retire(outside)
        core.jobs.also(polling_jobs(settings, core))
        ticker = Ticker(core.jobs)
        ticker.start()
        stack.push_async_callback(core.ingress.drain, 5)
        stack.push_async_callback(ticker.stop)
        for chat in chats:
            if chat.listen is not None:
                stack.push_async_callback(chat.listen(core.ingress, core.start_page))
        yield Running(app=_application(settings, core, chats), core=core)


async def _retire(outside: Outside) -> None:
    """Whom the settings no longer name is no administrator from here on."""
    scribe = Scribe(time=outside.clock.now(), channel="start", correlation=secrets.token_hex(8))
    await outside.database.write(lambda tx: retire(tx, outside.administrators, scribe))


def _application(settings: Settings, core: Core, chats: list[Chat]) -> Starlette:
    web = pages(
        core,
        development=settings.environment is Environment.DEVELOPMENT,
        providers={name: name for name in settings.idps},
        sign_in_origins=(
            *(origin for chat in chats for origin in chat.sign_in_origins),
            *(_origin(idp) for idp in settings.idps.values()),
        ),
        chat_name=_naming(chats),
    )
    routes = [
        *(route for chat in chats for route in chat.routes(core.ingress, core.start_page)),
        *directory_routes(settings, core),
    ]
    return Starlette(routes=[*routes, *web.routes], middleware=web.middleware, exception_handlers=dict(web.handlers))


async def _outside(settings: Settings, clock: Clock, stack: AsyncExitStack) -> tuple[Outside, list[Chat]]:
    live = await asyncio.to_thread(live_keys, settings, clock)
    keys = live.ring
    database = await _database(settings, keys, stack)
    keeping = keeper(settings, database, clock, live)
    await keeping.run()  # a rotation that begins now waits for us
    stack.push_async_callback(_leave, keeping)
    mint = GrantMint(lambda: keys.secrets(Purpose.GRANT))
    backend = systems(settings, clock, mint)
    stack.callback(backend.close)
    chats = _chats(settings, clock, database)
    for chat in chats:
        stack.push_async_callback(chat.close)
    providers = {name: identity_provider(name, idp) for name, idp in settings.idps.items()}
    outside = Outside(
        database=database,
        clock=clock,
        tracer=NullTracer(),
        engine=load_policy(),
        mint=mint,
        systems=Systems(hr=backend.hr, crm=backend.crm),
        hr_facts=backend.facts,
        crm_facts=backend.facts,
        providers=providers,
        platforms={chat.name: chat.platform for chat in chats},
        chat_sign_ins={chat.name: chat.sign_in for chat in chats if chat.sign_in is not None},
        limits=session_limits(settings.session),
        routes=routes(settings, {chat.name: chat.hr for chat in chats if chat.hr is not None}),
        public_url=settings.public_url,
        csrf_key=lambda: keys.secrets(Purpose.CSRF),
        key_keeper=keeping,
        webauthn=relying_party(settings.public_url),
        mail=_mail(settings),
        administrators=administrators(settings),
        step_ups=step_ups(settings.idps),
        employed_by_hr=frozenset(name for name, idp in settings.idps.items() if idp.attributes.employed == "hr"),
        silent=teams_single_sign_on(settings, providers),
        rollout=rollout(settings),
        hours=working_hours(settings),
        factor_rules=factor_rules(settings.factors),
        owner=owner(settings),
        correspondence=_correspondence(settings, chats),
        settings_shown=lambda: chosen(settings),
    )
    return outside, chats


async def _database(settings: Settings, keys: Keyring, stack: AsyncExitStack) -> Database:
    """Opened, of the newest schema, and no demonstration's. Raises `Misconfigured`."""
    url = settings.database_url.get_secret_value()
    if not await asyncio.to_thread(is_current, url):
        raise Misconfigured("the database does not have the newest schema: run `doorward migrate`")
    database = open_database(url, keys=keys)
    stack.push_async_callback(database.close)
    refuse_demo_database(settings, await database.read(lambda tx: tx.jobs.mark(DEMO_MARK)))
    return database


def _correspondence(settings: Settings, chats: list[Chat]) -> Correspondence:
    return correspondence(
        settings.idps,
        () if settings.slack is None else settings.slack.team_ids,
        clients=settings.scim,
        emails=next((chat.emails for chat in chats if chat.emails is not None), None),
    )


async def _leave(keeping: KeyKeeper) -> None:
    """A rotation need not wait for who says that it goes; of who cannot say so, it is known soon enough."""
    with suppress(StorageUnavailable):
        await keeping.leave()


def _mail(settings: Settings) -> Mail:
    """Where notices go; nowhere without a mail server."""
    given = settings.mail
    if given is None:
        return NullMail()
    return SmtpMail(
        host=given.host,
        port=given.port,
        sender=given.sender,
        starttls=given.starttls,
        username=given.username,
        password=given.password.get_secret_value(),
    )


def systems(settings: Settings, clock: Clock, mint: GrantMint) -> DemoBackend:
    """The HR and CRM systems. Raises `Misconfigured` for a kind that this version does not speak with."""
    for name, system in (("HR", settings.hr), ("CRM", settings.crm)):
        if system.kind is not SystemKind.DEMO:
            raise Misconfigured(
                f"DOORWARD_{name}__KIND={system.kind}: this version speaks only with the demo system, in development"
            )
    return DemoBackend(path=settings.hr.file, clock=clock, verify=verifier(mint, clock), verify_facts=mint.verify_facts)


def _chats(settings: Settings, clock: Clock, database: Database) -> list[Chat]:
    chats = []
    if settings.slack is not None:
        chats.append(slack_chat(settings.slack, clock, database=database, public_url=settings.public_url))
    if settings.teams is not None:
        chats.append(teams_chat(settings.teams, clock, database=database))
    return chats


def _naming(chats: list[Chat]) -> Callable[[ChannelIdentity], Awaitable[ChatName]]:
    """How the pages call a chat account: as its platform does, else by its id."""
    by_platform = {chat.name: chat.called for chat in chats if chat.called is not None}

    async def named(who: ChannelIdentity) -> ChatName:
        called = by_platform.get(who.platform)
        if called is not None:
            return await called(who)
        platform = voice(None).say(f"platforms.{who.platform}")
        return ChatName(account=who.account, place=f"{who.tenant}, {platform}")

    return named


def _origin(idp: Idp) -> str:
    parts = urlsplit(idp.transport_url or idp.authority)
    return f"{parts.scheme}://{parts.netloc}"
