"""Composes the core: from a database, systems, providers and platforms to a pipeline with its way in and its jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from bot.bootstrap.outside import Outside
from bot.bootstrap.shell_policy import SHIPPED_CASES
from bot.bootstrap.steps import compose_pipeline
from bot.bootstrap.upkeep import ThisInstallation
from bot.capabilities.catalogue import BY_NAME
from bot.capabilities.reconciling import Reconciling
from bot.jobs import Jobs
from bot.pipeline import Pipeline
from bot.ports.start import StartPage
from bot.services import provider_step_up
from bot.services.authorization import Authorizer
from bot.services.carrying_out import CarryingOut
from bot.services.delivery import Delivery
from bot.services.ingress import InboxIngress
from bot.services.letters import Letterbox
from bot.services.link_codes import LinkCodes
from bot.services.link_making import LinkMaking
from bot.services.linking import Linking
from bot.services.notices import Notices
from bot.services.operations import verifier
from bot.services.own_changes import OwnChanges
from bot.services.reminding import Reminding
from bot.services.silent_sign_in import SilentSignIn
from bot.services.token_revocation import TokenRevocation
from bot.services.watching import Watching


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The composed core, as adapters and the command line use it."""

    outside: Outside
    pipeline: Pipeline
    ingress: InboxIngress
    delivery: Delivery
    linking: Linking
    letterbox: Letterbox
    reconciling: Reconciling
    watching: Watching
    carrying_out: CarryingOut
    reminding: Reminding
    jobs: Jobs
    own_changes: OwnChanges

    @property
    def start_page(self) -> StartPage:
        """The start card outside of any message: App Home, a welcome, suggested prompts."""
        return self.pipeline.starting


def compose(outside: Outside) -> Core:
    """Join everything; nothing is started and nothing outside is touched."""
    outside = replace(outside, systems=replace(outside.systems, upkeep=_upkeep(outside)))
    clock, database = outside.clock, outside.database
    notices = Notices(hours=outside.hours)
    delivery = Delivery(database=database, platforms=outside.platforms, clock=clock, sift=notices.sift)
    letterbox = Letterbox(database=database, mail=outside.mail, clock=clock)
    pipeline = compose_pipeline(outside, delivery)
    making = _making(outside, delivery, letterbox)
    codes = LinkCodes(
        database=database, clock=clock, delivery=delivery, making=making, correspondence=outside.correspondence
    )
    ingress = _ingress(outside, pipeline, codes, _silent(outside, delivery, letterbox))
    reconciling = _reconciling(outside, pipeline, delivery)
    watching = _watching(outside, delivery)
    own_changes = OwnChanges(pipeline.learning.authorizer)
    carrying_out = CarryingOut(
        database=database, clock=clock, delivery=delivery, letterbox=letterbox, authorizer=Authorizer(outside.engine)
    )
    reminding = Reminding(database=database, clock=clock, delivery=delivery, letterbox=letterbox)
    jobs = Jobs(
        database=database,
        clock=clock,
        limits=outside.limits,
        delivery=delivery,
        ingress=ingress,
        reconciling=reconciling,
        letterbox=letterbox,
        watching=watching,
        carrying_out=carrying_out,
        reminding=reminding,
        notices=notices,
        revocation=TokenRevocation(database=database, providers=outside.providers, clock=clock, delivery=delivery),
        key_keeper=outside.key_keeper,
    )
    return Core(
        outside=outside,
        pipeline=pipeline,
        ingress=ingress,
        delivery=delivery,
        linking=_linking(outside, making, codes, own_changes),
        letterbox=letterbox,
        reconciling=reconciling,
        watching=watching,
        carrying_out=carrying_out,
        reminding=reminding,
        jobs=jobs,
        own_changes=own_changes,
    )


def _linking(outside: Outside, making: LinkMaking, codes: LinkCodes, own_changes: OwnChanges) -> Linking:
    return Linking(
        database=outside.database,
        providers=outside.providers,
        chats=outside.chat_sign_ins,
        clock=outside.clock,
        public_url=outside.public_url,
        making=making,
        codes=codes,
        own_changes=own_changes,
        webauthn=outside.webauthn,
    )


def _ingress(outside: Outside, pipeline: Pipeline, codes: LinkCodes, silent: SilentSignIn | None) -> InboxIngress:
    return InboxIngress(
        database=outside.database,
        clock=outside.clock,
        limits=outside.limits,
        handle=pipeline.handle,
        look_at=pipeline.look,
        at_the_door=pipeline.arrival.at_the_door,
        silent=silent,
        link_codes=codes,
        replies=outside.replies,
    )


def _reconciling(outside: Outside, pipeline: Pipeline, delivery: Delivery) -> Reconciling:
    return Reconciling(
        database=outside.database,
        clock=outside.clock,
        systems=outside.systems,
        mint=outside.mint,
        catalogue=BY_NAME,
        performing=pipeline.performing,
        delivery=delivery,
    )


def _watching(outside: Outside, delivery: Delivery) -> Watching:
    return Watching(
        database=outside.database,
        clock=outside.clock,
        mint=outside.mint,
        sources={"Leave": outside.hr_facts},
        delivery=delivery,
        routes=outside.routes,
    )


def _making(outside: Outside, delivery: Delivery, letterbox: Letterbox) -> LinkMaking:
    return LinkMaking(
        database=outside.database,
        clock=outside.clock,
        limits=outside.limits,
        delivery=delivery,
        letters=letterbox,
        administrators=outside.administrators,
        rollout=outside.rollout,
        prove=partial(provider_step_up.take, step_ups=outside.step_ups, limits=outside.limits),
    )


def _upkeep(outside: Outside) -> ThisInstallation:
    return ThisInstallation(
        verify=verifier(outside.mint, outside.clock),
        parts=pings(outside),
        settings=outside.settings_shown,
        engine=outside.engine,
        cases=SHIPPED_CASES,
    )


def pings(outside: Outside) -> dict[str, Callable[[], Awaitable[None]]]:
    """What `/readyz` and `health` ask, the database first; each raises when it is away."""

    async def database() -> None:
        await outside.database.read(lambda tx: tx.jobs.mark("ready"))

    # Keys that are held already go on serving: only the next change or start would fail.
    keys = {} if outside.key_keeper is None else {"keys": outside.key_keeper.check}
    return {"database": database, **keys, **{f"idp {name}": idp.ping for name, idp in outside.providers.items()}}


def _silent(outside: Outside, delivery: Delivery, letterbox: Letterbox) -> SilentSignIn | None:
    if outside.silent is None:
        return None
    return SilentSignIn(
        database=outside.database,
        clock=outside.clock,
        limits=outside.limits,
        provider=outside.silent,
        delivery=delivery,
        letters=letterbox,
        rollout=outside.rollout,
    )
