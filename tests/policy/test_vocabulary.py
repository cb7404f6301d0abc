"""The schema's words and the program's are the same words."""

import re
from enum import StrEnum

import pytest

from bot.capabilities.catalogue import CATALOGUE
from bot.domain.identity import Role
from bot.domain.proof import ConsentKind, ProofMethod
from policy.cedar import CedarEngine
from policy.model import Consent, Manner, Method, Place
from policy.sources import SCHEMA

POLICY_ONLY = {"UseBot", "Resolve", "Help", "ChangeOwnFactors", "AddLink"}
"""Asked before any capability is known, or on our own pages; help is answered to everybody, signed in or not."""


# Signing in has no action: it happens before there is anybody to decide about.
NAMED = {entry.action for entry in CATALOGUE if entry.action}
SETTLED = {entry.settles for entry in CATALOGUE if entry.settles}
PREVIEWED = {entry.preview_action for entry in CATALOGUE if entry.preview_action}


def test_every_capability_has_its_action_and_every_action_its_capability(engine: CedarEngine) -> None:
    assert set(engine.actions) - POLICY_ONLY == NAMED | PREVIEWED | SETTLED


def test_an_action_applies_to_the_type_its_capability_names(engine: CedarEngine) -> None:
    named = {entry.action: {entry.resource_type} for entry in CATALOGUE if entry.action}
    assert named == {action: set(engine.actions[action]) for action in NAMED}


@pytest.mark.parametrize(
    ("entity", "words"), [("Role", Role), ("Method", Method), ("Place", Place), ("Manner", Manner)]
)
def test_an_enumeration_of_the_schema_is_that_of_the_program(entity: str, words: type[StrEnum]) -> None:
    found = re.search(rf"entity {entity} enum \[([^\]]*)\]", SCHEMA.read_text(encoding="utf-8"))
    assert found is not None
    assert re.findall(r'"([^"]+)"', found[1]) == [word.value for word in words]


def test_methods_and_consents_are_those_of_the_core() -> None:
    assert [method.value for method in Method] == [method.value for method in ProofMethod]
    assert {consent.value for consent in Consent} == {kind.value for kind in ConsentKind}
