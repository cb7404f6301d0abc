"""Composes the core: from a database, systems, providers and platforms to a pipeline with its way in and its jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial

from bot.bootstrap.shell_policy import SHIPPED_CASES
from bot.bootstrap.upkeep import ThisInstallation
from bot.capabilities.approving import Approving
from bot.capabilities.batching import Batching
from bot.capabilities.catalogue import BY_NAME, CATALOGUE
from bot.capabilities.consenting import Consenting
from bot.capabilities.learning import Learning
from bot.capabilities.model import Effect, Ours, Systems
from bot.capabilities.namesakes import Namesakes
from bot.capabilities.performing import Performing
from bot.capabilities.reconciling import Reconciling
from bot.capabilities.since_shown import SinceShown
from bot.capabilities.starting import Starting
from bot.capabilities.viewing import Viewing
from bot.domain.assurance import FactorRules
from bot.domain.identity import Platform
from bot.domain.notice import WorkingHours
from bot.domain.owner import Owner
from bot.domain.reply_limits import REPLY_LIMITS, ReplyLimits
from bot.domain.rollout import Rollout
from bot.domain.session import SessionLimits
from bot.jobs import Jobs
from bot.pipeline import Pipeline
from bot.ports.chat import ChatPlatform
from bot.ports.chat_sign_in import ChatSignIn
from bot.ports.clock import Clock
from bot.ports.database import Database
from bot.ports.facts import FactsSource
from bot.ports.identity_provider import IdentityProvider
from bot.ports.mail import Mail, NullMail
from bot.ports.silent_sign_in import SilentProvider
from bot.ports.start import StartPage
from bot.ports.trace import Tracer
from bot.ports.upkeep import SettingShown
from bot.ports.webauthn import WebAuthn
from bot.services import provider_step_up
from bot.services.arrival import Arrival
from bot.services.asking import Routes
from bot.services.authorization import Authorizer, GrantMint
from bot.services.carrying_out import CarryingOut
from bot.services.correspondence import Correspondence
from bot.services.deciding import Deciding
from bot.services.delivery import Delivery
from bot.services.effects import Effects
from bot.services.employment import Employment
from bot.services.facts_desk import FactsDesk
from bot.services.first_administrator import Administrators
from bot.services.ingress import InboxIngress
from bot.services.key_keeping import KeyKeeper
from bot.services.letters import Letterbox
from bot.services.link_codes import LinkCodes
from bot.services.link_making import LinkMaking
from bot.services.linking import Linking
from bot.services.notices import Notices
from bot.services.operations import verifier
from bot.services.people import OwnFacts
from bot.services.provider_step_up import StepUps
from bot.services.rechecking import Rechecking
from bot.services.reminding import Reminding
from bot.services.revalidation import Revalidator
from bot.services.silent_sign_in import SilentSignIn
from bot.services.standing_in import StandingIn
from bot.services.tallying import Tallying
from bot.services.token_revocation import TokenRevocation
from bot.services.watching import Watching
from bot.understanding.hearing import Hearing
from bot.understanding.understand import Understanding
from policy.engine import PolicyEngine

HR_RESOURCES = ("Employee", "Leave", "Payslip", "BankAccount", "Department")
CRM_RESOURCES = ("Customer", "Ticket", "Opportunity")
OWN_RESOURCES = ("Person", "System")


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """UTC, aware."""
        return datetime.now(timezone.utc)  # noqa: UP017 - the same thing, spelled for every reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the core is composed with."""

    database: Database
    clock: Clock
    tracer: Tracer
    engine: PolicyEngine
    mint: GrantMint
    systems: Systems
    hr_facts: FactsSource
    crm_facts: FactsSource
    providers: Mapping[str, IdentityProvider]
    platforms: Mapping[Platform, ChatPlatform]
    chat_sign_ins: Mapping[Platform, ChatSignIn]
    limits: SessionLimits
    routes: Routes
    public_url: str
    csrf_key: bytes | Callable[[], Sequence[bytes]] = field(repr=False)
    """One key, or whatever the keys are at the moment: the first one makes, all of them check."""
    webauthn: WebAuthn | None = None
    """None where our address can be no relying party's (an IP address, plain http)."""
    mail: Mail = field(default_factory=NullMail)
    administrators: Administrators = field(default_factory=Administrators)
    step_ups: StepUps = field(default_factory=dict)
    """The providers at which somebody can prove that it is them."""
    silent: SilentProvider | None = None
    """Where a chat platform's client brings a token of its user: who proves it."""
    rollout: Rollout = field(default_factory=Rollout)
    hours: WorkingHours = field(default_factory=WorkingHours)
    """When people may be called who have not chosen."""
    key_keeper: KeyKeeper | None = None
    """None where keys live in memory only (the demonstration)."""
    employed_by_hr: frozenset[str] = frozenset()
    """The providers of whose people the HR system says whether they still work here."""
    factor_rules: FactorRules = field(default_factory=FactorRules)
    owner: Owner = field(default_factory=Owner)
    """Who hears what could not be helped with; nobody, and nothing is offered."""
    correspondence: Correspondence = field(default_factory=Correspondence)
    """What says whose chat account it is, where the chat platform has no sign-in; nothing, and nobody links there."""
    replies: ReplyLimits = REPLY_LIMITS
    settings_shown: Callable[[], Sequence[SettingShown]] = tuple
    """What is set, for administrators; no secret is in it."""


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

    @property
    def start_page(self) -> StartPage:
        """The start card outside of any message: App Home, a welcome, suggested prompts."""
        return self.pipeline.starting


