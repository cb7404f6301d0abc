"""Cedar, through cedarpy: the only module that names it. Policies and schema are parsed once and checked before use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import cedarpy
from cedarpy import pst

from policy.entities import context_json, entities_json, network_address, uid
from policy.model import DecisionRequest, Deny, Permit, Reason
from policy.rules import PolicyRefused, Rule, annotation_problems, default_reason, obligations_of, strictest
from policy.sources import POLICIES, Sources, line_of, read_sources

_ACTION = re.compile(r'^action "([^"]+)"(?: in \[([^\]]*)\])?(?: appliesTo \{(.*?)\})?;', re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r'"([^"]+)"')
_RESOURCES = re.compile(r"resource: \[([^\]]*)\]")


def load(directory: Path = POLICIES) -> CedarEngine:
    """The engine for a directory of policies. Raises `PolicyRefused` with every problem found."""
    return CedarEngine(read_sources(directory))


class CedarEngine:
    """One checked set of policies with its schema; never changes (a `PolicyEngine`)."""

    def __init__(self, sources: Sources) -> None:
        self._schema = _schema(sources.schema)
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
        self._policies = cedarpy.PolicySet.from_pst(
            pst.PolicySet(templates={}, static_policies=policies, template_links=())
        )
        self._rules = {key: self._vocabulary.rule(policy, origins[key]) for key, policy in policies.items()}
        self._order = {key: position for position, key in enumerate(policies)}
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
    def rules(self) -> tuple[Rule, ...]:
        """What is known of each policy, in the order of the files."""
        return tuple(self._rules.values())

    @property
    def actions(self) -> Mapping[str, frozenset[str]]:
        """Resource types by action."""
        return self._vocabulary.actions

    def depends_on_proof(self, action: str) -> bool:
        return any(rule.looks_at_proof and action in rule.actions for rule in self._rules.values())

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        """Cedar's answer. Allowed only when it says Allow **and** reports no error: Cedar skips a policy that fails."""
        try:
            answer = self._ask(request)
        except (ValueError, TypeError, OverflowError) as exc:
            return self._failed(str(exc))
        if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
            return self._failed(*answer.diagnostics.errors)
        fired = [self._rules[key] for key in sorted(answer.diagnostics.reasons, key=self._order.__getitem__)]
        ids = tuple(rule.id for rule in fired)
        if answer.decision is cedarpy.Decision.Allow:
            obligations = strictest(rule.obligations for rule in fired)
            return Permit(rules=ids, policy_hash=self._hash, obligations=obligations)
        reason = next((rule.reason for rule in fired if rule.reason), None)
        if reason is None:
            reason = default_reason(self._rules.values(), request.action, request.principal.roles)
        return Deny(rules=ids, reason=reason, policy_hash=self._hash)

    def _ask(self, request: DecisionRequest) -> cedarpy.AuthzResult:
        # The schema goes with every decision: without it action groups do not resolve, and a forbid on one never fires.
        question = {
            "principal": uid("Principal", request.principal.key),
            "action": uid("Action", request.action),
            "resource": uid(request.resource.type, request.resource.id),
            "context": context_json(request),
        }
        entities = entities_json(request.principal, request.resource)
        return cedarpy.is_authorized(question, self._policies, entities, self._schema)

    def _failed(self, *errors: str) -> Deny:
        # Cedar repeats the whole entity document before saying what is wrong with it.
        detail = "; ".join(error.rpartition("}]: ")[2] for error in errors)
        return Deny(reason=Reason.POLICY_ERROR, policy_hash=self._hash, error=True, detail=detail)


class _Vocabulary:
    """Actions, their groups and their resource types, from the schema in Cedar's own normal form."""

    def __init__(self, schema: str) -> None:
        self.actions: dict[str, frozenset[str]] = {}
        self._parents: dict[str, frozenset[str]] = {}
        for name, parents, applies in _ACTION.findall(schema):
            self._parents[name] = frozenset(_QUOTED.findall(parents))
            resources = _RESOURCES.search(applies)
            if resources:
                self.actions[name] = frozenset(kind.strip() for kind in resources[1].split(","))

    def rule(self, policy: pst.Template, source: str) -> Rule:
        """One policy's head and annotations."""
        annotations = policy.annotations
        return Rule(
            id=annotations["id"],
            permits=policy.effect == "permit",
            role=_role(policy.principal),
            actions=self._concerned(policy.action),
            looks_at_proof=_looks_at_proof(policy),
            reason=Reason(annotations["reason"]) if "reason" in annotations else None,
            obligations=obligations_of(annotations),
            source=source,
        )

    def _concerned(self, scope: pst.ActionConstraint) -> frozenset[str]:
        if isinstance(scope, pst.ActionEq):
            return frozenset({scope.entity.id})
        if isinstance(scope, pst.ActionIn):
            named = {entity.id for entity in scope.entities}
            return frozenset(action for action in self.actions if named & self._closure(action))
        return frozenset(self.actions)

    def _closure(self, action: str) -> frozenset[str]:
        found = {action}
        for parent in self._parents.get(action, ()):
            found |= self._closure(parent)
        return frozenset(found)


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
            policy.annotations, permits=policy.effect == "permit", looks_at_proof=_looks_at_proof(policy)
        )
        self.problems += [f"{where}: {key}: {problem}" for problem in told]
        self.policies[key] = policy
        self.origins[key] = where

    def _validate(self, name: str, text: str) -> None:
        checked = cedarpy.validate_policies(text, self._schema)
        ids = checked.id_annotations_by_policy_id
        for error in checked.errors:
            key = ids.get(error.policy_id, "")
            self.problems.append(f"{name}:{line_of(text, key)}: {key}: {error.error}")
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


def _looks_at_proof(policy: pst.Template) -> bool:
    return any(
        (isinstance(node, pst.GetAttr) and node.attr == "proof")
        or (isinstance(node, pst.HasAttr) and "proof" in node.attrs)
        for node in _nodes(policy.clauses)
    )


def _addresses(policy: pst.Template) -> Iterator[str]:
    for node in _nodes(policy.clauses):
        if isinstance(node, pst.UnaryOp) and node.op == "ip" and isinstance(node.arg, pst.StringLit):
            yield network_address(node.arg.value)


def _nodes(value: object) -> Iterator[object]:
    """Every node under a part of a policy, itself included."""
    if isinstance(value, tuple):
        for member in value:
            yield from _nodes(member)
    elif is_dataclass(value):
        yield value
        for part in fields(value):
            yield from _nodes(getattr(value, part.name))
