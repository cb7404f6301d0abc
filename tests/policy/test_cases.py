"""The shipped policies against every case, and the cases against every change of the policies."""

from collections.abc import Sequence

import pytest

from policy.cases import Case, read_cases
from policy.cedar import CedarEngine
from policy.testing import decisive, failure, survivors
from tests.policy.conftest import HERE


@pytest.mark.parametrize("case", read_cases(HERE), ids=lambda case: case.name)
def test_the_decision_is_the_one_written_down(engine: CedarEngine, case: Case) -> None:
    assert failure(engine, case) is None


def test_every_policy_decides_a_case(engine: CedarEngine, cases: Sequence[Case]) -> None:
    assert {rule.id for rule in engine.rules} == decisive(engine, cases)


def test_every_action_has_a_case_that_is_allowed_and_one_that_is_not(
    engine: CedarEngine, cases: Sequence[Case]
) -> None:
    allowed = {case.request.action for case in cases if case.expected.decision in {"permit", "step_up"}}
    denied = {case.request.action for case in cases if case.expected.decision == "deny"}
    assert allowed == set(engine.actions)
    # Looking up facts and asking for help are open to everybody who is signed in; `locked` is shown on other actions.
    assert denied == set(engine.actions) - {"Resolve", "Help", "WhoAmI"}


def test_no_change_of_a_policy_goes_unnoticed(engine: CedarEngine, cases: Sequence[Case]) -> None:
    assert survivors(engine, cases) == ()
