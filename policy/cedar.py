"""Cedar, through cedarpy, which `policy.proofless` alone names besides; policies and schema are checked before use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cedarpy
from cedarpy import pst

from policy.entities import context_json, entities_json, network_address, uid
from policy.model import DecisionRequest, Deny, Permit, Reason
from policy.proofless import looks_at_proof, takes_proof
from policy.rules import (
    PolicyRefused,
    Rule,
    annotation_problems,
    default_reason,
    obligations_of,
    serving_problems,
    strictest,
)
from policy.sources import POLICIES, Sources, line_of, read_sources
from policy.syntax import children, names, nodes
from policy.vocabulary import Vocabulary

_OWN_TYPES = frozenset({"Person", "System"})
_SINGLY_GROUPS = frozenset({"Standing", "BreakGlass"})
_REMEMBERED = 512
"""Pairs of principal and resource that are kept parsed: a message asks several times about the same two."""
_EACH_ACTION = re.compile(r' for Action::"[^"]*"$')


def load(directory: Path = POLICIES) -> CedarEngine:
    """The engine for a directory of policies. Raises `PolicyRefused` with every problem found."""
    engine = CedarEngine(read_sources(directory))
    if problems := serving_problems(engine.rules, singly=engine.signed_singly, low=engine.low_tier):
        raise PolicyRefused(problems)
    return engine


class CedarEngine:
    """One checked set of policies with its schema; never changes (a `PolicyEngine`)."""

    def __init__(self, sources: Sources) -> None:
        self._schema = _schema(sources.schema)
        self._entities = _entities_reader(self._schema)
        self._vocabulary = _Vocabulary(str(self._schema))
        self._hash = sources.digest
        reading = _Reading(self._schema)
        for name, text in sources.files:
            reading.add(name, text)
        if reading.problems:
            raise PolicyRefused(reading.problems)
        self._put(reading.policies, reading.origins)

    def _put(self, policies: Mapping[str, pst.Template], origins: Mapping[str, str]) -> None:
        self._templates = policies
        self._origins = origins
        self._policies = _policy_set(policies)
        self._narrowed: dict[str, cedarpy.PolicySet] = {}
        self._rules = {key: self._vocabulary.rule(policy, origins[key]) for key, policy in policies.items()}
        self._by_action = {
            action: tuple(rule for rule in self._rules.values() if action in rule.actions) for action in self.actions
        }
        self._order = {key: position for position, key in enumerate(policies)}
        self._permit = lru_cache(maxsize=_REMEMBERED)(self._permitted)
        self._addresses = tuple(
            dict.fromkeys(address for policy in policies.values() for address in _addresses(policy))
        )

    @property
    def policy_hash(self) -> str:
        return self._hash

    @property
    def addresses(self) -> tuple[str, ...]:
        return self._addresses

    @property
    def numbers(self) -> frozenset[int]:
        """Every number the policies compare with: where their answers change."""
        return frozenset(node.value for node in self._nodes() if isinstance(node, pst.LongLit))

    @property
    def strings(self) -> frozenset[str]:
        """Every string the policies compare with."""
        return frozenset(node.value for node in self._nodes() if isinstance(node, pst.StringLit))

    def _nodes(self) -> Iterator[object]:
        return nodes(tuple(policy.clauses for policy in self._templates.values()))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What is known of each policy, in the order of the files."""
        return tuple(self._rules.values())

    @property
    def actions(self) -> Mapping[str, frozenset[str]]:
        """Resource types by action."""
        return self._vocabulary.actions

    @property
    def signed_singly(self) -> frozenset[str]:
        """Actions of which no proof signs several: on people and on Doorward itself, and past whoever is entitled."""
        return self._vocabulary.of(_OWN_TYPES, _SINGLY_GROUPS)

    @property
    def low_tier(self) -> frozenset[str]:
        """Actions that an open session does by itself or with a press; anything else takes a proof."""
        return self._vocabulary.of(frozenset(), frozenset({"Low"}))

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return self._by_action.get(action, ())

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        # A forbid that does not look at the proof fires again whatever the proof.
        if any(not self._rules[key].looks_at_proof for key in denial.rules):
            return False
        return any(rule.looks_at_proof for rule in self.rules_for(action))

    def mutants(self) -> Iterator[Mutant]:
        """This set with one policy left out, or one part of one changed: what cases must notice (`policy.testing`)."""
        for key, policy in self._templates.items():
            rest = {other: template for other, template in self._templates.items() if other != key}
            yield Mutant(rule=self._rules[key], change="left out", engine=self._with(rest))
            for change, changed in _changed_policies(policy):
                yield Mutant(rule=self._rules[key], change=change, engine=self._with({**self._templates, key: changed}))

    def unlike(self, other: CedarEngine) -> frozenset[str]:
        """The actions on which this set and another may differ: those that a policy concerns that is not the same in
        both; all of them when the schemas or the order of the reasons differ.
        """
        mine, theirs = self._templates, other._templates
        both = [key for key in mine if key in theirs]
        if str(self._schema) != str(other._schema) or both != [key for key in theirs if key in mine]:
            return frozenset(self.actions) | frozenset(other.actions)
        same = {key for key in both if mine[key] == theirs[key]}
        return frozenset().union(*(rule.actions for rule in (*self.rules, *other.rules) if rule.id not in same))

    def only(self, rule_id: str) -> CedarEngine:
        """One policy by itself, to see whether it applies (`policy.explain`). Raises `KeyError`."""
        return self._with({rule_id: self._templates[rule_id]})

    def _with(self, policies: Mapping[str, pst.Template]) -> CedarEngine:
        other = copy(self)
        other._put(policies, self._origins)  # noqa: SLF001 - its own kind
        return other

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        """Cedar's answer. Allowed only when it says Allow **and** reports no error: Cedar skips a policy that fails."""
        try:
            answer = self._ask(request)
        except (ValueError, TypeError, OverflowError) as exc:
            return self._failed(str(exc))
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            return self._failed(*answer.diagnostics.errors)
        keys = tuple(sorted(answer.diagnostics.reasons, key=self._order.__getitem__))
        if answer.decision is cedarpy.Decision.Allow:
            return self._permit(keys)
        fired = [self._rules[key] for key in keys]
        reason = next((rule.reason for rule in fired if rule.reason), None)
        if reason is None:
            reason = default_reason(self.rules_for(request.action), request.action, request.principal.roles)
        return Deny(rules=tuple(rule.id for rule in fired), reason=reason, policy_hash=self._hash)

    def _permitted(self, keys: tuple[str, ...]) -> Permit:
        """What these policies oblige to, when it is they that permit."""
        fired = [self._rules[key] for key in keys]
        obligations = strictest(rule.obligations for rule in fired)
        return Permit(rules=tuple(rule.id for rule in fired), policy_hash=self._hash, obligations=obligations)

    def _ask(self, request: DecisionRequest) -> cedarpy.AuthzResult:
        # The schema goes with every decision: without it action groups do not resolve, and a forbid on one never fires.
        question = {
            "principal": uid("Principal", request.principal.key),
            "action": uid("Action", request.action),
            "resource": uid(request.resource.type, request.resource.id),
            "context": context_json(request),
        }
        policies, written = self._concerning(request.action), entities_json(request.principal, request.resource)
        try:
            entities: str | cedarpy.Entities = self._entities(written)
        except ValueError:
            entities = written  # Cedar refuses it again, and says more about why
        return cedarpy.is_authorized(question, policies, entities, self._schema)

    def _concerning(self, action: str) -> cedarpy.PolicySet:
        """The policies whose head can match the action: Cedar never reads the body of any other, and looking at fewer
        heads is what its time goes into. An unknown action is Cedar's to refuse.
        """
        found = self._narrowed.get(action)
        if found is None and action in self.actions:
            chosen = {key: policy for key, policy in self._templates.items() if action in self._rules[key].actions}
            found = self._narrowed[action] = _policy_set(chosen)
        return self._policies if found is None else found

    def _failed(self, *errors: str) -> Deny:
        # Cedar repeats the whole entity document before saying what is wrong with it.
        detail = "; ".join(error.rpartition("}]: ")[2] for error in errors)
        return Deny(reason=Reason.POLICY_ERROR, policy_hash=self._hash, error=True, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A set of policies with one change that at least one case should notice."""

    rule: Rule
    change: str
    engine: CedarEngine


class _Vocabulary(Vocabulary):
    """The schema's words, and what a policy's head says in them."""

    def rule(self, policy: pst.Template, source: str) -> Rule:
        """One policy's head and annotations."""
        annotations = policy.annotations
        return Rule(
            id=annotations["id"],
            permits=policy.effect == "permit",
            role=_role(policy.principal),
            actions=self._concerned(policy.action),
            looks_at_proof=looks_at_proof(policy.clauses),
            looks_at_passkey=names(policy.clauses, "has_passkey"),
            takes_proof=takes_proof(policy),
            reason=Reason(annotations["reason"]) if "reason" in annotations else None,
            obligations=obligations_of(annotations),
            source=source,
        )

    def _concerned(self, scope: pst.ActionConstraint) -> frozenset[str]:
        if isinstance(scope, pst.ActionEq):
            return frozenset({scope.entity.id})
        if isinstance(scope, pst.ActionIn):
            named = {entity.id for entity in scope.entities}
            return frozenset(action for action in self.actions if named & self.closure(action))
        return frozenset(self.actions)


def _policy_set(policies: Mapping[str, pst.Template]) -> cedarpy.PolicySet:
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=policies, template_links=()))


