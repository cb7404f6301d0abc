"""Policies from the shell: whether they may be put in force, hold their cases, and what a change would change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from bot.bootstrap.shell_output import Fields
from bot.errors import Misconfigured
from policy import cases, cedar, diff, explain, replay, testing
from policy.model import DecisionRequest
from policy.rules import PolicyRefused
from policy.sources import POLICIES

SHIPPED = POLICIES
SHIPPED_CASES = Path(__file__).resolve().parents[2] / "tests" / "policy"
ANY_OUTCOME = {"decision": "permit"}
"""For a question that expects nothing."""


def validate(directory: Path) -> tuple[str, ...]:
    """What is wrong with the policies, a line each."""
    return testing.validate(directory)


def test(directory: Path, case_directory: Path, *, mutants: bool) -> testing.Report:
    """The policies against their cases. Raises `Misconfigured` where either cannot be read."""
    return testing.run(_engine(directory), _cases(case_directory), mutants=mutants)


def why(directory: Path, case_directory: Path, question: str) -> tuple[Fields, list[Fields]]:
    """The decision on a case, by its name or in a file, and how each policy stands to it. Raises `Misconfigured`."""
    case = _case(case_directory, question)
    told = explain.explain(_engine(directory), case.request, producible=case.producible, enrollable=case.enrollable)
    decision: Fields = (
        _asked(told.request) | _outcome(cases.outcome(told.decision)) | {"policy_hash": told.decision.policy_hash}
    )
    rules: list[Fields] = [
        {"rule": one.rule.id, "standing": one.standing.value, "policy": one.rule.summary, "source": one.rule.source}
        for one in told.rules
    ]
    return decision, rules


def differences(before: Path, after: Path, limit: int) -> list[Fields]:
    """Requests that two sets of policies answer differently, at most `limit`. Raises `Misconfigured`."""
    found = diff.differences(_engine(before), _engine(after))
    return [
        _asked(one.request) | {"before": _told(one.before), "after": _told(one.after)} for one in islice(found, limit)
    ]


def replayed(directory: Path, recorded: Path) -> list[Fields]:
    """Recorded decisions that these policies would answer differently. Raises `Misconfigured`."""
    engine = _engine(directory)
    try:
        changed = list(replay.replay(engine, replay.read_recorded(recorded)))
    except (OSError, cases.CaseRefused) as refused:
        raise Misconfigured(f"{recorded} cannot be replayed: {refused}") from None
    return [
        {"line": one.case.name}
        | _asked(one.case.request)
        | {"before": _told(one.case.expected), "after": _told(one.now)}
        for one in changed
    ]


def _engine(directory: Path) -> cedar.CedarEngine:
    try:
        return cedar.load(directory)
    except PolicyRefused as refused:
        raise Misconfigured("\n".join(refused.problems)) from None


def _cases(directory: Path) -> tuple[cases.Case, ...]:
    try:
        return cases.read_cases(directory)
    except cases.CaseRefused as refused:
        raise Misconfigured(f"the cases cannot be read: {refused}") from None


def _case(directory: Path, question: str) -> cases.Case:
    path = Path(question)
    if path.suffix == ".json":
        return _written(path, directory)
    named = [case for case in _cases(directory) if question in (case.name, case.name.partition("/")[2])]
    if not named:
        raise Misconfigured(f"there is no case {question!r} in {directory}; name one, or a .json file of the same form")
    return named[0]


def _written(path: Path, directory: Path) -> cases.Case:
    try:
        world = json.loads((directory / cases.WORLD).read_text(encoding="utf-8"))
        said = json.loads(path.read_text(encoding="utf-8"))
        return cases.parse_case(path.stem, {"expect": ANY_OUTCOME} | said, world)
    except (OSError, ValueError, KeyError, TypeError) as refused:
        raise Misconfigured(f"{path} is no case: {refused!r}") from None


def _asked(request: DecisionRequest) -> dict[str, object]:
    resource = replace(request.resource, type="")
    facts = {name: getattr(resource, name) for name in ("owner", "manager", "department", "region", "state", "amount")}
    return {
        "principal": request.principal.key,
        "roles": tuple(sorted(request.principal.roles)),
        "action": request.action,
        "resource": f"{request.resource.type}::{request.resource.id}",
        "facts": tuple(f"{name}={value}" for name, value in facts.items() if value is not None),
        "circumstances": tuple(_circumstances(request)),
    }


def _circumstances(request: DecisionRequest) -> Iterator[str]:
    """What of person, session and proof may make the difference."""
    if request.principal.locked:
        yield "locked"
    if request.principal.employee is None:
        yield "no employee number"
    for role, departments in sorted(request.principal.scopes.items()):
        yield f"{role} of {' '.join(sorted(departments))}"
    yield f"session {request.session.age_seconds}s, checked {request.session.idp_checked_age_seconds}s ago"
    if request.proof is not None:
        where = f" from {request.proof.src_ip}" if request.proof.src_ip else ""
        yield f"{request.proof.method} {request.proof.age_seconds}s ago{where}"


def _outcome(outcome: cases.Outcome) -> dict[str, object]:
    return {
        "decision": outcome.decision,
        "reason": str(outcome.reason),
        "methods": tuple(str(method) for method in outcome.methods),
        "rules": outcome.rules or (),
    }


def _told(outcome: cases.Outcome) -> str:
    obliged = outcome.obligations
    flags = (
        ()
        if obliged is None
        else [obliged.consent, *(n for n in ("confidential", "revalidate", "confirm") if getattr(obliged, n))]
    )
    parts = (outcome.decision, outcome.reason, *outcome.methods, *flags, *(outcome.rules or ()))
    return " · ".join(str(part) for part in parts if part)
