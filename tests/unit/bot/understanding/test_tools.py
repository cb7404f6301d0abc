"""A proposal becomes an intent only when it is exactly what a capability takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.domain.intent import Intent, Origin
from bot.understanding.tools import ProposalRefused, ProposedCall, Tools
from tests.unit.bot.understanding.conftest import MODELS


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(MODELS)


def test_a_valid_proposal_becomes_an_intent_with_plain_values(tools: Tools) -> None:
    call = ProposedCall(capability="request_leave", arguments={"start": "2026-12-21", "end": "2026-12-23"})
    assert tools.intent(call, Origin.MODEL) == Intent(
        capability="request_leave",
        arguments={"leave_type": "paid", "start": "2026-12-21", "end": "2026-12-23", "portion": "full", "note": ""},
        origin=Origin.MODEL,
    )


@pytest.mark.parametrize(
    ("capability", "arguments"),
    [
        ("delete_everything", {}),
        ("", {}),
        ("waiting", {"person": "mia"}),
        ("leave_balance", {"person": "mia", "as_role": "administrator"}),
        ("leave_balance", {"person": 7}),
        ("leave_balance", {"person": ["mia", "john"]}),
        ("leave_balance", {"person": None}),
        ("leave_balance", {"person": float("nan")}),
        ("leave_balance", {"person": object()}),
        ("leave_balance", {"person": "x" * 501}),
        ("sign_out", {"everywhere": "true"}),
        ("sign_out", {"everywhere": 1}),
        ("request_leave", {"start": "tomorrow", "end": "2026-12-23"}),
        ("request_leave", {"start": 1797811200, "end": "2026-12-23"}),
        ("request_leave", {"start": "2026-12-21"}),
        ("request_leave", {"start": "2026-12-21", "end": "2026-12-23", "portion": "none"}),
        ("grant_role", {"person": "john", "role": "root"}),
        ("update_ticket", {"ticket": "T-1", "status": "closed"}),
    ],
)
def test_anything_else_is_refused(tools: Tools, capability: str, arguments: dict[str, object]) -> None:
    with pytest.raises(ProposalRefused):
        tools.intent(ProposedCall(capability=capability, arguments=arguments), Origin.MODEL)


def test_a_model_that_allows_extras_does_not_open_the_door() -> None:
    class Careless(BaseModel):
        person: str = ""

    call = ProposedCall(capability="careless", arguments={"person": "mia", "admin": True})
    with pytest.raises(ProposalRefused):
        Tools({"careless": Careless}).intent(call, Origin.RULE)


def test_a_refusal_repeats_nothing_that_was_typed(tools: Tools) -> None:
    call = ProposedCall(capability="grant_role", arguments={"person": "hushhush", "role": "topsecret"})
    with pytest.raises(ProposalRefused) as refused:
        tools.intent(call, Origin.MODEL)
    assert "hushhush" not in str(refused.value)
    assert "topsecret" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_partial_intent_may_lack_but_not_lie(tools: Tools) -> None:
    partial = tools.partial(ProposedCall(capability="grant_role", arguments={"person": "mia"}), Origin.COMMAND)
    assert tools.lacking(partial) == ("role",)
    with pytest.raises(ProposalRefused):
        tools.partial(ProposedCall(capability="grant_role", arguments={"role": "root"}), Origin.COMMAND)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)
)


@given(st.sampled_from([*MODELS, "nothing"]), st.dictionaries(st.sampled_from(["person", "start", "x", "role"]), _JSON))
def test_whatever_a_model_says_is_an_intent_or_refused(capability: str, arguments: dict[str, object]) -> None:
    try:
        intent = Tools(MODELS).intent(ProposedCall(capability=capability, arguments=arguments), Origin.MODEL)
    except ProposalRefused:
        return
    assert set(intent.arguments) <= set(MODELS[capability].model_fields)
