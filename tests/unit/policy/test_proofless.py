"""Policies that look at a proof and take none: what an open session would get is refused when they are loaded."""

from pathlib import Path

import pytest

from policy.cedar import CedarEngine, load
from policy.rules import PolicyRefused
from tests.unit.policy.written import sources

NONE_TAKEN = (
    "when { context has proof || true }",
    "when { context has proof || principal.locked == false }",
    "when { context has proof || !(context has proof) }",
    "when { !(context has proof) }",
    "when { !(context has proof && context.proof.age < 300) }",
    "when { if context has proof then context.proof.age < 300 else true }",
    'when { if context has proof then context.proof.age < 300 else principal.region == "north" }',
    "when { (context has proof) == false }",
    "when { [context has proof, true].contains(true) }",
    "when { principal.locked || (context has proof && context.proof.age < 300) }",
    "unless { context has proof }",
    "unless { context has proof && context.proof.age > 300 }",
    "unless { context has proof || principal.locked }",
    "when { true } unless { principal.locked && context has proof }",
)
TAKEN = (
    "when { context has proof }",
    "when { context has proof && context.proof.age < 300 }",
    "when { principal.locked || true } when { context has proof }",
    "when { resource has owner && (context has proof && (!principal.has_passkey || context.proof.age < 3)) }",
    "when { if context has proof then true else false }",
    "when { !(!(context has proof)) }",
    "unless { !(context has proof) }",
    "unless { !(context has proof && context.proof.age < 300) }",
    "unless { principal.locked || !(context has proof) }",
    "when { context has proof.age && context.proof.age < 300 }",
)


def _policy(clauses: str, action: str = "ViewPayslip") -> str:
    return f'@id("p") @consent("per_action") permit (principal, action == Action::"{action}", resource) {clauses};'


@pytest.mark.requirement("61")
@pytest.mark.parametrize("action", ["ViewPayslip", "ApproveLeave", "GrantRole", "ChangeOwnFactors"])
@pytest.mark.parametrize("clauses", NONE_TAKEN)
def test_a_policy_that_permits_without_the_proof_it_looks_at_is_refused_by_name(
    tmp_path: Path, clauses: str, action: str
) -> None:
    (tmp_path / "x.cedar").write_text(_policy(clauses, action))
    with pytest.raises(PolicyRefused) as refused:
        load(tmp_path)
    (told,) = refused.value.problems
    assert told.startswith(f"x.cedar:1: p: permits {action} ")


@pytest.mark.requirement("61")
@pytest.mark.parametrize("clauses", TAKEN)
def test_one_that_takes_it_is_served(tmp_path: Path, clauses: str) -> None:
    (tmp_path / "x.cedar").write_text(_policy(clauses))
    (rule,) = load(tmp_path).rules
    assert rule.takes_proof


@pytest.mark.parametrize("clauses", NONE_TAKEN)
def test_what_stands_in_the_low_tier_may_look_at_a_proof_and_take_none(tmp_path: Path, clauses: str) -> None:
    (tmp_path / "x.cedar").write_text(_policy(clauses, "WhoAmI"))
    (rule,) = load(tmp_path).rules
    assert rule.looks_at_proof
    assert not rule.takes_proof


def test_every_policy_of_ours_that_looks_at_a_proof_to_permit_takes_one() -> None:
    permits = [rule for rule in load().rules if rule.permits]
    assert {rule.id for rule in permits if rule.looks_at_proof} == {rule.id for rule in permits if rule.takes_proof}


def test_a_policy_without_clauses_takes_none() -> None:
    text = '@id("p") permit (principal, action == Action::"WhoAmI", resource);'
    (rule,) = CedarEngine(sources(x=text)).rules
    assert not rule.takes_proof
