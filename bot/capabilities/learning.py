"""Step 5: the facts of what is acted upon, the circumstances of who acts, and the canonical action made of both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from bot.capabilities.model import Capability
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.assurance import counts
from bot.domain.proof import ProofMethod
from bot.errors import FactsChanged
from bot.ports.database import Database, Transaction
from bot.ports.trace import Step, StepOutcome
from bot.services import factors, step_up
from bot.services.authorization import Authorizer, Circumstances
from bot.services.factors import Factor
from bot.services.facts_desk import FactsDesk
from bot.services.standing_in import StandingIn
from bot.services.turns import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """Learns what a decision is made on."""

    database: Database
    facts: FactsDesk
    authorizer: Authorizer
    standing_in: StandingIn

    async def learn(self, turn: Turn, capability: Capability) -> None:
        """Facts of the resource, and the canonical action on the id its own system uses. Raises `DoorwardError`."""
        turn.circumstances = await self.circumstances(turn)
        ref = turn.proposal.action.resource if turn.proposal else turn.target
        assert ref is not None
        facts = None if turn.learnt is None else turn.learnt.get(ref)
        if facts is None:
            facts = await self.facts.learn(turn.person, ref, turn.circumstances, turn.scribe.correlation, turn.now)
        if turn.learnt is not None:
            turn.learnt[ref] = facts
        if turn.proposal is not None and turn.proposal.facts_version != facts.version:
            turn.facts, turn.action = facts, turn.proposal.action
            raise FactsChanged("facts changed since the proposal", code="changed_meanwhile")
        turn.facts = facts
        if capability.stands_in:
            behalf = await self.standing_in.behalf(
                turn.person, facts, turn.circumstances, turn.scribe.correlation, turn.now
            )
            turn.circumstances = replace(turn.circumstances, on_behalf_of=behalf)
        turn.action = turn.proposal.action if turn.proposal else _canonical(turn, facts.ref)
        if capability.breaks_glass:
            reason = str(turn.action.arguments.get("reason") or "").strip()
            turn.circumstances = replace(turn.circumstances, break_glass=len(reason))
        turn.trace(
            Step.FACTS,
            StepOutcome.OK,
            resource=str(facts.ref),
            owner=facts.owner or "",
            facts_version=facts.version,
            digest=turn.action.digest[:8],
        )

    async def circumstances(self, turn: Turn) -> Circumstances:
        """What else the decision is made on; authenticators are read only where a proof could matter."""
        identity = turn.person.identity
        matters = any(rule.looks_at_proof for rule in self.authorizer.engine.rules_for(turn.cedar_action))
        now = turn.now
        here = around(turn)
        if not matters:
            return here
        offered = self.authorizer.proves_at_provider(here.provider)

        def read(tx: Transaction) -> tuple[tuple[Factor, ...], datetime | None]:
            last = tx.proofs.last_at(identity, ProofMethod.PROVIDER) if offered else None
            return factors.of_person(tx, identity), last

        if turn.factors is not None and not offered:
            own, last = turn.factors, None
        else:
            own, last = await self.database.read(read)
        waiting = tuple(one for one in own if not counts(one.counts_from, now))
        return replace(here, authenticators=step_up.counting(own, now), waiting=waiting, at_provider=last)


def around(turn: Turn) -> Circumstances:
    """What is known of the circumstances without reading anything."""
    assert turn.standing is not None
    assert turn.standing.person is not None
    return Circumstances(
        session=turn.standing.session,
        idp_checked_at=turn.standing.person.idp_checked_at,
        platform=turn.message.place.platform,
        workspace=turn.message.who.tenant,
        place=None if turn.in_browser else turn.message.place.kind,
        authenticators=(),
        src_ip=turn.src_ip,
        provider=turn.standing.person.provider,
    )


def _canonical(turn: Turn, resource: ResourceRef) -> CanonicalAction:
    assert turn.intent is not None
    return CanonicalAction(
        principal=turn.person.key,
        capability=turn.intent.capability,
        action=turn.cedar_action,
        resource=resource,
        arguments=dict(turn.arguments),
        salt=turn.salt,
    )
