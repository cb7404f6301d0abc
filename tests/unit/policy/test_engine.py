"""The order of the tries and what each leads to."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from policy.engine import ActivePolicy, MissingPolicy, PolicyEngine, decide
from policy.model import (
    ContextRequired,
    DecisionRequest,
    Deny,
    EnrolRequired,
    Method,
    Obligations,
    Permit,
    ProofContext,
    Reason,
    StepUpRequired,
)
from policy.rules import Rule
from tests.unit.policy.written import written

TOTP = ProofContext(method=Method.TOTP)
PASSKEY = ProofContext(method=Method.PASSKEY, phishing_resistant=True)
PROVIDER = ProofContext(method=Method.PROVIDER, phishing_resistant=True)

PASSKEY_ONLY = """
@id("a") @consent("per_action") @reason("not_owner")
permit (principal, action == Action::"ApproveLeave", resource)
when { context has proof && context.proof.phishing_resistant };
"""
OFFICE = """
@id("office") @consent("per_action") @reason("not_owner")
permit (principal, action == Action::"ApproveLeave", resource)
when { context has proof && context.proof has src_ip && context.proof.src_ip.isInRange(ip("198.51.100.0/24")) };
"""
FAILS_WITH_A_PROOF = """
@id("overflows") @consent("per_action")
permit (principal, action == Action::"ApproveLeave", resource)
when { context has proof && context.proof.age + 9223372036854775807 > context.session.age };
"""


class Recording:
    """An engine that answers by a function and keeps what it was asked."""

    policy_hash = "0" * 64
    addresses: tuple[str, ...] = ()

    def __init__(self, answer: Callable[[DecisionRequest], Permit | Deny]) -> None:
        self._answer = answer
        self.asked: list[DecisionRequest] = []

    def evaluate(self, request: DecisionRequest) -> Permit | Deny:
        self.asked.append(request)
        return self._answer(request)

    def rules_for(self, action: str) -> tuple[Rule, ...]:
        return ()

    def proof_may_help(self, action: str, denial: Deny) -> bool:
        return True


NO = Deny(reason=Reason.NOT_ALLOWED, policy_hash="0" * 64)


def test_between_the_tries_only_the_proof_differs(request_: DecisionRequest) -> None:
    engine = Recording(lambda request: NO)
    decide(engine, request_, producible=[TOTP, PASSKEY], enrollable=[PROVIDER])
    assert engine.asked[0] == request_
    assert all(replace(asked, proof=None) == request_ for asked in engine.asked)
    assert all(asked.proof is not None for asked in engine.asked[1:])


def test_the_tries_have_one_order_whatever_order_is_given(request_: DecisionRequest) -> None:
    engine = Recording(lambda request: NO)
    decide(engine, request_, producible=[PROVIDER, PASSKEY, TOTP])
    assert [asked.proof.method for asked in engine.asked[1:4] if asked.proof] == list(Method)


def test_a_permit_asks_for_nothing_more(request_: DecisionRequest) -> None:
    yes = Permit(rules=("a",), policy_hash="0" * 64, obligations=Obligations())
    engine = Recording(lambda request: yes)
    assert decide(engine, request_, producible=[TOTP]) is yes
    assert len(engine.asked) == 1


def test_the_step_up_names_every_proof_that_permits_and_no_other(request_: DecisionRequest) -> None:
    decision = decide(written(PASSKEY_ONLY), request_, producible=[TOTP, PROVIDER, PASSKEY])
    assert isinstance(decision, StepUpRequired)
    assert decision.methods == (Method.PROVIDER, Method.PASSKEY)
    assert decision.rules == ("a",)


def test_what_is_producible_goes_before_what_could_be_enrolled(request_: DecisionRequest) -> None:
    decision = decide(written(PASSKEY_ONLY), request_, producible=[PROVIDER], enrollable=[PASSKEY])
    assert isinstance(decision, StepUpRequired)


def test_enrolment_names_only_what_would_permit(request_: DecisionRequest) -> None:
    decision = decide(written(PASSKEY_ONLY), request_, producible=[TOTP], enrollable=[PROVIDER, TOTP, PASSKEY])
    assert isinstance(decision, EnrolRequired)
    assert decision.methods == (Method.PROVIDER, Method.PASSKEY)


def test_without_any_proof_in_reach_the_reason_says_that_one_is_missing(request_: DecisionRequest) -> None:
    decision = decide(written(PASSKEY_ONLY), request_, producible=[TOTP], enrollable=[TOTP])
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.SECOND_FACTOR_UNAVAILABLE


def test_an_address_that_is_not_known_yet_takes_a_browser_leg(request_: DecisionRequest) -> None:
    decision = decide(written(OFFICE), request_, producible=[TOTP])
    assert isinstance(decision, ContextRequired)
    assert (decision.missing, decision.methods) == (("src_ip",), (Method.TOTP,))


@pytest.mark.parametrize(
    ("address", "expected"),
    [("198.51.100.7", StepUpRequired), ("::ffff:198.51.100.7", StepUpRequired), ("203.0.113.7", Deny)],
)
def test_a_known_address_is_decided_on(request_: DecisionRequest, address: str, expected: type[object]) -> None:
    decision = decide(written(OFFICE), request_, producible=[replace(TOTP, src_ip=address)])
    assert isinstance(decision, expected)


@pytest.mark.parametrize("address", ["", "office", "198.51.100.0/24", "198.51.100.7, 10.0.0.1"])
def test_an_address_that_is_none_is_a_refusal_and_an_alarm(request_: DecisionRequest, address: str) -> None:
    decision = decide(written(OFFICE), replace(request_, proof=replace(TOTP, src_ip=address)))
    assert isinstance(decision, Deny)
    assert decision.error


@pytest.mark.requirement("51")
@pytest.mark.parametrize("where", ["producible", "enrollable"])
def test_an_error_in_a_later_try_is_a_hard_no(request_: DecisionRequest, where: str) -> None:
    stale = replace(TOTP, age_seconds=1)
    given: dict[str, list[ProofContext]] = {where: [stale]}
    decision = decide(written(FAILS_WITH_A_PROOF), request_, **given)
    assert isinstance(decision, Deny)
    assert (decision.error, decision.reason) == (True, Reason.POLICY_ERROR)


@pytest.mark.requirement("51")
def test_an_error_in_the_first_evaluation_ends_it(request_: DecisionRequest) -> None:
    failed = replace(NO, error=True)
    engine = Recording(lambda request: failed)
    assert decide(engine, request_, producible=[TOTP]) is failed
    assert len(engine.asked) == 1


@pytest.mark.requirement("51")
def test_a_missing_policy_refuses_everything_as_an_error(request_: DecisionRequest) -> None:
    decision = decide(MissingPolicy(), request_, producible=[TOTP], enrollable=[TOTP])
    assert isinstance(decision, Deny)
    assert decision.error


def test_a_forbid_that_no_proof_can_change_is_not_tried_again(request_: DecisionRequest) -> None:
    engine = written(PASSKEY_ONLY + '@id("never") @reason("locked") forbid (principal, action, resource);')
    denial = engine.evaluate(request_)
    assert isinstance(denial, Deny)
    assert not engine.proof_may_help("ApproveLeave", denial)
    assert decide(engine, request_, producible=[PASSKEY]) == denial


def test_a_forbid_that_looks_at_the_proof_is_tried_again(request_: DecisionRequest) -> None:
    engine = written(
        '@id("yes") permit (principal, action == Action::"ApproveLeave", resource);'
        '@id("strong") @reason("not_allowed") forbid (principal, action, resource)'
        " unless { context has proof && context.proof.phishing_resistant };"
    )
    assert isinstance(decide(engine, request_, producible=[PASSKEY]), StepUpRequired)


@pytest.mark.requirement("58")
def test_a_swap_takes_hold_at_the_next_decision_and_names_what_it_replaced(request_: DecisionRequest) -> None:
    before: PolicyEngine = written(PASSKEY_ONLY)
    after: PolicyEngine = MissingPolicy()
    active = ActivePolicy(before)
    taken = active.engine
    assert active.swap(after) == before.policy_hash
    assert active.engine is after
    assert decide(taken, request_, producible=[PASSKEY]).policy_hash == before.policy_hash
