"""What must hold for every principal, resource and circumstance, whatever the cases say."""

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from policy.cases import NOON
from policy.cedar import CedarEngine, load
from policy.engine import decide
from policy.model import (
    Consent,
    DecisionRequest,
    Deny,
    Method,
    Permit,
    Place,
    PrincipalEntity,
    ProofContext,
    Reason,
    ResourceEntity,
    SessionContext,
    StepUpRequired,
)

ENGINE: CedarEngine = load()
ACTIONS = sorted(ENGINE.actions)
ROLES = ("employee", "line_manager", "hr_manager", "support_rep", "administrator", "auditor")
EVERY_PROOF = tuple(ProofContext(method=method, phishing_resistant=True) for method in Method)

# Small alphabets, so that references meet often.
employees = st.sampled_from(["E1", "E2", "", None])
departments = st.sampled_from(["sales", "support", "*", ""])
regions = st.sampled_from(["eu", "us"])
keys = st.sampled_from(["https://login.example#a", "https://login.example#b", 'x"\n\\é'])
proofs = st.builds(
    ProofContext,
    method=st.sampled_from(Method),
    phishing_resistant=st.booleans(),
    age_seconds=st.sampled_from([-1, 0, 1, 299, 300, 301, 600, 601, 10**9]),
    src_ip=st.sampled_from([None, "10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"]),
)
principals = st.builds(
    PrincipalEntity,
    key=keys,
    roles=st.frozensets(st.sampled_from(ROLES)),
    department=departments,
    region=regions,
    employee=employees,
    locked=st.booleans(),
    has_passkey=st.booleans(),
    scopes=st.dictionaries(st.sampled_from(ROLES), st.frozensets(departments)),
)
FRESH = SessionContext(age_seconds=60, idp_checked_age_seconds=60, platform="slack", place=Place.DIRECT)
sessions = st.builds(
    SessionContext,
    acr=st.sampled_from([None, "phr"]),
    age_seconds=st.sampled_from([0, 60, 86_400, 86_401]),
    idp_checked_age_seconds=st.sampled_from([0, 60, 900, 901, 3_600, 3_601]),
    platform=st.sampled_from(["slack", "teams"]),
    place=st.sampled_from(Place),
)


@st.composite
def requests(draw: st.DrawFn, actions: tuple[str, ...] = tuple(ACTIONS)) -> DecisionRequest:
    action = draw(st.sampled_from(actions))
    resource = ResourceEntity(
        type=draw(st.sampled_from(sorted(ENGINE.actions[action]))),
        id=draw(keys),
        owner=draw(employees),
        manager=draw(employees),
        department=draw(st.none() | departments),
        region=draw(st.none() | regions),
        state=draw(st.sampled_from([None, "pending", "second_approval", "approved", "OPEN"])),
        amount=draw(st.none() | st.integers(-(2**63), 2**63 - 1)),
    )
    return DecisionRequest(
        principal=draw(principals),
        action=action,
        resource=resource,
        session=draw(sessions),
        proof=draw(st.none() | proofs),
        now=NOON,
    )


@given(requests())
def test_no_generated_request_is_an_error(request: DecisionRequest) -> None:
    answer = ENGINE.evaluate(request)
    assert not (isinstance(answer, Deny) and answer.error)


@given(requests())
def test_taking_the_proof_away_never_permits(request: DecisionRequest) -> None:
    assume(isinstance(ENGINE.evaluate(request), Deny))
    assert isinstance(ENGINE.evaluate(replace(request, proof=None)), Deny)


@given(requests(("ApproveLeave", "RefuseLeave")), st.sampled_from(["E1", "E2"]))
def test_nobody_decides_on_their_own_request_with_any_attributes(request: DecisionRequest, employee: str) -> None:
    own = replace(
        request,
        principal=replace(request.principal, employee=employee),
        resource=replace(request.resource, owner=employee),
    )
    assert isinstance(decide(ENGINE, own, producible=EVERY_PROOF, enrollable=EVERY_PROOF), Deny)


