"""What is known of each policy without evaluating it: whom and what it concerns, and what its annotations say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policy.model import APPROVES, WRITABLE_REASONS, Consent, Obligations, Reason

ANNOTATIONS = frozenset(
    {"id", "reason", "consent", "set", "confidential", "revalidate", "confirm", "approves", "batch"}
)
_FLAGS = ("confidential", "revalidate", "confirm")
_OBLIGATIONS = ("consent", "set", "approves", "batch", *_FLAGS)
DECISIONS = frozenset({"ApproveLeave", "RefuseLeave"})
"""What Doorward keeps an approval of, with the proof that was given for it."""
MAX_BATCH = 50
"""Nobody reads a longer list before signing it."""


class PolicyRefused(ValueError):
    """Policies that may not be put in force; `problems` has one line each, with file, line and id."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One policy, read once when it is loaded."""

    id: str
    permits: bool
    role: str | None
    """The role its head asks for; None for anybody."""
    actions: frozenset[str]
    looks_at_proof: bool
    looks_at_passkey: bool = False
    """Its answer depends on whether the person has a passkey that counts."""
    takes_proof: bool
    """It never permits without one; a policy may look at the proof and take none all the same."""
    reason: Reason | None
    obligations: Obligations
    source: str
    """File and line."""

    @property
    def summary(self) -> str:
        """What it does in a few words of the policy's own: effect, role, obligations or reason."""
        said = self.obligations
        obliged = [said.consent, *(flag for flag in _FLAGS if getattr(said, flag))]
        parts = ("permit" if self.permits else "forbid", self.role, *obliged, None if self.permits else self.reason)
        return " · ".join(part for part in parts if part)


def obligations_of(annotations: Mapping[str, str]) -> Obligations:
    """The obligations one policy's annotations name. Raises `ValueError` for an unknown consent."""
    return Obligations(
        consent=Consent(annotations["consent"]) if "consent" in annotations else None,
        reading_set=annotations.get("set", ""),
        batch=int(annotations.get("batch", "0")),
        approves=(annotations["approves"],) if "approves" in annotations else (),
        **{flag: annotations.get(flag) == "true" for flag in _FLAGS},
    )


def strictest(parts: Iterable[Obligations]) -> Obligations:
    """The strictest union: a proof for this action before one for a reading; every flag that any policy sets.

    As what somebody approves is no strictness: who is manager and HR at once counts as both, and as one person.
    """
    parts = tuple(parts)
    kinds = {part.consent for part in parts}
    consent = next((kind for kind in reversed(Consent) if kind in kinds), None)
    sets = sorted({part.reading_set for part in parts if part.reading_set})
    if consent is Consent.OWN_READING and len(sets) != 1:
        # One proof may open one named set; policies that name none, or different ones, leave only the single action.
        consent = Consent.PER_ACTION
    return Obligations(
        consent=consent,
        reading_set=sets[0] if consent is Consent.OWN_READING else "",
        confidential=any(part.confidential for part in parts),
        revalidate=any(part.revalidate for part in parts),
        confirm=any(part.confirm for part in parts),
        batch=min((part.batch for part in parts), default=0),
        approves=tuple(kind for kind in APPROVES if any(kind in part.approves for part in parts)),
    )


def default_reason(rules: Iterable[Rule], action: str, roles: frozenset[str]) -> Reason:
    """Why nothing permitted. It looks at action and roles only, never at the resource: what may not be seen and what
    does not exist get the same reason. The permit for a role the person holds speaks before one for anybody.
    """
    permits = [rule for rule in rules if rule.permits and action in rule.actions]
    open_to = [rule for rule in permits if rule.role in roles] or [rule for rule in permits if rule.role is None]
    if permits and not open_to:
        return Reason.NOT_YOUR_ROLE
    return next((rule.reason for rule in open_to if rule.reason), Reason.NOT_ALLOWED)


