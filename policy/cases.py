"""Decisions written down as files: one sentence a file, in folders `ALLOW`, `DENY` and `STEP_UP`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from policy.model import (
    ApprovalsContext,
    BehalfContext,
    BreakGlassContext,
    Consent,
    ContextRequired,
    Decision,
    DecisionRequest,
    Deny,
    EnrolRequired,
    Method,
    Obligations,
    Permit,
    Place,
    PrincipalEntity,
    ProofContext,
    ResourceEntity,
    SessionContext,
    StepUpRequired,
)

WORLD = "world.json"
"""The people and resources that cases name."""
FOLDERS = {"ALLOW": {"permit"}, "DENY": {"deny"}, "STEP_UP": {"step_up", "enrol", "context"}}
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
"""When every case happens that says nothing else."""

_WORDS = frozenset(
    {
        *("principal", "action", "resource", "session", "proof", "producible", "enrollable", "expect"),
        *("approvals", "on_behalf_of", "break_glass"),
    }
)
_KINDS = {Permit: "permit", Deny: "deny", StepUpRequired: "step_up", ContextRequired: "context", EnrolRequired: "enrol"}

Json = Mapping[str, Any]


class CaseRefused(ValueError):
    """A case that cannot be read; says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A decision as a case states it."""

    decision: str
    rules: tuple[str, ...] | None = None
    """The determining policies; None where a table does not say."""
    reason: str = ""
    methods: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    obligations: Obligations | None = None
    error: bool = False

    def differs(self, actual: Outcome) -> str | None:
        """The first difference in words; None when there is none. What is None here is not compared."""
        for field in fields(self):
            wanted, got = getattr(self, field.name), getattr(actual, field.name)
            if wanted is not None and wanted != got:
                return f"{field.name}: expected {wanted!r}, got {got!r}"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what must come of it."""

    name: str
    request: DecisionRequest
    producible: tuple[ProofContext, ...] = ()
    enrollable: tuple[ProofContext, ...] = ()
    expected: Outcome


def outcome(decision: Decision) -> Outcome:
    """A decision in the words of a case."""
    obligations = Obligations() if isinstance(decision, Deny) else decision.obligations
    methods: tuple[str, ...] = ()
    if isinstance(decision, StepUpRequired | ContextRequired | EnrolRequired):
        methods = decision.methods
    return Outcome(
        decision=_KINDS[type(decision)],
        rules=decision.rules,
        reason=decision.reason if isinstance(decision, Deny) else "",
        methods=methods,
        missing=decision.missing if isinstance(decision, ContextRequired) else (),
        obligations=obligations,
        error=isinstance(decision, Deny) and decision.error,
    )


def read_cases(directory: Path) -> tuple[Case, ...]:
    """Every case under a directory. Raises `CaseRefused` with the file's name; a directory without cases is refused."""
    try:
        world = json.loads((directory / WORLD).read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise CaseRefused(f"{directory / WORLD}: {exc}") from exc
    paths = [path for folder in FOLDERS for path in sorted((directory / folder).glob("*.json"))]
    if not paths:
        raise CaseRefused(f"{directory}: no case")
    return tuple(_read(path, world) for path in paths)


def _read(path: Path, world: Json) -> Case:
    name = f"{path.parent.name}/{path.stem}"
    try:
        case = parse_case(name, json.loads(path.read_text(encoding="utf-8")), world)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise CaseRefused(f"{name}: {exc!r}") from exc
    if case.expected.decision not in FOLDERS[path.parent.name]:
        raise CaseRefused(f"{name}: a {case.expected.decision} stands in another folder")
    return case


def parse_case(name: str, said: Json, world: Json) -> Case:
    """One case from its JSON. Raises `ValueError`, `KeyError` or `TypeError` for what it does not understand."""
    unknown = set(said) - _WORDS
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    request = DecisionRequest(
        principal=_principal(_named(said["principal"], world["people"])),
        action=said["action"],
        resource=ResourceEntity(**_named(said["resource"], world["resources"])),
        session=_session(said.get("session", {})),
        proof=_proof(said["proof"]) if "proof" in said else None,
        approvals=ApprovalsContext(**said["approvals"]) if "approvals" in said else None,
        on_behalf_of=BehalfContext(employee=said["on_behalf_of"]) if "on_behalf_of" in said else None,
        break_glass=BreakGlassContext(reason=said["break_glass"]) if "break_glass" in said else None,
        now=NOON,
    )
    return Case(
        name=name,
        request=request,
        producible=tuple(_proof(proof) for proof in said.get("producible", ())),
        enrollable=tuple(_proof(proof) for proof in said.get("enrollable", ())),
        expected=_expected(said["expect"]),
    )


def _named(said: str | Json, known: Json) -> Json:
    """Somebody or something by name, or by `like` a name with differences; None takes a fact away."""
    if isinstance(said, str):
        return dict(known[said])
    base = dict(known[said["like"]]) if "like" in said else {}
    merged = base | {key: value for key, value in said.items() if key != "like"}
    return {key: value for key, value in merged.items() if value is not None}


def _principal(said: Json) -> PrincipalEntity:
    scopes = {role: frozenset(departments) for role, departments in said.get("scopes", {}).items()}
    plain = {key: value for key, value in said.items() if key not in {"roles", "scopes"}}
    return PrincipalEntity(**({"locked": False} | plain), roles=frozenset(said["roles"]), scopes=scopes)


def _session(said: Json) -> SessionContext:
    usual: dict[str, Any] = {
        "age_seconds": 60,
        "idp_checked_age_seconds": 60,
        "platform": "slack",
        "place": Place.DIRECT,
    }
    return SessionContext(**(usual | dict(said)))


def _proof(said: str | Json) -> ProofContext:
    if isinstance(said, str):
        return ProofContext(method=Method(said), phishing_resistant=Method(said) is Method.PASSKEY)
    return ProofContext(**(dict(said) | {"method": Method(said["method"])}))


def _expected(said: Json) -> Outcome:
    obligations = dict(said.get("obligations", {}))
    if "consent" in obligations:
        obligations["consent"] = Consent(obligations["consent"])
    if "approves" in obligations:
        obligations["approves"] = tuple(obligations["approves"])
    listed = {key: tuple(said[key]) for key in ("rules", "methods", "missing") if key in said}
    return Outcome(**({"rules": ()} | dict(said) | listed | {"obligations": Obligations(**obligations)}))
