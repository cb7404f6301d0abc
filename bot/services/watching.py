"""Watches what was asked: closes what nobody decided in time, and notices what was decided in the HR system itself."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot.domain.action import ResourceFacts, ResourceRef
from bot.domain.answer import Posting
from bot.domain.approval import AskedRequest, RequestState
from bot.domain.audit import AuditEvent, EventType
from bot.domain.effect import EffectState
from bot.domain.identity import Person, principal_of
from bot.domain.leave import LeaveState
from bot.domain.outbound import OutboxItem
from bot.errors import DoorwardError, IntegrityAlarm, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.database import Database, Transaction
from bot.ports.facts import FactsSource
from bot.services import approvals
from bot.services.asking import Routes, ask
from bot.services.audit_trail import Scribe
from bot.services.authorization import GrantMint
from bot.services.delivery import Delivery
from bot.texts.formats import clock_time
from bot.texts.sentences import language_of

BATCH = 200
FACTS_SECONDS = 2
ELSEWHERE: Mapping[str, str] = {
    LeaveState.APPROVED: "elsewhere_approved",
    LeaveState.REFUSED: "elsewhere_refused",
    LeaveState.CANCELLED: "elsewhere_cancelled",
}
NAMED: Mapping[str, str] = {
    "elsewhere_approved": "elsewhere_approved_by",
    "elsewhere_refused": "elsewhere_refused_by",
}
"""How it is told where the system says who; whoever decided is not who cancelled it."""
log = structlog.get_logger("doorward.watching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """Run as a job."""

    database: Database
    clock: Clock
    mint: GrantMint
    sources: Mapping[str, FactsSource]
    delivery: Delivery
    routes: Routes

    async def run(self) -> int:
        """Look at everything that waits; how many were closed or moved on."""
        waiting = await self.database.read(lambda tx: list(tx.approvals.open(limit=BATCH)))
        return sum([await self._look(asked) for asked in waiting])

    async def _look(self, asked: AskedRequest) -> bool:
        """One request; what cannot be looked at now is looked at again, and holds up none of the others."""
        try:
            if asked.until <= self.clock.now():
                return await self._close(asked, RequestState.EXPIRED, "expired")
            facts = await self._facts(asked)
            return False if facts is None else await self._compare(asked, facts)
        except StorageUnavailable:
            raise
        except (DoorwardError, TimeoutError) as error:
            code = error.code if isinstance(error, DoorwardError) else "timeout"
            (log.critical if isinstance(error, IntegrityAlarm) else log.warning)("not_looked_at", code=code)
            return False

    async def _facts(self, asked: AskedRequest) -> ResourceFacts | None:
        """The facts alone, in the name of whoever asked: it is their own request."""
        found = await self.database.read(lambda tx: _requester(tx, asked))
        kind, _, number = asked.about.partition("::")
        if found is None or kind not in self.sources:
            return None
        grant = self.mint.issue_facts(
            principal=principal_of(found, (), self.clock.now()),
            ref=ResourceRef(type=kind, id=number),
            correlation=secrets.token_hex(8),
        )
        async with asyncio.timeout(FACTS_SECONDS):
            return await self.sources[kind].resolve(grant)

    async def _compare(self, asked: AskedRequest, facts: ResourceFacts) -> bool:
        how = ELSEWHERE.get(facts.state or "")
        if how is not None:
            return await self._close(asked, RequestState.DECIDED, how, facts.decided_by or "")
        if facts.version == asked.facts_version:
            return False
        return await self._write(asked, lambda tx: self._moved_on(tx, asked, facts))

    def _moved_on(self, tx: Transaction, asked: AskedRequest, facts: ResourceFacts) -> tuple[Posting, ...]:
        """The record changed in the system: approvals of what it was are void, and HR is asked where it now waits."""
        tx.approvals.close(asked.about, "void")
        if facts.state != LeaveState.SECOND_APPROVAL or asked.request.by_hr:
            tx.approvals.ask(replace(asked, facts_version=facts.version, progress=None))
            return ()
        request = replace(asked.request, by_hr=True, approver=None, line=(), version=facts.version)
        now = self.clock.now()
        postings = ask(
            tx, request, routes=self.routes, asked_by=asked.asked_by, identity=asked.identity, now=now
        ).postings
        return (*postings, *approvals.show_moved_on(tx, asked, postings))

    async def _close(self, asked: AskedRequest, state: RequestState, how: str, by: str = "") -> bool:
        def work(tx: Transaction) -> tuple[Posting, ...]:
            now = self.clock.now()
            approvals.close(tx, asked.about, state, now)
            tx.notices.close(asked.about, now)
            tx.audit.append(_event(asked, now, f"approval.{how}"))
            person = tx.persons.find(asked.identity)
            at = clock_time(now, person.timezone if person else "UTC", language_of(person.locale if person else None))
            return approvals.show_closed(tx, asked, NAMED.get(how, how) if by else how, at, by=by)

        return await self._write(asked, work)

    async def _write(self, asked: AskedRequest, work: _Work) -> bool:
        """In one transaction, unless it was decided here meanwhile, or is just being written to the system."""

        def inside(tx: Transaction) -> list[OutboxItem] | None:
            if tx.approvals.hold(asked.about) != asked or _under_way(tx, asked):
                return None
            return self.delivery.put_all(tx, work(tx), "")

        items = await self.database.write(inside)
        if items is None:
            return False
        await self.delivery.send(items)
        return True


_Work = Callable[[Transaction], tuple[Posting, ...]]


def _requester(tx: Transaction, asked: AskedRequest) -> Person | None:
    return tx.persons.find(asked.identity)


def _under_way(tx: Transaction, asked: AskedRequest) -> bool:
    """Whether an act of ours on it is not finished: T2 closes it, or the look-up of lost replies does."""
    effect = tx.effects.find(asked.taken_by) if asked.taken_by else None
    return effect is not None and effect.state in (EffectState.INTENDED, EffectState.UNKNOWN)


def _event(asked: AskedRequest, now: datetime, code: str) -> AuditEvent:
    scribe = Scribe(time=now, channel="scheduler", correlation="", principal=asked.identity.key)
    return scribe.event(EventType.APPROVAL_CLOSED, resource=asked.about, code=code)