def annotation_problems(annotations: Mapping[str, str], *, permits: bool, looks_at_proof: bool) -> list[str]:
    """What is wrong with one policy's annotations, in words for its author."""
    problems = [f"unknown annotation @{name}" for name in sorted(set(annotations) - ANNOTATIONS)]
    problems += [f'@{flag} must be "true" or left out' for flag in _FLAGS if annotations.get(flag, "true") != "true"]
    if "consent" in annotations and annotations["consent"] not in set(Consent):
        problems.append(f"@consent must be one of {', '.join(Consent)}")
    if "approves" in annotations and annotations["approves"] not in APPROVES:
        problems.append(f"@approves must be one of {', '.join(APPROVES)}")
    if "reason" in annotations and annotations["reason"] not in WRITABLE_REASONS:
        problems.append(f"@reason must be one of {', '.join(sorted(WRITABLE_REASONS))}")
    batch = annotations.get("batch", "2")
    if not (batch.isascii() and batch.isdigit() and 2 <= int(batch) <= MAX_BATCH):
        problems.append(f"@batch says how many one proof may sign, from 2 to {MAX_BATCH}")
    if "batch" in annotations and annotations.get("consent") != Consent.PER_ACTION:
        problems.append('@batch goes with @consent("per_action")')
    if ("set" in annotations) != (annotations.get("consent") == Consent.OWN_READING):
        problems.append('@set and @consent("own_reading") go together')
    return problems + _effect_problems(annotations, permits=permits, looks_at_proof=looks_at_proof)


def serving_problems(rules: Sequence[Rule], *, singly: frozenset[str], low: frozenset[str]) -> list[str]:
    """Why policies that are well formed are not served all the same, in words for their author; nothing if they are."""
    found = [*_decision_problems(rules, DECISIONS), *_batch_problems(rules, singly)]
    return found or _tier_problems(rules, low)


def _decision_problems(rules: Iterable[Rule], decisions: frozenset[str]) -> list[str]:
    """Permits that would let somebody decide on a request without a proof for exactly that, in words for their author.

    An approval is kept with its proof, by which it is counted, told from others, and asked about again: a press alone
    ends in a card that nobody can go on from.
    """
    why = (
        'an approval is kept with its proof: ask for context.proof, with @consent("per_action"); @confirm is not enough'
    )
    return [
        f"{rule.source}: {rule.id}: permits {', '.join(sorted(rule.actions & decisions))} without a proof; {why}"
        for rule in rules
        if rule.permits
        and rule.actions & decisions
        and not (rule.takes_proof and rule.obligations.consent is Consent.PER_ACTION)
    ]


def _effect_problems(annotations: Mapping[str, str], *, permits: bool, looks_at_proof: bool) -> list[str]:
    if not permits:
        told = [f"a forbid obliges nobody: @{name}" for name in _OBLIGATIONS if name in annotations]
        return told if "reason" in annotations else [*told, "a forbid says why: @reason is missing"]
    if looks_at_proof != ("consent" in annotations):
        return ["a permit that looks at context.proof names its @consent, and no other does"]
    return []


def _tier_problems(rules: Iterable[Rule], low: frozenset[str]) -> list[str]:
    """Permits that would give an open session more than the low tier, in words for their author."""
    return [
        f"{rule.source}: {rule.id}: permits {', '.join(sorted(rule.actions - low))} to an open session alone: ask for"
        " context.proof, with @consent, or put the action into the schema's low tier"
        + (" (it looks at context.proof, and permits where there is none)" if rule.looks_at_proof else "")
        for rule in rules
        if rule.permits and not rule.takes_proof and rule.actions - low
    ]


def _batch_problems(rules: Iterable[Rule], singly: frozenset[str]) -> list[str]:
    """Permits that would let one proof sign several of what is signed one by one, in words for their author."""
    return [
        f"{rule.source}: {rule.id}: @batch with {', '.join(sorted(rule.actions & singly))}: what is done to people or"
        " to Doorward itself, and break-glass, is signed one by one"
        for rule in rules
        if rule.permits and rule.obligations.batch and rule.actions & singly
    ]
