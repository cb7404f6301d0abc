"""Exactly once: the transaction before a connector call (T1), the call, the one after it (T2). Nothing else calls one.

T1 compares everything the decision was made on with what holds now; any difference is `Stale`, and the caller
decides again:

(1) link, session and lock: the chat account still speaks for this person, in a session that is alive;
(2) roles and attributes: the same person row and the same local grants;
(3) policy: the same hash;
(4) the proposal is still waiting, with this digest, and nothing was done on it before; the proof is unspent and in its
    time;
(5) whatever else the plan was made on (other people's approvals, each counted anew);
(6) then, in the same transaction: proposal and proof are spent, grant and intent are written, and it is audited;
    for a write the message's inbox row ends here: what is left behind is found out by the effect's key and told from
    there, and the message is not taken up a second time, to do it again or to say that its button was used.

The facts' version goes to the system itself, as the expected version of the call.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.action import CanonicalAction, ResourceFacts
from bot.domain.answer import Result
from bot.domain.audit import AuditRecord, EventType
from bot.domain.effect import Effect, EffectState
from bot.domain.grant import Grant
from bot.domain.identity import ChannelIdentity, Principal
from bot.domain.messages import Place
from bot.domain.proof import ConsentKind, Proof
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.session import SessionLimits, SessionState, Standing
from bot.errors import DoorwardError, IntegrityAlarm, Stale, StorageUnavailable
from bot.ports.clock import Clock
from bot.ports.connectors import Call, ConnectorError, ConnectorUnavailable, OutcomeUnknown
from bot.ports.database import Database, Transaction
from bot.services.audit_trail import Scribe
from bot.services.authorization import GrantMint

CALL_SECONDS = 4
"""A person is told within five seconds what became of a call (DESIGN: bad input)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A permitted act, with everything it was decided on."""

    principal: Principal
    standing: Standing
    action: CanonicalAction
    facts: ResourceFacts
    policy_hash: str
    rules: tuple[str, ...]
    proof: Proof | None
    proposal: Proposal | None
    channel: ChannelIdentity
    place: Place
    source: str | None
    scribe: Scribe
    writes: bool
    also: Callable[[Transaction, Grant], None] | None = None
    """What else must hold, and is taken, in T1: other people's approvals. Raises `Stale`."""
    attended: bool = True
    """A person asked, not their client by itself: only then it is a use of the session."""
    row: str | None = None
    """The message in the inbox that this is done for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of an effect."""

    grant: Grant
    result: Result | None
    code: str
    record: AuditRecord | None = None
    """None where somebody else had found out what became of it, and has told it."""


Conclude = Callable[[Transaction, Result | None, str], None]
"""Writes the answer in T2: the result or None, and the code of how it ended."""


