"""Why a decision came out as it did: each policy that concerns the action, and what it would still need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from policy.cases import outcome
from policy.cedar import CedarEngine
from policy.engine import EVERY_PROOF, decide
from policy.model import Decision, DecisionRequest, Deny, Permit, ProofContext
from policy.rules import Rule


class Standing(StrEnum):
    """How one policy, by itself, stands to a request."""

    APPLIES = "applies"
    NEEDS_PROOF = "needs_proof"
    NEEDS_ROLE = "needs_role"
    NOT_MET = "not_met"
    FORBIDS = "forbids"
    SILENT = "silent"
    """A forbid that does not fire."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStanding:
    """One policy and how it stands."""

    rule: Rule
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A sentence to be said: a text key and its values."""

    key: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The decision and how each policy on the action stands to it."""

    request: DecisionRequest
    decision: Decision
    rules: tuple[RuleStanding, ...]

    def lines(self) -> tuple[Line, ...]:
        """What to say, first the decision, then a line for each policy but the silent ones."""
        return (self._headline(), *(_line(one) for one in self.rules if one.standing is not Standing.SILENT))

    def _headline(self) -> Line:
        told = outcome(self.decision)
        return Line(
            key=f"explain.{told.decision}",
            values={
                "action": self.request.action,
                "resource": f"{self.request.resource.type}::{self.request.resource.id}",
                "reason": told.reason,
                "methods": ", ".join(told.methods),
                "rules": ", ".join(self.decision.rules),
                "policy": self.decision.policy_hash[:12],
            },
        )


def explain(
    engine: CedarEngine,
    request: DecisionRequest,
    *,
    producible: Sequence[ProofContext] = (),
    enrollable: Sequence[ProofContext] = (),
) -> Explanation:
    """The decision as `decide` gives it, with the standing of every policy that concerns the action."""
    return Explanation(
        request=request,
        decision=decide(engine, request, producible=producible, enrollable=enrollable),
        rules=tuple(
            RuleStanding(rule=rule, standing=_standing(engine, rule, request))
            for rule in engine.rules_for(request.action)
        ),
    )


def _standing(engine: CedarEngine, rule: Rule, request: DecisionRequest) -> Standing:
    alone = engine.only(rule.id)
    answer = alone.evaluate(request)
    if isinstance(answer, Deny) and answer.error:
        return Standing.FAILED
    if not rule.permits:
        return Standing.FORBIDS if answer.rules else Standing.SILENT
    if isinstance(answer, Permit):
        return Standing.APPLIES
    if rule.role is not None and rule.role not in request.principal.roles:
        return Standing.NEEDS_ROLE
    proven = (alone.evaluate(replace(request, proof=proof)) for proof in EVERY_PROOF)
    return Standing.NEEDS_PROOF if any(isinstance(answer, Permit) for answer in proven) else Standing.NOT_MET


def _line(one: RuleStanding) -> Line:
    rule = one.rule
    values = {"rule": rule.id, "source": rule.source, "role": rule.role or "", "reason": rule.reason or ""}
    return Line(key=f"explain.rule.{one.standing}", values=values)
