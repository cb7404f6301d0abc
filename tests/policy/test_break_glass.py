"""Broken glass reaches leave and nothing else, whatever a company's own policies permit and its own schema marks."""

from dataclasses import replace

import pytest
from hypothesis import given

from policy.cases import NOON
from policy.cedar import CedarEngine
from policy.engine import decide
from policy.model import (
    BreakGlassContext,
    DecisionRequest,
    Deny,
    Method,
    Permit,
    PrincipalEntity,
    ProofContext,
    ResourceEntity,
)
from policy.sources import read_sources
from tests.policy.test_properties import ENGINE, EVERY_PROOF, FRESH, requests

PERMITS_ALL = '@id("company.everything")\npermit (principal, action, resource);\n'


def _opened() -> CedarEngine:
    """Our policies with one that permits everything, and a schema that marks administration as break-glass."""
    shipped = read_sources()
    schema = shipped.schema.replace(
        '"GiveEnrolmentCode" in ["Standing"]', '"GiveEnrolmentCode" in ["Standing", "BreakGlass"]'
    ).replace(
        'action "RevokeRole", "RevokeSessions", "EndCompanySessions", "RevokeLink" appliesTo',
        'action "RevokeRole", "RevokeSessions", "EndCompanySessions", "RevokeLink" in ["BreakGlass"] appliesTo',
    )
    assert schema.count('"BreakGlass"]') == shipped.schema.count('"BreakGlass"]') + 2
    return CedarEngine(replace(shipped, schema=schema, files=(*shipped.files, ("90-company.cedar", PERMITS_ALL))))


OPENED = _opened()
RAJ = PrincipalEntity(
    key="https://login.example#raj",
    roles=frozenset({"employee", "administrator"}),
    department="support",
    region="us",
    employee="E1005",
    locked=False,
)


def _asked(action: str, kind: str) -> DecisionRequest:
    return DecisionRequest(
        principal=RAJ,
        action=action,
        resource=ResourceEntity(type=kind, id="x", owner="E1", department="sales", state="pending"),
        session=FRESH,
        proof=ProofContext(method=Method.PASSKEY, phishing_resistant=True),
        break_glass=BreakGlassContext(reason=40),
        now=NOON,
    )


@pytest.mark.requirement("57")
@pytest.mark.parametrize("action", sorted(OPENED.actions))
def test_no_policy_and_no_schema_opens_anything_but_leave(action: str) -> None:
    for kind in OPENED.actions[action]:
        told = OPENED.evaluate(_asked(action, kind))
        if action == "BreakGlassApproveLeave":
            assert isinstance(told, Permit)
        else:
            assert isinstance(told, Deny), (action, kind)
            assert not told.error


@given(requests(("BreakGlassApproveLeave",)))
def test_without_a_reason_no_attributes_and_no_proof_break_the_glass(request: DecisionRequest) -> None:
    for reason in (None, BreakGlassContext(reason=0), BreakGlassContext(reason=9)):
        asked = replace(request, break_glass=reason)
        assert isinstance(decide(ENGINE, asked, producible=EVERY_PROOF, enrollable=EVERY_PROOF), Deny)
