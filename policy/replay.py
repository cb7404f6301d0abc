"""What other policies would have answered to decisions that were recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from policy.cases import Case, CaseRefused, Outcome, outcome, parse_case
from policy.engine import PolicyEngine, decide

_NOBODY: dict[str, dict[str, object]] = {"people": {}, "resources": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A recorded decision that would come out differently."""

    case: Case
    now: Outcome


def read_recorded(path: Path) -> Iterator[Case]:
    """Recorded decisions, a case a line in JSON with everybody and everything written out. Raises `CaseRefused`."""
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            name = f"{path.name}:{number}"
            try:
                yield parse_case(name, json.loads(line), _NOBODY)
            except (ValueError, KeyError, TypeError) as exc:
                raise CaseRefused(f"{name}: {exc!r}") from exc


def replay(engine: PolicyEngine, recorded: Iterable[Case]) -> Iterator[Changed]:
    """Those of the recorded decisions that this engine answers differently."""
    for case in recorded:
        decision = decide(engine, case.request, producible=case.producible, enrollable=case.enrollable)
        now = outcome(decision)
        if case.expected.differs(now):
            yield Changed(case=case, now=now)
