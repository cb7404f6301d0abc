"""Holds policies to their cases: every case as expected, every policy decisive somewhere, every change noticed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from policy.cases import Case, outcome
from policy.cedar import CedarEngine, Mutant, load
from policy.engine import PolicyEngine, decide
from policy.rules import PolicyRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of the cases."""

    cases: int
    failures: tuple[str, ...]
    undecided: tuple[str, ...]
    """Policies that decide no case."""
    survivors: tuple[str, ...] = ()
    """Changes that no case noticed."""

    @property
    def passed(self) -> bool:
        """Whether there is nothing to complain of."""
        return not (self.failures or self.undecided or self.survivors)


def validate(directory: Path) -> tuple[str, ...]:
    """What is wrong with a directory of policies, one line each; nothing when they may be put in force."""
    try:
        load(directory)
    except PolicyRefused as refused:
        return refused.problems
    return ()


def run(engine: CedarEngine, cases: Sequence[Case], *, mutants: bool = False) -> Report:
    """Every case against one set of policies and, if asked, against every mutant of it."""
    return Report(
        cases=len(cases),
        failures=tuple(f"{case.name}: {told}" for case in cases if (told := failure(engine, case))),
        undecided=tuple(sorted({rule.id for rule in engine.rules} - decisive(engine, cases))),
        survivors=survivors(engine, cases) if mutants else (),
    )


def failure(engine: PolicyEngine, case: Case) -> str | None:
    """How a case differs from what it expects; None when it does not."""
    decision = decide(engine, case.request, producible=case.producible, enrollable=case.enrollable)
    return case.expected.differs(outcome(decision))


def decisive(engine: PolicyEngine, cases: Iterable[Case]) -> set[str]:
    """The policies that decide at least one case as things stand or after a step-up."""
    found: set[str] = set()
    for case in cases:
        found.update(decide(engine, case.request, producible=case.producible, enrollable=case.enrollable).rules)
    return found


def survivors(engine: CedarEngine, cases: Sequence[Case]) -> tuple[str, ...]:
    """The mutants that no case tells from the policies themselves (every case is taken to pass on those)."""
    return tuple(
        f"{mutant.rule.source}: {mutant.rule.id}: {mutant.change}"
        for mutant in engine.mutants()
        if not any(failure(mutant.engine, case) for case in _likeliest_first(mutant, cases))
    )


def _likeliest_first(mutant: Mutant, cases: Iterable[Case]) -> list[Case]:
    """A policy matters only to its own actions, or to all when it is widened; its own cases notice soonest."""
    concerned = [case for case in cases if case.request.action in mutant.rule.actions]
    return sorted(concerned, key=lambda case: mutant.rule.id not in (case.expected.rules or ()))
