"""Finds out what became of writes whose end was never written down: a look-up first, never a blind repetition.

A crash between T1 and T2, or a reply that did not come, leaves an effect `intended` or `unknown`. The system is asked
by the idempotency key: done is told with its result, absent as not done, and what stays unknown is asked again.

What is not as we wrote it is alarmed and named in the log, once. Where it is the person's row or the proposal's, the
effect is settled all the same, since the grant says what was to be done: it is only told less. Where it is the grant's,
nothing is done on it, and it stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from bot.capabilities.model import Capability, Effect, Group, Systems
from bot.capabilities.performing import Performing
from bot.domain import effect as effects
from bot.domain.action import ResourceFacts
from bot.domain.answer import Result
from bot.domain.audit import EventType
from bot.domain.effect import EffectState
from bot.domain.identity import Principal, principal_of
from bot.domain.messages import EventKind, IncomingMessage
from bot.domain.proposal import Proposal
from bot.errors import DoorwardError, IntegrityAlarm, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.connectors import ConnectorError, Reconciliation
from bot.ports.database import Database, Transaction
from bot.ports.trace import NullTracer
from bot.services.audit_trail import Scribe
from bot.services.authorization import GrantMint
from bot.services.delivery import Delivery
from bot.services.effects import call_of
from bot.services.turns import ABSENT, RECONCILED, Turn

log = structlog.get_logger("doorward.reconciling")
PATIENCE_SECONDS = 30
"""Longer than any call lasts, so that the one that was cut off cannot still be running."""
BATCH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciling:
    """Run as a job."""

    database: Database
    clock: Clock
    systems: Systems
    mint: GrantMint
    catalogue: Mapping[str, Capability]
    performing: Performing
    delivery: Delivery

    async def run(self) -> int:
        """Look at a batch; how many were settled."""
        now = self.clock.now()
        waiting, altered = await self.database.read(
            lambda tx: (
                tx.effects.unfinished(now=now, older_than_seconds=PATIENCE_SECONDS, limit=BATCH),
                tx.effects.altered(now=now, older_than_seconds=PATIENCE_SECONDS),
            )
        )
        for effect_id in altered:
            await self._name(effect_id, self._nobodys(effect_id))
        return sum([await self._try(effect) for effect in waiting])

    async def _try(self, effect: effects.Effect) -> bool:
        """Settle one; what cannot be settled now is asked again, and holds up none of the others."""
        try:
            return await self._settle(effect)
        except StorageUnavailable:
            raise
        except DoorwardError as error:
            log.warning("not_reconciled", code=error.code, correlation=effect.grant.correlation)
            return False

    async def _settle(self, effect: effects.Effect) -> bool:
        capability = self.catalogue.get(effect.grant.action.capability)
        if capability is None or capability.effect is Effect.READ or effect.grant.action.action != capability.action:
            return await self._finish(effect, None, EffectState.REFUSED, "abandoned")
        renewed = self.mint.renew(effect.grant, self.clock.now())
        call = call_of(renewed, self.clock.now(), writes=True, expected_version=None)
        system = self.systems.hr if capability.group is Group.HR else self.systems.crm
        found = await system.reconcile(renewed, call)
        if found is Reconciliation.UNKNOWN:
            return False
        if found is Reconciliation.ABSENT:
            return await self._finish(effect, None, EffectState.REFUSED, ABSENT)
        turn = await self._turn(effect)
        result = None if turn is None else await self._result(turn, capability, effect)
        return await self._finish(effect, turn, EffectState.DONE, RECONCILED, result)

    async def _result(self, turn: Turn, capability: Capability, effect: effects.Effect) -> Result | None:
        """The first answer again: the same key does nothing twice. None where the system no longer tells."""
        renewed = self.mint.renew(effect.grant, self.clock.now())
        call = call_of(renewed, self.clock.now(), writes=True, expected_version=None)
        try:
            return await self.performing.again(turn, capability, renewed, call)
        except (ConnectorError, DoorwardError):
            return None

    async def _turn(self, effect: effects.Effect) -> Turn | None:
        principal, proposal, altered = await self.database.read(lambda tx: _asked(tx, effect, self.clock))
        if altered:
            await self._name(effect.id, self._scribe(effect))
        if principal is None:
            return None
        message = IncomingMessage(
            event_id=effect.grant.correlation,
            kind=EventKind.RESUME,
            who=effect.channel,
            place=effect.place,
            received_at=effect.intended_at,
        )
        return Turn(
            message=message,
            row=None,
            in_browser=False,
            clock=self.clock,
            tracer=NullTracer(),
            scribe=self._scribe(effect),
            principal=principal,
            facts=ResourceFacts(ref=effect.grant.action.resource),
            action=effect.grant.action,
            proposal=proposal,
            was_on=effect.source,
        )

    async def _name(self, effect_id: str, scribe: Scribe) -> None:
        """Alarm, once for each effect."""
        named = f"Effect::{effect_id}"
        alarm = scribe.event(EventType.INTEGRITY_ALARM, resource=named, decision="alarm", code=IntegrityAlarm.code)

        def work(tx: Transaction) -> bool:
            kind = EventType.INTEGRITY_ALARM.value
            if tx.audit.search(resource=named, type_prefix=kind, limit=1):
                return False
            tx.audit.append(alarm)
            return True

        if await self.database.write(work):
            log.critical("integrity.alarm", effect=effect_id, correlation=scribe.correlation)

    def _nobodys(self, effect_id: str) -> Scribe:
        """For what has no grant that could be believed."""
        return Scribe(time=self.clock.now(), channel="scheduler", correlation=f"effect:{effect_id}")

    def _scribe(self, effect: effects.Effect) -> Scribe:
        return Scribe(
            time=self.clock.now(),
            channel="scheduler",
            correlation=effect.grant.correlation,
            principal=effect.grant.identity.key,
        )

    async def _finish(
        self, effect: effects.Effect, turn: Turn | None, state: EffectState, code: str, result: Result | None = None
    ) -> bool:
        turn = turn or await self._turn(effect)
        event = self._scribe(effect).event(
            EventType.EFFECT_FINISHED,
            action=effect.grant.action.action,
            resource=str(effect.grant.action.resource),
            code=code,
            digest=effect.grant.digest,
        )

        def work(tx: Transaction) -> bool:
            if not tx.effects.finish(effect.id, state, now=self.clock.now(), code=code):
                return False
            tx.audit.append(event)
            if turn is not None and code != "abandoned":
                turn.outbox.clear()
                self.performing.tell(tx, turn, result, code)
            return True

        settled = await self.database.write(work)
        if settled and turn is not None:
            await self.delivery.send(turn.outbox)
        return settled


def _asked(tx: Transaction, effect: effects.Effect, clock: Clock) -> tuple[Principal | None, Proposal | None, bool]:
    """Who it was done for, and what they agreed to, whose card is to tell of it; and whether a row is altered."""
    principal, proposal, altered = None, None, False
    try:
        person = tx.persons.find(effect.grant.identity)
        if person is not None:
            principal = principal_of(person, tuple(tx.roles.of_identity(person.identity)), clock.now())
    except IntegrityAlarm:
        altered = True
    try:
        proposal = None if effect.proposal_id is None else tx.proposals.find(effect.proposal_id)
    except IntegrityAlarm:
        altered = True
    return principal, proposal, altered
