"""Counts approvals: what policy makes of each today, and whether they suffice together.

An approval counts when all of this holds:

(1) its row is as it was written, and of the request as it stands (`facts_version`), which still waits;
(2) whoever gave it is still known, and policy would permit them the same now: not locked, role and relation unchanged,
    and, where it was given in somebody's place, still standing in on the day it was given;
(3) neither the person nor the authority they used has counted already, so that a second account, a substitute and the
    approver, or one person in two roles, are one.

Whether the counted suffice is policy's answer too; what is missing is found by asking it again with more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import combinations_with_replacement

from bot.domain.action import ResourceFacts
from bot.domain.approval import Approval, Manner
from bot.domain.identity import Principal, principal_of
from bot.domain.proof import ConsentKind, Proof
from bot.ports.database import Transaction
from bot.services.authorization import Authorizer, Circumstances
from bot.services.standing_in import stands_in
from bot.texts.formats import zone
from policy.model import APPROVES, ApprovalsContext, Deny, Permit

MOST_MISSING = 4
"""How many further approvals are tried to find out what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voter:
    """Whoever acts now, and what policy said of it."""

    principal: Principal
    circumstances: Circumstances
    approval: Approval
    approves: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted; two tallies on the same rows and the same people are equal."""

    counted: tuple[Approval, ...]
    """Those given before."""
    twice: bool
    """Whoever acts now, or whose place they act in, has approved already."""
    counts: ApprovalsContext
    settles: bool
    missing: tuple[str, ...]
    """As what others would have to approve; empty where it settles, or where nobody could."""

    @property
    def needed(self) -> int:
        """How many there must be at the least."""
        return self.counts.total + len(self.missing)


class Tallying:
    """Asks policy about every approval."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def tally(
        self, tx: Transaction, voter: Voter, facts: ResourceFacts, actions: tuple[str, str], now: datetime
    ) -> Tally:
        """Count with whoever acts now; `actions` are the one approved and the one that settles."""
        approved, settles = actions
        counted: list[tuple[Approval, tuple[str, ...]]] = []
        # Condition 1 of the list above: the store checks the rows.
        for approval in _in_time(tx, facts, now):
            # Condition 2 of the list above.
            kinds = self._would_count(tx, approval, facts, approved, now)
            # Condition 3 of the list above.
            if kinds and not _met(approval, [other for other, _ in counted]):
                counted.append((approval, kinds))
        before = tuple(approval for approval, _ in counted)
        twice = _met(voter.approval, before)
        kinds_of_all = [kinds for _, kinds in counted] + ([] if twice else [voter.approves])
        counts = _counts(kinds_of_all)
        missing = self._missing(voter, facts, settles, counts, now)
        return Tally(counted=before, twice=twice, counts=counts, settles=missing == (), missing=missing or ())

    def _would_count(
        self, tx: Transaction, approval: Approval, facts: ResourceFacts, action: str, now: datetime
    ) -> tuple[str, ...]:
        person = tx.persons.find(approval.identity)
        if person is None or person.employee != approval.employee:
            return ()
        principal = principal_of(person, tuple(tx.roles.of_identity(person.identity)), now)
        behalf = approval.on_behalf_of
        if behalf is not None and behalf.manner is Manner.SUBSTITUTE:
            given_on = approval.at.astimezone(zone(person.timezone)).date()
            standing = tx.substitutions.of_approver(behalf.employee, since=given_on)
            theirs = [item for item in standing if item.substitute == approval.employee and item.covers(given_on)]
            if not any(stands_in(tx, item, facts.owner) for item in theirs):
                return ()
        circumstances = Circumstances(
            session=None, idp_checked_at=now, platform="", place=None, authenticators=(), on_behalf_of=behalf
        )
        decision = self._authorizer.decide(
            principal, action, facts, circumstances, proof=_proof_of(approval, now), now=now
        )
        return decision.obligations.approves if isinstance(decision, Permit) else ()

    def _missing(
        self, voter: Voter, facts: ResourceFacts, settles: str, counts: ApprovalsContext, now: datetime
    ) -> tuple[str, ...] | None:
        """What policy would need besides; nothing where it suffices, None where no further approvals would do."""
        for more in _further():
            together = _added(counts, more)
            decision = self._authorizer.decide(
                voter.principal, settles, facts, voter.circumstances, proof=None, now=now, approvals=together
            )
            if isinstance(decision, Permit):
                return more
            if isinstance(decision, Deny) and decision.error:
                return None
        return None


def _in_time(tx: Transaction, facts: ResourceFacts, now: datetime) -> list[Approval]:
    """What was given while the request waited does not outlive that, whether or not a job has closed it since."""
    asked = tx.approvals.asked(str(facts.ref))
    given = tx.approvals.given(str(facts.ref), facts.version)
    return [] if asked is None else [approval for approval in given if not approval.at < asked.until <= now]


def _further() -> Iterator[tuple[str, ...]]:
    for size in range(MOST_MISSING + 1):
        yield from combinations_with_replacement(APPROVES, size)


def _added(counts: ApprovalsContext, more: tuple[str, ...]) -> ApprovalsContext:
    return ApprovalsContext(
        total=counts.total + len(more),
        manager=counts.manager + more.count("manager"),
        hr=counts.hr + more.count("hr"),
    )


def _counts(kinds: Sequence[tuple[str, ...]]) -> ApprovalsContext:
    return ApprovalsContext(
        total=len(kinds),
        manager=sum("manager" in each for each in kinds),
        hr=sum("hr" in each for each in kinds),
    )


def _met(approval: Approval, others: Sequence[Approval]) -> bool:
    """Whether the person or the authority of an approval is among the others'."""
    mine = {approval.employee, approval.authority}
    return any(mine & {other.employee, other.authority} for other in others)


def _proof_of(approval: Approval, now: datetime) -> Proof:
    """The proof that was given with it, as fresh as it was then: how old it may be was decided when it was spent."""
    return Proof(
        id="",
        identity=approval.identity,
        method=approval.method,
        phishing_resistant=approval.phishing_resistant,
        kind=ConsentKind.PER_ACTION,
        binding=approval.digest,
        at=now,
        until=now,
    )


def same(one: Tally, other: Tally) -> bool:
    """Whether two tallies count the same approvals to the same end."""
    return replace(one, counted=()) == replace(other, counted=()) and [item.id for item in one.counted] == [
        item.id for item in other.counted
    ]