@given(requests(("GrantRole", "LockPerson", "UnlockPerson")))
def test_nobody_changes_their_own_standing_with_any_attributes(request: DecisionRequest) -> None:
    own = replace(request, resource=replace(request.resource, id=request.principal.key))
    assert isinstance(decide(ENGINE, own, producible=EVERY_PROOF, enrollable=EVERY_PROOF), Deny)


@given(requests())
def test_a_locked_person_does_nothing_whatever_else_holds(request: DecisionRequest) -> None:
    locked = replace(request, principal=replace(request.principal, locked=True))
    decision = decide(ENGINE, locked, producible=EVERY_PROOF, enrollable=EVERY_PROOF)
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.LOCKED


@given(requests())
def test_a_role_taken_away_never_permits(request: DecisionRequest) -> None:
    assume(isinstance(ENGINE.evaluate(request), Deny))
    assume(ENGINE.evaluate(request).rules == ())
    without = replace(request, principal=replace(request.principal, roles=frozenset()))
    assert isinstance(ENGINE.evaluate(without), Deny)


@given(requests(("ViewPayslip", "ViewBenefits")))
def test_pay_is_confidential_and_never_without_a_proof(request: DecisionRequest) -> None:
    answer = ENGINE.evaluate(request)
    if isinstance(answer, Permit):
        assert request.proof is not None
        assert answer.obligations.confidential
        assert answer.obligations.revalidate
        own = bool(request.principal.employee) and request.principal.employee == request.resource.owner
        assert answer.obligations.consent is (Consent.OWN_READING if own else Consent.PER_ACTION)


@given(requests())
def test_a_step_up_leads_to_the_permit_it_promises(request: DecisionRequest) -> None:
    decision = decide(ENGINE, request, producible=EVERY_PROOF)
    if isinstance(decision, StepUpRequired):
        for given_now in (proof for proof in EVERY_PROOF if proof.method in decision.methods):
            answer = decide(ENGINE, replace(request, proof=given_now))
            assert isinstance(answer, Permit)
            assert (answer.rules, answer.obligations) == (decision.rules, decision.obligations)


ADMINISTRATION = (
    "GrantRole",
    "RevokeRole",
    "RevokeSessions",
    "EndCompanySessions",
    "LockPerson",
    "UnlockPerson",
    "GiveEnrolmentCode",
    "ExportAudit",
)


@given(requests(ADMINISTRATION))
def test_administration_is_never_permitted_without_a_proof_that_resists_phishing(request: DecisionRequest) -> None:
    if isinstance(ENGINE.evaluate(request), Permit):
        assert request.proof is not None
        assert request.proof.phishing_resistant


@given(requests(("ChangeOwnFactors", "AddLink", "RemoveLink")))
def test_whoever_has_a_passkey_changes_nothing_of_their_own_with_less(request: DecisionRequest) -> None:
    if isinstance(ENGINE.evaluate(request), Permit):
        assert request.proof is not None
        assert request.proof.phishing_resistant or not request.principal.has_passkey


@given(requests(("NameSubstitute", "EndSubstitute")))
def test_nobody_stands_in_or_stops_standing_in_without_a_proof(request: DecisionRequest) -> None:
    answer = ENGINE.evaluate(request)
    if isinstance(answer, Permit):
        assert request.proof is not None
        assert answer.obligations.consent is Consent.PER_ACTION


@given(requests())
def test_a_denial_without_a_rule_says_the_same_whether_the_resource_exists(request: DecisionRequest) -> None:
    bare = replace(request, proof=None, session=FRESH, principal=replace(request.principal, locked=False))
    nothing = replace(bare, resource=ResourceEntity(type=request.resource.type, id="nothing"))
    there, missing = ENGINE.evaluate(bare), ENGINE.evaluate(nothing)
    if isinstance(there, Deny) and isinstance(missing, Deny) and not there.rules:
        assert (there.rules, there.reason) == (missing.rules, missing.reason)
