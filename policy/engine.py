"""Decides: once as things stand and, after a clean no, once more for each proof this person could give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from policy.model import (
    Consent,
    ContextRequired,
    Decision,
    DecisionRequest,
    Deny,
    EnrolRequired,
    Method,
    Permit,
    ProofContext,
    Reason,
    StepUpRequired,
)
from policy.rules import Rule

EVERY_PROOF = tuple(ProofContext(method=method, phishing_resistant=method is not Method.TOTP) for method in Method)
_ORDER = {method: position for position, method in enumerate(Method)}


class PolicyEngine(Protocol):
    """One immutable set of policies with its schema."""

    @property
    def policy_hash(self) -> str:
        """SHA-256 over policies and schema, hexadecimal."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """One client address out of every range the policies name."""
        ...

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        """The answer as things stand; never raises."""
        ...

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        """The policies that concern an action, in the order of their reasons; none for an unknown one."""
        ...

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        """Whether any proof could turn this denial into a permit; yes when in doubt."""
        ...


class ActivePolicy:
    """Holds the engine in force. A decision takes `engine` once, so a swap never happens within one."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine = engine

    @property
    def engine(self) -> PolicyEngine:
        """The policies in force now."""
        return self._engine

    def swap(self, engine: PolicyEngine) -> str:
        """Put another set of policies in force, and give the hash of the one before."""
        before, self._engine = self._engine, engine
        return before.policy_hash


class ResistantOnly:
    """The engine where only a phishing-resistant proof counts, and one is wanted, whatever the policies ask for."""

    def __init__(self, engine: PolicyEngine) -> None:
        self._engine = engine
        self.policy_hash = engine.policy_hash
        self.addresses = tuple(engine.addresses)

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        answer = self._engine.evaluate(request)
        if isinstance(answer, Deny):
            return answer
        if request.proof is None or not request.proof.phishing_resistant:
            return Deny(reason=Reason.NOT_ALLOWED, policy_hash=answer.policy_hash)
        return replace(answer, obligations=replace(answer.obligations, consent=Consent.PER_ACTION, batch=0))

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return self._engine.rules_for(action)

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        return not denial.rules or self._engine.proof_may_help(action, denial)


class MissingPolicy:
    """Stands where no policy could be loaded: everything is refused, as an error."""

    policy_hash = ""
    addresses: tuple[str, ...] = ()

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        return Deny(reason=Reason.POLICY_ERROR, policy_hash="", error=True, detail="no policy is loaded")

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return ()

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        return False


def decide(
    engine: PolicyEngine,
    request: DecisionRequest,
    *,
    producible: Sequence[ProofContext] = (),
    enrollable: Sequence[ProofContext] = (),
) -> Decision:
    """The decision, with the step-up, browser leg or enrolment that would turn a clean no into a yes (DESIGN §3.6).

    Between the tries nothing differs but `proof`. The reason of a denial is that of the first evaluation.
    """
    first = engine.evaluate(request)
    if isinstance(first, Permit) or first.error or not engine.proof_may_help(request.action, first):
        return first
    attempt = _Attempts(engine, request)
    return (
        _step_up(attempt, producible)
        or _browser_leg(attempt, producible, engine.addresses)
        or _enrolment(attempt, enrollable)
        or _denial(attempt, first)
    )


class _Attempts:
    """One request with one proof after the other; what was tried is not asked again."""

    def __init__(self, engine: PolicyEngine, request: DecisionRequest) -> None:
        self._engine = engine
        self._request = request
        self._answers: dict[ProofContext, Permit | Deny] = {}

    def __call__(self, proof: ProofContext) -> Permit | Deny:
        if proof not in self._answers:
            self._answers[proof] = self._engine.evaluate(replace(self._request, proof=proof))
        return self._answers[proof]


def _step_up(attempt: _Attempts, proofs: Iterable[ProofContext]) -> StepUpRequired | Deny | None:
    found = _permits(attempt, proofs)
    if not isinstance(found, list):
        return found
    first = found[0][1]
    # A method whose permit obliges to something else is another way, and not offered beside the first.
    same = [method for method, permit in found if permit.obligations == first.obligations]
    return StepUpRequired(
        methods=tuple(dict.fromkeys(same)),
        rules=first.rules,
        policy_hash=first.policy_hash,
        obligations=first.obligations,
    )


def _permits(attempt: _Attempts, proofs: Iterable[ProofContext]) -> list[tuple[Method, Permit]] | Deny | None:
    """Each proof that would do with its permit, in order; the first error; None where none would do."""
    permits: list[tuple[Method, Permit]] = []
    for proof in _ordered(proofs):
        answer = attempt(proof)
        if isinstance(answer, Permit):
            permits.append((proof.method, answer))
        elif answer.error:
            return answer
    return permits or None


def _browser_leg(
    attempt: _Attempts, proofs: Iterable[ProofContext], addresses: Sequence[str]
) -> ContextRequired | Deny | None:
    """Tries an address from every range the policies name, with each proof whose address is not known yet."""
    for proof in _ordered(proofs):
        if proof.src_ip is not None:
            continue
        found = _step_up(attempt, [replace(proof, src_ip=address) for address in addresses])
        if isinstance(found, StepUpRequired):
            return ContextRequired(
                missing=("src_ip",),
                methods=found.methods,
                rules=found.rules,
                policy_hash=found.policy_hash,
                obligations=found.obligations,
            )
        if found is not None:
            return found
    return None


def _enrolment(attempt: _Attempts, proofs: Iterable[ProofContext]) -> EnrolRequired | Deny | None:
    permits = _permits(attempt, proofs)
    if not isinstance(permits, list):
        return permits
    first = permits[0][1]
    return EnrolRequired(
        methods=tuple(dict.fromkeys(method for method, _ in permits)),
        rules=first.rules,
        policy_hash=first.policy_hash,
        obligations=first.obligations,
    )


def _denial(attempt: _Attempts, first: Deny) -> Deny:
    """The first answer; where a proof would do that this person can neither give nor enrol now, that is the reason."""
    found = _step_up(attempt, EVERY_PROOF)
    if isinstance(found, StepUpRequired):
        return replace(first, reason=Reason.SECOND_FACTOR_UNAVAILABLE)
    return found or first


def _ordered(proofs: Iterable[ProofContext]) -> list[ProofContext]:
    return sorted(proofs, key=lambda proof: (_ORDER[proof.method], proof.phishing_resistant))
