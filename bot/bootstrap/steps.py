"""Composes the ten steps of a message: the pipeline, from what is outside of the core."""

from __future__ import annotations

from bot.bootstrap.outside import Outside
from bot.capabilities.approving import Approving
from bot.capabilities.batching import Batching
from bot.capabilities.catalogue import BY_NAME, CATALOGUE
from bot.capabilities.consenting import Consenting
from bot.capabilities.learning import Learning
from bot.capabilities.model import Effect, Ours
from bot.capabilities.namesakes import Namesakes
from bot.capabilities.performing import Performing
from bot.capabilities.since_shown import SinceShown
from bot.capabilities.starting import Starting
from bot.capabilities.viewing import Viewing
from bot.pipeline import Pipeline
from bot.ports.facts import FactsSource
from bot.services.arrival import Arrival
from bot.services.authorization import Authorizer
from bot.services.deciding import Deciding
from bot.services.delivery import Delivery
from bot.services.effects import Effects
from bot.services.employment import Employment
from bot.services.facts_desk import FactsDesk
from bot.services.people import OwnFacts
from bot.services.rechecking import Rechecking
from bot.services.revalidation import Revalidator
from bot.services.reviewers import Reviewers
from bot.services.standing_in import StandingIn
from bot.services.tallying import Tallying
from bot.understanding.hearing import Hearing
from bot.understanding.understand import Understanding

HR_RESOURCES = ("Employee", "Leave", "Payslip", "BankAccount", "Department")
CRM_RESOURCES = ("Customer", "Ticket", "Opportunity")
OWN_RESOURCES = ("Person", "System")


def compose_pipeline(outside: Outside, delivery: Delivery) -> Pipeline:
    """The pipeline with its parts."""
    clock, database, limits = outside.clock, outside.database, outside.limits
    url, rollout = outside.public_url, outside.rollout
    authorizer = Authorizer(outside.engine, passkeys=outside.webauthn is not None, step_ups=outside.step_ups)
    facts = FactsDesk(authorizer=authorizer, mint=outside.mint, sources=_facts_sources(outside))
    standing_in = StandingIn(database=database, facts=facts)
    revalidator = _revalidator(outside)
    reviewers = Reviewers(database=database, revalidator=revalidator)
    performing = _performing(outside, delivery, authorizer, standing_in, reviewers)
    arrival = Arrival(database=database, clock=clock, limits=limits, public_url=url, rollout=rollout)
    rechecking = Rechecking(revalidator=revalidator, authorizer=authorizer, again=arrival.again)
    return Pipeline(
        database=database,
        clock=clock,
        tracer=outside.tracer,
        catalogue=BY_NAME,
        arrival=arrival,
        hearing=Hearing(understanding(), BY_NAME, offers_owner=outside.owner.named),
        learning=Learning(database=database, facts=facts, authorizer=authorizer, standing_in=standing_in),
        deciding=Deciding(database=database, authorizer=authorizer),
        namesakes=Namesakes(database=database),
        since_shown=SinceShown(performing=performing, policy_hash=lambda: outside.engine.policy_hash),
        consenting=Consenting(performing=performing, delivery=delivery, public_url=url),
        rechecking=rechecking,
        performing=performing,
        batching=Batching(
            database=database, catalogue=BY_NAME, performing=performing, rechecking=rechecking, public_url=url
        ),
        starting=Starting(
            database=database,
            clock=clock,
            limits=limits,
            authorizer=authorizer,
            performing=performing,
            rollout=rollout,
            revalidator=revalidator,
            facts=facts,
        ),
        viewing=Viewing(database=database, clock=clock, limits=limits),
        delivery=delivery,
    )


def _facts_sources(outside: Outside) -> dict[str, FactsSource]:
    sources: dict[str, FactsSource] = dict.fromkeys(HR_RESOURCES, outside.hr_facts)
    sources |= dict.fromkeys(CRM_RESOURCES, outside.crm_facts)
    return sources | dict.fromkeys(OWN_RESOURCES, OwnFacts(outside.database))


def _performing(
    outside: Outside, delivery: Delivery, authorizer: Authorizer, standing_in: StandingIn, reviewers: Reviewers
) -> Performing:
    """Steps 8 and 9: the only part that is given the HR and CRM systems."""
    effects = Effects(
        database=outside.database,
        mint=outside.mint,
        clock=outside.clock,
        limits=outside.limits,
        policy_hash=lambda: outside.engine.policy_hash,
    )
    return Performing(
        systems=outside.systems,
        effects=effects,
        authorizer=authorizer,
        delivery=delivery,
        approving=Approving(database=outside.database, tallying=Tallying(authorizer), routes=outside.routes),
        standing_in=standing_in,
        reviewers=reviewers,
        ours=Ours(public_url=outside.public_url, hours=outside.hours, owner=outside.owner),
    )


def _revalidator(outside: Outside) -> Revalidator:
    employment = Employment(
        database=outside.database,
        source=outside.hr_facts,
        mint=outside.mint,
        clock=outside.clock,
        providers=outside.employed_by_hr,
    )
    return Revalidator(
        database=outside.database,
        providers=outside.providers,
        clock=outside.clock,
        administrators=outside.administrators,
        rollout=outside.rollout,
        employment=employment,
    )


def understanding() -> Understanding:
    """What turns sentences into intents, from the catalogue."""
    return Understanding(
        arguments={entry.name: entry.arguments for entry in CATALOGUE},
        writes=frozenset(entry.name for entry in CATALOGUE if entry.effect is Effect.WRITE),
        titles={entry.name: entry.title_key for entry in CATALOGUE},
    )