def _entities_reader(schema: cedarpy.Schema) -> Callable[[str], cedarpy.Entities]:
    """Reads entities under the schema, which adds its action groups; kept by their complete text, which is all that
    they are made of. What does not fit raises `ValueError` each time.
    """
    return lru_cache(maxsize=_REMEMBERED)(lambda text: cedarpy.Entities.from_json_str(text, schema))


def _schema(text: str) -> cedarpy.Schema:
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as exc:
        raise PolicyRefused([f"schema: {exc}"]) from exc


class _Reading:
    """Policies read so far, under their `@id`, and what is wrong with them."""

    def __init__(self, schema: cedarpy.Schema) -> None:
        self._schema = schema
        self.policies: dict[str, pst.Template] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []

    def add(self, name: str, text: str) -> None:
        """One file."""
        try:
            parsed = cedarpy.policies_to_pst(text)
        except ValueError as exc:
            self.problems.append(f"{name}:{_broken_line(text)}: {exc}")
            return
        self.problems += [f"{name}: a policy with slots: write it out" for _ in parsed.templates]
        for position, policy in enumerate(parsed.static_policies.values(), 1):
            key = policy.annotations.get("id")
            if key:
                self._policy(key, replace(policy, id=key), f"{name}:{line_of(text, key)}")
            else:
                self.problems.append(f"{name}: policy {position} has no @id")
        self._validate(name, text)

    def _policy(self, key: str, policy: pst.Template, where: str) -> None:
        if key in self.policies:
            self.problems.append(f"{where}: {key}: the @id of another policy too ({self.origins[key]})")
        told = annotation_problems(
            policy.annotations, permits=policy.effect == "permit", looks_at_proof=looks_at_proof(policy.clauses)
        )
        self.problems += [f"{where}: {key}: {problem}" for problem in told]
        self.policies[key] = policy
        self.origins[key] = where

    def _validate(self, name: str, text: str) -> None:
        checked = cedarpy.validate_policies(text, self._schema)
        ids = checked.id_annotations_by_policy_id
        said: dict[str, None] = {}
        for error in checked.errors:
            key = ids.get(error.policy_id, "")
            # Cedar says the same once for every action a policy concerns.
            once = _EACH_ACTION.sub("", error.error.replace(f"`{error.policy_id}`", f"`{key}`"))
            said.setdefault(f"{name}:{line_of(text, key)}: {key}: {once}")
        self.problems += said
        if not checked.validation_passed and not checked.errors:
            self.problems.append(f"{name}: does not fit the schema")


