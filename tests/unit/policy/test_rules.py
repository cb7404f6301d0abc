"""Reasons of a denial that no policy gave."""

from policy.model import Obligations, Reason
from policy.rules import Rule, default_reason


def _permit(rule_id: str, role: str | None, reason: Reason | None) -> Rule:
    return Rule(
        id=rule_id,
        permits=True,
        role=role,
        actions=frozenset({"View"}),
        looks_at_proof=False,
        takes_proof=False,
        reason=reason,
        obligations=Obligations(),
        source="x.cedar:1",
    )


OWN = _permit("own", None, Reason.NOT_OWNER)
HR = _permit("hr", "hr_manager", Reason.OTHER_DEPARTMENT)


def test_the_permit_for_a_role_one_holds_speaks_first() -> None:
    assert default_reason([OWN, HR], "View", frozenset({"hr_manager"})) is Reason.OTHER_DEPARTMENT
    assert default_reason([OWN, HR], "View", frozenset({"employee"})) is Reason.NOT_OWNER


def test_where_only_other_roles_are_permitted_the_role_is_the_reason() -> None:
    assert default_reason([HR], "View", frozenset({"employee"})) is Reason.NOT_YOUR_ROLE


def test_what_nobody_is_permitted_and_what_says_nothing_is_simply_not_allowed() -> None:
    assert default_reason([OWN, HR], "Delete", frozenset({"hr_manager"})) is Reason.NOT_ALLOWED
    assert default_reason([_permit("a", None, None)], "View", frozenset()) is Reason.NOT_ALLOWED
