"""Composes our own pages: sign-in, enrolment, consent, private views."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from adapters.web.routes import Site, web_site
from adapters.web.site import ChatName, Check, May, Web
from bot.bootstrap.core import Core, pings
from bot.bootstrap.shell_audit import as_file
from bot.capabilities.upkeep import AUDIT_FILE
from bot.domain.identity import ChannelIdentity, Person, principal_of
from bot.services.authorization import Circumstances
from bot.services.deciding import DOORWARD, USE_BOT
from bot.services.facts_desk import own_record
from policy.model import Permit


def pages(
    core: Core,
    *,
    development: bool,
    providers: Mapping[str, str],
    sign_in_origins: tuple[str, ...],
    chat_name: Callable[[ChannelIdentity], Awaitable[ChatName]] | None = None,
    demo: Mapping[str, str] | None = None,
) -> Site:
    """The pages' routes, middleware and error handlers."""
    outside = core.outside

    async def rejected(code: str) -> None:
        await core.ingress.rejected(platform="web", code=code)

    return web_site(
        Web(
            database=outside.database,
            clock=outside.clock,
            linking=core.linking,
            limits=outside.limits,
            public_url=outside.public_url,
            development=development,
            csrf_key=outside.csrf_key,
            webauthn=outside.webauthn,
            factor_rules=outside.factor_rules,
            providers=providers,
            resume=core.ingress.resume,
            rejected=rejected,
            own_changes=core.own_changes,
            may=own_pages(core),
            mail=core.letterbox,
            sign_in_origins=sign_in_origins,
            step_ups=outside.step_ups,
            chat_name=_demo_name if demo is not None else chat_name,
            checks=_checks(core),
            demo=demo or {},
            files={AUDIT_FILE: lambda: as_file(outside.database)},
        )
    )


def own_pages(core: Core) -> May:
    """Asks policy whether somebody may use the bot, and see that about themselves, on our pages.

    A browser stands in no workspace: whoever is let in from one of their chats is let in here. With `UseBot` for the
    action, that alone is asked.
    """
    authorizer, outside = core.pipeline.learning.authorizer, core.outside

    async def may(person: Person, action: str) -> bool:
        now = outside.clock.now()
        grants, links = await outside.database.read(
            lambda tx: (tuple(tx.roles.of_identity(person.identity)), tx.links.of_identity(person.identity))
        )
        principal = principal_of(person, grants, now)
        asked = {USE_BOT: DOORWARD} | ({action: own_record(principal)} if action != USE_BOT else {})

        def permitted(workspace: str) -> bool:
            here = Circumstances(
                session=None,
                idp_checked_at=person.idp_checked_at,
                platform="web",
                workspace=workspace,
                place=None,
                authenticators=(),
            )
            decisions = [
                authorizer.decide(principal, name, facts, here, proof=None, now=now) for name, facts in asked.items()
            ]
            return all(isinstance(decision, Permit) for decision in decisions)

        workspaces = dict.fromkeys(link.channel.tenant for link in links) or {"": None}
        return any(permitted(workspace) for workspace in workspaces)

    return may


def _checks(core: Core) -> dict[str, Check]:
    """What `/readyz` asks. Without its database nothing is served; a provider that is away is only told."""
    return {name: Check(run=ping, required=name == "database") for name, ping in pings(core.outside).items()}


async def _demo_name(channel: ChannelIdentity) -> ChatName:
    return ChatName(account=channel.account, place="the playground")