def compose(outside: Outside) -> Core:
    """Join everything; nothing is started and nothing outside is touched."""
    outside = replace(outside, systems=replace(outside.systems, upkeep=_upkeep(outside)))
    clock, database, limits = outside.clock, outside.database, outside.limits
    notices = Notices(hours=outside.hours)
    delivery = Delivery(database=database, platforms=outside.platforms, clock=clock, sift=notices.sift)
    pipeline = compose_pipeline(outside, delivery)
    letterbox = Letterbox(database=database, mail=outside.mail, clock=clock)
    making = _making(outside, delivery, letterbox)
    codes = LinkCodes(
        database=database, clock=clock, delivery=delivery, making=making, correspondence=outside.correspondence
    )
    linking = Linking(
        database=database,
        providers=outside.providers,
        chats=outside.chat_sign_ins,
        clock=clock,
        public_url=outside.public_url,
        making=making,
        codes=codes,
        webauthn=outside.webauthn,
    )
    ingress = InboxIngress(
        database=database,
        clock=clock,
        limits=limits,
        handle=pipeline.handle,
        look_at=pipeline.look,
        at_the_door=pipeline.arrival.at_the_door,
        silent=_silent(outside, delivery, letterbox),
        link_codes=codes,
        replies=outside.replies,
    )
    reconciling = Reconciling(
        database=database,
        clock=clock,
        systems=outside.systems,
        mint=outside.mint,
        catalogue=BY_NAME,
        performing=pipeline.performing,
        delivery=delivery,
    )
    watching = Watching(
        database=database,
        clock=clock,
        mint=outside.mint,
        sources={"Leave": outside.hr_facts},
        delivery=delivery,
        routes=outside.routes,
    )
    carrying_out = CarryingOut(
        database=database, clock=clock, delivery=delivery, letterbox=letterbox, authorizer=Authorizer(outside.engine)
    )
    reminding = Reminding(database=database, clock=clock, delivery=delivery, letterbox=letterbox)
    jobs = Jobs(
        database=database,
        clock=clock,
        limits=limits,
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
        linking=linking,
        letterbox=letterbox,
        reconciling=reconciling,
        watching=watching,
        carrying_out=carrying_out,
        reminding=reminding,
        jobs=jobs,
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


def compose_pipeline(outside: Outside, delivery: Delivery) -> Pipeline:
    """The pipeline with its parts."""
    clock, database = outside.clock, outside.database
    authorizer = Authorizer(outside.engine, passkeys=outside.webauthn is not None, step_ups=outside.step_ups)
    sources: dict[str, FactsSource] = dict.fromkeys(HR_RESOURCES, outside.hr_facts)
    sources |= dict.fromkeys(CRM_RESOURCES, outside.crm_facts)
    sources |= dict.fromkeys(OWN_RESOURCES, OwnFacts(database))
    effects = Effects(
        database=database,
        mint=outside.mint,
        clock=clock,
        limits=outside.limits,
        policy_hash=lambda: outside.engine.policy_hash,
    )
    facts = FactsDesk(authorizer=authorizer, mint=outside.mint, sources=sources)
    standing_in = StandingIn(database=database, facts=facts)
    performing = Performing(
        systems=outside.systems,
        effects=effects,
        authorizer=authorizer,
        delivery=delivery,
        approving=Approving(database=database, tallying=Tallying(authorizer), routes=outside.routes),
        standing_in=standing_in,
        ours=Ours(public_url=outside.public_url, hours=outside.hours, owner=outside.owner),
    )
    revalidator = Revalidator(
        database=database,
        providers=outside.providers,
        clock=clock,
        administrators=outside.administrators,
        rollout=outside.rollout,
        employment=Employment(
            database=database,
            source=outside.hr_facts,
            mint=outside.mint,
            clock=clock,
            providers=outside.employed_by_hr,
        ),
    )
    rechecking = Rechecking(revalidator=revalidator)
    return Pipeline(
        database=database,
        clock=clock,
        tracer=outside.tracer,
        catalogue=BY_NAME,
        arrival=Arrival(
            database=database,
            clock=clock,
            limits=outside.limits,
            public_url=outside.public_url,
            rollout=outside.rollout,
        ),
        hearing=Hearing(understanding(), BY_NAME, offers_owner=outside.owner.named),
        learning=Learning(database=database, facts=facts, authorizer=authorizer, standing_in=standing_in),
        deciding=Deciding(database=database, authorizer=authorizer),
        namesakes=Namesakes(database=database),
        since_shown=SinceShown(performing=performing, policy_hash=lambda: outside.engine.policy_hash),
        consenting=Consenting(performing=performing, public_url=outside.public_url),
        rechecking=rechecking,
        performing=performing,
        batching=Batching(
            database=database,
            catalogue=BY_NAME,
            performing=performing,
            rechecking=rechecking,
            public_url=outside.public_url,
        ),
        starting=Starting(
            database=database,
            clock=clock,
            limits=outside.limits,
            authorizer=authorizer,
            performing=performing,
            rollout=outside.rollout,
            revalidator=revalidator,
            facts=facts,
        ),
        viewing=Viewing(database=database, clock=clock, limits=outside.limits),
        delivery=delivery,
    )


def understanding() -> Understanding:
    """What turns sentences into intents, from the catalogue."""
    return Understanding(
        arguments={entry.name: entry.arguments for entry in CATALOGUE},
        writes=frozenset(entry.name for entry in CATALOGUE if entry.effect is Effect.WRITE),
        titles={entry.name: entry.title_key for entry in CATALOGUE},
    )