class Effects:
    """Runs permitted acts."""

    def __init__(
        self,
        *,
        database: Database,
        mint: GrantMint,
        clock: Clock,
        limits: SessionLimits,
        policy_hash: Callable[[], str],
    ) -> None:
        self._database = database
        self._mint = mint
        self._clock = clock
        self._limits = limits
        self._policy_hash = policy_hash

    async def run(self, plan: Plan, perform: Callable[[Grant, Call], Awaitable[Result]], conclude: Conclude) -> Ran:
        """T1, the connector call within its deadline, T2. Raises `Stale`, `StorageUnavailable`."""
        grant = self._issue(plan)
        await self._database.write(lambda tx: self._intend(tx, plan, grant))
        result, code = await self._call(plan, grant, perform)
        try:
            return await self._database.write(lambda tx: self._finish(tx, plan, grant, result, code, conclude))
        except StorageUnavailable as error:
            if not plan.writes:
                raise
            # The system has been called: nobody is told that nothing was done, and reconciling finds out what was.
            raise StorageUnavailable(error.detail, code=OutcomeUnknown.code) from error

    async def run_local(
        self, plan: Plan, perform: Callable[[Transaction, Grant, Call], Result], conclude: Conclude
    ) -> Ran:
        """An act on our own tables: T1, the act and T2 are one transaction. Raises as `run`."""
        grant = self._issue(plan)
        call = self._call_of(plan, grant)

        def work(tx: Transaction) -> Ran:
            self._intend(tx, plan, grant)
            result = perform(tx, grant, call)
            return self._finish(tx, plan, grant, result, result.code, conclude)

        return await self._database.write(work)

    def _issue(self, plan: Plan) -> Grant:
        return self._mint.issue(
            grant_id=secrets.token_hex(16),
            principal=plan.principal,
            action=plan.action,
            policy_hash=plan.policy_hash,
            now=self._clock.now(),
            correlation=plan.scribe.correlation,
        )

    def _intend(self, tx: Transaction, plan: Plan, grant: Grant) -> None:
        now = self._clock.now()
        self._compare(tx, plan, now)
        self._spend(tx, plan, now)
        # Condition 5 of the list above.
        if plan.also is not None:
            plan.also(tx, grant)
        tx.effects.intend(
            Effect(
                id=grant.id,
                grant=grant,
                channel=plan.channel,
                place=plan.place,
                proposal_id=plan.proposal.id if plan.proposal else None,
                source=plan.source,
                state=EffectState.INTENDED,
                attempts=1,
                intended_at=now,
            )
        )
        if plan.writes and plan.row is not None and not tx.inbox.complete(plan.row, now):
            raise Stale("somebody else has this message", code="inbox.answered")
        tx.audit.append(
            plan.scribe.event(
                EventType.EFFECT_INTENDED,
                action=plan.action.action,
                resource=str(plan.action.resource),
                decision="allow",
                rules=plan.rules,
                policy_hash=plan.policy_hash,
                code=f"origin.{plan.proposal.origin}" if plan.proposal else "",
                digest=grant.digest,
                time=now,
            )
        )

    def _compare(self, tx: Transaction, plan: Plan, now: datetime) -> None:
        # Condition 1 of the list above.
        standing = tx.sessions.use(plan.channel, now=now, limits=self._limits, touch=plan.attended)
        if standing.state is not SessionState.ALIVE or standing.person is None or standing.session is None:
            raise Stale("session")
        if plan.standing.session is None or standing.session.id != plan.standing.session.id:
            raise Stale("session")
        # Condition 2 of the list above.
        if standing.person != plan.standing.person or standing.grants != plan.standing.grants:
            raise Stale("person")
        # Condition 3 of the list above.
        if self._policy_hash() != plan.policy_hash:
            raise Stale("policy")

    def _spend(self, tx: Transaction, plan: Plan, now: datetime) -> None:
        # Condition 4 of the list above.
        if plan.proposal is not None:
            if plan.proposal.digest != plan.action.digest or plan.proposal.until <= now:
                raise Stale("proposal")
            if not tx.proposals.finish(plan.proposal.id, ProposalState.SPENT):
                raise Stale("proposal", code="proposal.spent")
            if tx.effects.of_proposal(plan.proposal.id) is not None:
                raise IntegrityAlarm("a proposal that was spent waits again: an older row was put back")
        if plan.proof is None:
            return
        if plan.proof.kind is ConsentKind.PER_ACTION and plan.proof.binding != plan.action.digest:
            raise Stale("proof")
        if plan.proof.until <= now or not tx.proofs.spend(plan.proof.id, now=now):
            raise Stale("proof", code="proof.spent")

    def _call_of(self, plan: Plan, grant: Grant) -> Call:
        version = plan.facts.version or None
        return call_of(grant, self._clock.now(), writes=plan.writes, expected_version=version)

    async def _call(
        self, plan: Plan, grant: Grant, perform: Callable[[Grant, Call], Awaitable[Result]]
    ) -> tuple[Result | None, str]:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                result = await perform(grant, self._call_of(plan, grant))
        except TimeoutError:
            return None, OutcomeUnknown.code if plan.writes else ConnectorUnavailable.code
        except ConnectorError as error:
            return None, error.code
        except DoorwardError as error:
            return None, error.code
        return result, result.code

    def _finish(
        self, tx: Transaction, plan: Plan, grant: Grant, result: Result | None, code: str, conclude: Conclude
    ) -> Ran:
        now = self._clock.now()
        if not tx.effects.finish(grant.id, _state(result, code), now=now, code=code):
            return Ran(grant=grant, result=result, code=code)  # it was looked up meanwhile, and told
        record = tx.audit.append(
            plan.scribe.event(
                EventType.EFFECT_FINISHED,
                action=plan.action.action,
                resource=str(plan.action.resource),
                decision="allow",
                policy_hash=plan.policy_hash,
                code=code,
                digest=grant.digest,
                time=now,
            )
        )
        conclude(tx, result, code)
        return Ran(grant=grant, result=result, code=code, record=record)


def call_of(grant: Grant, now: datetime, *, writes: bool, expected_version: str | None) -> Call:
    """What a connector is called with besides the grant."""
    return Call(
        subject=grant.identity.key,
        employee=grant.employee,
        correlation=grant.correlation,
        deadline=now + timedelta(seconds=CALL_SECONDS),
        idempotency_key=grant.idempotency_key if writes else None,
        expected_version=expected_version if writes else None,
    )


def _state(result: Result | None, code: str) -> EffectState:
    if result is not None:
        return EffectState.DONE
    return EffectState.UNKNOWN if code == OutcomeUnknown.code else EffectState.REFUSED