def _broken_line(text: str) -> int:
    """Where the first policy that does not parse begins: an `@id` at the beginning of a line begins one."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("@id(")] or [0]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        try:
            cedarpy.policies_to_pst("\n".join(lines[start:end]))
        except ValueError:
            return start + 1
    return 1


def _role(scope: pst.PrincipalOrResourceConstraint) -> str | None:
    if isinstance(scope, pst.ScopeIn | pst.ScopeIsIn) and isinstance(scope.entity, pst.EntityUid):
        return scope.entity.id
    return None


def _addresses(part: object) -> Iterator[str]:
    """One address out of every range a part of a policy names."""
    for node in nodes(part):
        if isinstance(node, pst.UnaryOp) and node.op == "ip" and isinstance(node.arg, pst.StringLit):
            yield network_address(node.arg.value)


def _changed_policies(policy: pst.Template) -> Iterator[tuple[str, pst.Template]]:
    for name in policy.annotations:
        if name != "id":
            kept = {other: value for other, value in policy.annotations.items() if other != name}
            yield f"without @{name}", replace(policy, annotations=kept)
    if not isinstance(policy.principal, pst.ScopeAny):
        yield "for any principal", replace(policy, principal=pst.ScopeAny())
    if isinstance(policy.action, pst.ActionIn):
        for change, entities in _shortened(policy.action.entities):
            yield f"not for {change}", replace(policy, action=pst.ActionIn(entities))
    for position, clause in enumerate(policy.clauses):
        before, after = policy.clauses[:position], policy.clauses[position + 1 :]
        yield f"without clause {position + 1}", replace(policy, clauses=before + after)
        for change, expression in _changed(clause.expr):
            yield change, replace(policy, clauses=(*before, replace(clause, expr=expression), *after))


def _changed(part: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - the vendor's nodes have no common base
    """Every way to change one expression in one place: a side dropped, a negation dropped, a number moved by one."""
    if isinstance(part, pst.BinaryOp) and part.op in ("and", "or"):
        yield f"{part.op}: only the left of `{_shown(part)}`", part.left
        yield f"{part.op}: only the right of `{_shown(part)}`", part.right
    elif isinstance(part, pst.UnaryOp) and part.op == "not":
        yield f"without the negation of `{_shown(part.arg)}`", part.arg
    elif isinstance(part, pst.LongLit):
        yield f"{part.value} less one", replace(part, value=part.value - 1)
        yield f"{part.value} and one", replace(part, value=part.value + 1)
    if not is_dataclass(part) or isinstance(part, type):
        return
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, tuple) and all(is_dataclass(member) for member in value):
            yield from ((f"without {what}", replace(part, **{field.name: rest})) for what, rest in _shortened(value))
        else:
            yield from ((what, replace(part, **{field.name: changed})) for what, changed in _changed(value))


def _shortened(members: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for position, member in enumerate(members):
        yield _shown(member), members[:position] + members[position + 1 :]


def _shown(part: object) -> str:
    """Enough of a part of a policy to find it again."""
    if isinstance(part, pst.EntityUid):
        return part.id
    if isinstance(part, pst.HasAttr):
        return f"has {'.'.join(part.attrs)}"
    if isinstance(part, pst.GetAttr):
        return f"{_shown(part.base)}.{part.attr}"
    if isinstance(part, pst.Var):
        return part.name
    return " ".join(_shown(child) for child in children(part) if is_dataclass(child)) or str(
        getattr(part, "value", "…")
    )
