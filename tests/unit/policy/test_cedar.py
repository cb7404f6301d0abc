"""What is refused when policies are loaded, and what an evaluation that goes wrong comes to."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from policy.cedar import CedarEngine, load
from policy.model import Consent, DecisionRequest, Deny, Method, Permit, ProofContext, Reason
from policy.rules import PolicyRefused
from policy.sources import SCHEMA, Sources, read_sources
from policy.testing import validate
from tests.unit.policy.written import sources, written

GOOD = '@id("a") permit (principal, action == Action::"ApproveLeave", resource);'
OTHER = '@id("b") permit (principal, action == Action::"RefuseLeave", resource);'


def _problems(**files: str) -> str:
    with pytest.raises(PolicyRefused) as refused:
        CedarEngine(sources(**files))
    return "\n".join(refused.value.problems)


@pytest.mark.requirement("51")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("permit (principal, action, resource);", "x.cedar: policy 1 has no @id"),
        (f"{GOOD}\n{GOOD}", "x.cedar:1: a: the @id of another policy too (x.cedar:1)"),
        (f'{GOOD}\n@id("b")\npermit (principal action);', "x.cedar:2: unexpected token `action`"),
        ("permit (principal", "x.cedar:1: "),
        (f'@note("x") {GOOD}', "x.cedar:1: a: unknown annotation @note"),
        (f'@confirm("yes") {GOOD}', '@confirm must be "true" or left out'),
        (f'@consent("often") {GOOD}', "@consent must be one of own_reading, per_action"),
        (f'@reason("because") {GOOD}', "@reason must be one of"),
        (f'@reason("policy_error") {GOOD}', "@reason must be one of"),
        (f'@set("pay") {GOOD}', '@set and @consent("own_reading") go together'),
        (f'@consent("own_reading") {GOOD}', '@set and @consent("own_reading") go together'),
        (f'@consent("per_action") {GOOD}', "a permit that looks at context.proof names its @consent"),
        (
            '@id("a") permit (principal, action == Action::"ApproveLeave", resource) when { context has proof };',
            "a permit that looks at context.proof names its @consent",
        ),
        ('@id("a") forbid (principal, action, resource);', "a: a forbid says why: @reason is missing"),
        (
            '@id("a") @reason("locked") @confirm("true") forbid (principal, action, resource);',
            "a: a forbid obliges nobody: @confirm",
        ),
        ('@id("a") permit (principal == ?principal, action, resource);', "a policy with slots"),
        (
            '@id("a") permit (principal, action == Action::"Aprove", resource);',
            'unrecognized action `Action::"Aprove"`',
        ),
        ('@id("a") permit (principal in Role::"boss", action, resource);', "boss"),
        (
            '@id("a") @reason("locked") forbid (principal, action, resource) when { context.proof.age > 3 };',
            "unable to guarantee safety of access to optional attribute `proof`",
        ),
    ],
)
def test_what_may_not_be_put_in_force_is_refused_with_its_place(text: str, told: str) -> None:
    assert told in _problems(x=text)


def test_every_problem_of_every_file_is_told_at_once() -> None:
    told = _problems(x='@note("x") ' + GOOD, y="permit (principal, action, resource);", z=GOOD)
    assert "x.cedar:1: a: unknown annotation" in told
    assert "y.cedar: policy 1 has no @id" in told
    assert "z.cedar:1: a: the @id of another policy too (x.cedar:1)" in told


def test_a_fault_against_the_schema_is_told_once_for_all_actions() -> None:
    told = _problems(x='@id("a") @reason("locked") forbid (principal, action, resource) when { principal.age > 3 };')
    assert len(told.splitlines()) == 1
    assert told.startswith("x.cedar:1: a: ")


@pytest.mark.requirement("51")
def test_a_schema_that_does_not_parse_is_refused() -> None:
    with pytest.raises(PolicyRefused, match="schema: "):
        CedarEngine(Sources(schema="entity", files=(("x.cedar", GOOD),)))


@pytest.mark.requirement("51")
def test_a_directory_without_policies_is_refused(tmp_path: Path) -> None:
    assert validate(tmp_path) == (f"{tmp_path}: no *.cedar file",)
    assert validate(tmp_path / "missing") != ()


@pytest.mark.requirement("51")
def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.cedar").write_bytes(b"\xff\xfe")
    assert validate(tmp_path) != ()


def test_the_shipped_policies_are_in_order() -> None:
    assert validate(Path(SCHEMA).parent / "policies") == ()


def test_a_directory_may_bring_its_own_schema(tmp_path: Path) -> None:
    (tmp_path / "x.cedar").write_text(GOOD.replace("ApproveLeave", "ViewLeave"))
    assert validate(tmp_path) == ()
    (tmp_path / SCHEMA.name).write_text("entity Principal; entity Leave;")
    assert "unrecognized action" in "".join(validate(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        '@id("press") @confirm("true") permit (principal, action == Action::"ApproveLeave", resource);',
        '@id("press") @confirm("true") permit (principal, action in Action::"Decision", resource);',
        '@id("press") permit (principal, action == Action::"RefuseLeave", resource);',
        '@id("press") @confirm("true") permit (principal, action, resource);',
        (
            '@id("press") @consent("own_reading") @set("s") permit (principal, action in Action::"Decision", resource)'
            " when { context has proof && context.proof.age < 9 };"
        ),
    ],
)
def test_a_decision_on_a_request_by_press_alone_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.cedar").write_text(text)
    (told,) = validate(tmp_path)
    assert told.startswith("x.cedar:1: press: permits ")
    assert "an approval is kept with its proof" in told
    with pytest.raises(PolicyRefused):
        load(tmp_path)


@pytest.mark.requirement("61")
@pytest.mark.parametrize(
    ("text", "beyond"),
    [
        ('@id("open") permit (principal, action == Action::"ViewPayslip", resource);', "ViewPayslip"),
        (
            '@id("open") @confirm("true") permit (principal, action in Action::"Standing", resource);',
            "GiveEnrolmentCode",
        ),
        (
            (
                '@id("open") permit (principal, action in [Action::"ViewBenefits", Action::"WhoAmI"], resource)'
                " when { context.session.interactive };"
            ),
            "ViewBenefits",
        ),
    ],
)
def test_more_than_the_low_tier_for_an_open_session_alone_is_refused_by_name(
    tmp_path: Path, text: str, beyond: str
) -> None:
    (tmp_path / "x.cedar").write_text(text)
    (told,) = validate(tmp_path)
    assert told.startswith(f"x.cedar:1: open: permits {beyond}")
    assert "to an open session alone" in told
    assert "WhoAmI" not in told
    with pytest.raises(PolicyRefused):
        load(tmp_path)


def test_the_hash_changes_with_any_text_name_or_schema() -> None:
    first = sources(x=GOOD, y=OTHER)
    others = [
        sources(x=GOOD + " ", y=OTHER),
        sources(x=GOOD, z=OTHER),
        sources(y=OTHER, x=GOOD),
        replace(first, schema=first.schema + "\n"),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 5
    assert CedarEngine(first).policy_hash == sources(x=GOOD, y=OTHER).digest


def test_reasons_and_rules_keep_the_order_of_the_files(tmp_path: Path) -> None:
    forbid = '@id("{0}") @reason("{1}") forbid (principal, action, resource);'
    (tmp_path / "2.cedar").write_text(forbid.format("a-second", "not_owner"))
    (tmp_path / "1.cedar").write_text(forbid.format("z-first", "locked"))
    engine = CedarEngine(read_sources(tmp_path))
    assert [rule.id for rule in engine.rules] == ["z-first", "a-second"]
    assert [rule.source for rule in engine.rules] == ["1.cedar:1", "2.cedar:1"]


def test_a_denial_names_every_forbid_and_the_first_reason(request_: DecisionRequest) -> None:
    forbid = '@id("{0}") @reason("{1}") forbid (principal, action, resource);'
    engine = written(forbid.format("z", "locked") + forbid.format("a", "not_owner"))
    answer = engine.evaluate(request_)
    assert isinstance(answer, Deny)
    assert (answer.rules, answer.reason) == (("z", "a"), Reason.LOCKED)


def test_the_obligations_of_several_permits_are_joined_to_the_strictest(request_: DecisionRequest) -> None:
    head = 'permit (principal, action == Action::"ApproveLeave", resource)'
    engine = written(
        f'@id("a") @consent("own_reading") @set("x") @confidential("true") {head} when {{ context has proof }};'
        f'@id("b") @consent("per_action") @revalidate("true") {head} when {{ context has proof }};'
        f'@id("c") @confirm("true") {head};'
    )
    answer = engine.evaluate(replace(request_, proof=ProofContext(method=Method.TOTP)))
    assert isinstance(answer, Permit)
    said = answer.obligations
    assert answer.rules == ("a", "b", "c")
    assert (said.consent, said.reading_set) == (Consent.PER_ACTION, "")
    assert (said.confidential, said.revalidate, said.confirm) == (True, True, True)


def test_one_proof_never_opens_two_sets(request_: DecisionRequest) -> None:
    head = 'permit (principal, action == Action::"ApproveLeave", resource) when { context has proof };'
    both = f'@id("a") @consent("own_reading") @set("x") {head} @id("b") @consent("own_reading") @set("y") {head}'
    answer = written(both).evaluate(replace(request_, proof=ProofContext(method=Method.TOTP)))
    assert isinstance(answer, Permit)
    assert answer.obligations.consent is Consent.PER_ACTION


@pytest.mark.requirement("51")
def test_a_policy_that_fails_is_a_refusal_even_where_another_permits(request_: DecisionRequest) -> None:
    engine = written(
        GOOD + '@id("fails") @reason("locked") forbid (principal, action, resource)'
        " when { context.session.age + 9223372036854775807 > 0 };"
    )
    answer = engine.evaluate(request_)
    assert isinstance(answer, Deny)
    assert (answer.error, answer.reason) == (True, Reason.POLICY_ERROR)
    assert "fails" in answer.detail


@pytest.mark.requirement("51")
def test_what_the_schema_does_not_know_is_a_refusal_and_an_alarm(request_: DecisionRequest) -> None:
    strange = [
        replace(request_, action="Aprove"),
        replace(request_, action="Decision"),
        replace(request_, resource=replace(request_.resource, type="Payslip")),
        replace(request_, resource=replace(request_.resource, type="Ghost")),
        replace(request_, resource=replace(request_.resource, id="\ud800")),
        replace(request_, resource=replace(request_.resource, amount=2**63)),
        replace(request_, principal=replace(request_.principal, roles=frozenset({"boss"}))),
        replace(request_, now=datetime(2026, 11, 16, 12)),  # noqa: DTZ001 - naive on purpose
    ]
    engine = load()
    for request in strange:
        answer = engine.evaluate(request)
        assert isinstance(answer, Deny)
        assert answer.error, request


def test_the_detail_of_an_error_repeats_nobodys_attributes(request_: DecisionRequest) -> None:
    answer = load().evaluate(replace(request_, principal=replace(request_.principal, roles=frozenset({"boss"}))))
    assert isinstance(answer, Deny)
    assert answer.detail
    assert "E1002" not in answer.detail


def test_a_forbid_on_a_group_of_actions_fires(request_: DecisionRequest) -> None:
    engine = written(GOOD + '@id("g") @reason("locked") forbid (principal, action in Action::"Decision", resource);')
    assert isinstance(engine.evaluate(request_), Deny)


@pytest.mark.parametrize("identity", ['x"); permit(principal,action,resource); ("', "a\nb", "é\\", "🙂"])
def test_an_id_is_never_read_as_policy_language(request_: DecisionRequest, identity: str) -> None:
    engine = load()
    odd = replace(
        request_,
        principal=replace(request_.principal, key=identity, employee=identity),
        resource=replace(request_.resource, id=identity, manager=identity),
    )
    answer = engine.evaluate(replace(odd, proof=ProofContext(method=Method.TOTP)))
    assert isinstance(answer, Permit)


def test_what_a_policy_looks_at_is_known_without_evaluating_it() -> None:
    head = 'permit (principal, action == Action::"ApproveLeave", resource)'
    engine = written(
        f'@id("a") @consent("per_action") {head} when {{ context == context }};'
        f'@id("b") {head} when {{ context.session.age < 3 }};'
    )
    assert {rule.id: rule.looks_at_proof for rule in engine.rules} == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("condition", "looks"),
    [
        ("principal.has_passkey", True),
        ("!(principal.locked && principal.has_passkey)", True),
        ("(if principal.locked then principal else principal).has_passkey", True),
        ("{it: principal}.it.has_passkey", True),
        ('principal.department == "has_passkey"', False),
    ],
)
def test_it_is_known_which_policies_look_at_a_passkey(condition: str, looks: bool) -> None:
    head = 'permit (principal, action == Action::"ApproveLeave", resource)'
    engine = written(f'@id("a") @consent("per_action") {head} when {{ context has proof && {condition} }};')
    assert [rule.looks_at_passkey for rule in engine.rules] == [looks]


def test_groups_are_resolved_to_their_actions() -> None:
    engine = load()
    concerned = {rule.id: rule.actions for rule in engine.rules}
    assert concerned["guard.own-request-on-behalf"] == {
        "ApproveLeave",
        "RefuseLeave",
        "AskAboutLeave",
        "BreakGlassApproveLeave",
    }
    assert concerned["guard.own-request"] == concerned["guard.own-request-on-behalf"] | {"RevokeDecision"}
    assert concerned["guard.locked"] == set(engine.actions)
    assert engine.actions["ApproveLeave"] == {"Leave"}
    assert "Decision" not in engine.actions


def test_an_address_of_every_range_is_known() -> None:
    engine = written(
        '@id("a") @consent("per_action") permit (principal, action == Action::"ApproveLeave", resource) when {'
        ' context has proof && context.proof has src_ip && (context.proof.src_ip.isInRange(ip("10.0.0.0/8")) ||'
        ' context.proof.src_ip == ip("2001:db8::1")) };'
    )
    assert engine.addresses == ("10.0.0.0", "2001:db8::1")
