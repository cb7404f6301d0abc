"""`docs/factors.md`: the policies of the example are valid and do what its table says; `policy explain` names them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from policy.cases import outcome, parse_case
from policy.cedar import CedarEngine, load
from policy.engine import decide
from policy.sources import POLICIES
from policy.testing import validate
from tests.fakes.shell import Shell
from tests.policy.conftest import HERE

PAGE = (HERE.parents[1] / "docs" / "factors.md").read_text(encoding="utf-8")
HAS = {
    "both": (["passkey", "totp"], ["passkey", "totp"]),
    "app": (["totp"], ["passkey", "totp"]),
    "none": ([], ["passkey", "totp"]),
}
FINANCE = {"like": "john", "department": "finance"}
SHARED = {"workspace": "T0CONTRACT"}


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("policies")
    for path in POLICIES.glob("*.cedar"):
        shutil.copy(path, there)
    (there / "50-factors.cedar").write_text(block("cedar"), encoding="utf-8")
    return there


@pytest.fixture(scope="module")
def with_example(folder: Path) -> CedarEngine:
    assert validate(folder) == ()
    return load(folder)


@pytest.mark.parametrize(
    ("who", "action", "resource", "session", "has", "decision", "methods"),
    [
        *[
            (who, action, resource, session, has, decision, ("passkey",))
            for who, action, resource, session in [
                ("sarah", "ViewPayslip", "johns_payslip", {}),
                (FINANCE, "ViewPayslip", "johns_payslip", {}),
                ("mia", "ApproveLeave", "johns_leave", SHARED),
            ]
            for has, decision in [("both", "step_up"), ("app", "enrol"), ("none", "enrol")]
        ],
        *[
            (who, action, resource, {}, has, decision, methods)
            for who, action, resource in [
                ("john", "ViewPayslip", "johns_payslip"),
                ("mia", "ApproveLeave", "johns_leave"),
            ]
            for has, decision, methods in [
                ("both", "step_up", ("passkey", "totp")),
                ("app", "step_up", ("totp",)),
                ("none", "enrol", ("passkey", "totp")),
            ]
        ],
    ],
)
def test_the_table_of_the_page(
    with_example: CedarEngine,
    who: Any,
    action: str,
    resource: str,
    session: dict[str, str],
    has: str,
    decision: str,
    methods: tuple[str, ...],
) -> None:
    producible, enrollable = HAS[has]
    question = {"principal": who, "action": action, "resource": resource, "session": session}
    told = asked(with_example, {**question, "producible": producible, "enrollable": enrollable})
    assert (told.decision, told.methods) == (decision, methods)


def test_a_code_given_already_does_not_do_and_a_passkey_does(with_example: CedarEngine) -> None:
    question = {"principal": FINANCE, "action": "ViewPayslip", "resource": "johns_payslip"}
    assert asked(with_example, {**question, "proof": "totp"}).rules == ("factors.finance",)
    assert asked(with_example, {**question, "proof": "passkey"}).decision == "permit"
    elsewhere = {**question, "principal": "john", "proof": "totp"}
    assert asked(with_example, elsewhere).decision == "permit"


def test_whoever_may_not_at_all_is_told_that_and_asked_for_no_factor(with_example: CedarEngine) -> None:
    question = {"principal": FINANCE, "action": "ViewPayslip", "resource": "sarahs_payslip", "producible": ["passkey"]}
    told = asked(with_example, question)
    assert (told.decision, told.reason) == ("deny", "not_owner")


def test_explain_names_the_rule_and_what_would_do(bare: Shell, folder: Path) -> None:
    (bare.folder / "question.json").write_text(block("json"))
    told = bare.json("policy", "explain", "question.json", "--policies", str(folder))
    assert told["decision"] == "enrol"
    assert "passkey" in str(told["methods"])
    standing = {rule["rule"]: rule["standing"] for rule in told["policies"]}
    assert standing["factors.finance"] == "forbids"
    assert next(rule for rule in told["policies"] if rule["rule"] == "factors.finance")["source"].startswith(
        "50-factors"
    )


def asked(engine: CedarEngine, question: dict[str, Any]) -> Any:
    world = json.loads((HERE / "world.json").read_text(encoding="utf-8"))
    case = parse_case("example", {**question, "expect": {"decision": "deny"}}, world)
    return outcome(decide(engine, case.request, producible=case.producible, enrollable=case.enrollable))
