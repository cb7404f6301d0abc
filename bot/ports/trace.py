"""The trace of a message: what the demo's glass door shows, built from an allow-list, never by redaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypedDict


class Step(StrEnum):
    """The ten steps of the pipeline, and what came before them."""

    AUTHENTIC = "authentic"
    THROTTLE = "throttle"
    WHO = "who"
    SESSION = "session"
    UNDERSTAND = "understand"
    FACTS = "facts"
    DECIDE = "decide"
    CONSENT = "consent"
    REVALIDATE = "revalidate"
    EFFECT = "effect"
    OUT = "out"


class StepOutcome(StrEnum):
    """How a step ended."""

    OK = "ok"
    NO = "no"
    ASKED = "asked"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEntry:
    """One step, with the few named details that may be shown."""

    step: Step
    outcome: StepOutcome
    seconds: float = 0.0
    principal: str = ""
    capability: str = ""
    origin: str = ""
    resource: str = ""
    digest: str = ""
    decision: str = ""
    rules: tuple[str, ...] = ()
    code: str = ""
    method: str = ""
    session_age_seconds: int = -1
    owner: str = ""
    facts_version: str = ""
    grant: str = ""
    effect: str = ""
    audit_seq: int = 0
    audit_hash: str = ""
    policy_hash: str = ""


class TraceDetails(TypedDict, total=False):
    """The details of a `TraceEntry`, as they are given by name."""

    principal: str
    capability: str
    origin: str
    resource: str
    digest: str
    decision: str
    rules: tuple[str, ...]
    code: str
    method: str
    session_age_seconds: int
    owner: str
    facts_version: str
    grant: str
    effect: str
    audit_seq: int
    audit_hash: str
    policy_hash: str


class Tracer(Protocol):
    """Receives the entries of one message."""

    def record(self, correlation: str, entry: TraceEntry) -> None:
        """Take one entry."""
        ...


class NullTracer:
    """Production: nothing is recorded."""

    def record(self, correlation: str, entry: TraceEntry) -> None:
        """Drop the entry."""
