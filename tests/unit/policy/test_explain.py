"""What an administrator is told of a decision."""

from dataclasses import replace

from policy.cedar import load
from policy.explain import Standing, explain
from policy.model import DecisionRequest, Method, ProofContext

TOTP = ProofContext(method=Method.TOTP)


def _standings(request: DecisionRequest) -> dict[str, Standing]:
    told = explain(load(), request, producible=[TOTP])
    return {one.rule.id: one.standing for one in told.rules if one.standing is not Standing.SILENT}


def test_what_would_be_needed_is_told_of_each_permit(request_: DecisionRequest) -> None:
    assert _standings(request_) == {
        "hr.leave.decide-report": Standing.NEEDS_PROOF,
        "hr.leave.decide-on-behalf": Standing.NOT_MET,
        "hr.leave.decide-department": Standing.NEEDS_ROLE,
    }
    assert _standings(replace(request_, proof=TOTP))["hr.leave.decide-report"] is Standing.APPLIES


def test_a_condition_no_proof_can_meet_is_not_met(request_: DecisionRequest) -> None:
    other = replace(request_, resource=replace(request_.resource, manager="E9"))
    assert _standings(other)["hr.leave.decide-report"] is Standing.NOT_MET


def test_a_forbid_that_fires_is_told(request_: DecisionRequest) -> None:
    own = replace(request_, resource=replace(request_.resource, owner="E1002"))
    told = explain(load(), own, producible=[TOTP])
    keys = [line.key for line in told.lines()]
    assert keys[0] == "explain.deny"
    assert told.lines()[0].values["reason"] == "own_request"
    assert "explain.rule.forbids" in keys


def test_a_question_outside_the_vocabulary_is_told_as_failed(request_: DecisionRequest) -> None:
    odd = replace(request_, resource=replace(request_.resource, type="Payslip"))
    assert set(_standings(odd).values()) == {Standing.FAILED}


def test_the_first_line_says_action_resource_and_policy(request_: DecisionRequest) -> None:
    line = explain(load(), request_, producible=[TOTP]).lines()[0]
    assert line.key == "explain.step_up"
    assert (line.values["action"], line.values["resource"]) == ("ApproveLeave", "Leave::7")
    assert (line.values["methods"], line.values["rules"]) == ("totp", "hr.leave.decide-report")
