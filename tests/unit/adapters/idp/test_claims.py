"""From claims to a person: roles by the mapping only, and nothing that could harm whoever shows it."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.idp.claims import DEFAULT_ROLE_CLAIMS, ClaimMapping, ClaimNames
from bot.errors import Misconfigured
from bot.ports.identity_provider import VerifiedClaims

TOKEN = {"iss": "https://idp.example", "sub": "s-1", "iat": 1_794_819_600, "exp": 1_794_819_900}


def read(mapping: ClaimMapping | None = None, **claims: Any) -> VerifiedClaims:
    return (mapping or ClaimMapping()).read(TOKEN | claims)


def test_roles_come_through_the_mapping_and_from_every_named_claim() -> None:
    mapping = ClaimMapping(
        role_claims={"roles": {"HR.Admin": "hr_manager"}, "groups": {"8f1c": "employee", "77aa": "auditor"}}
    )
    claims = read(mapping, roles=["HR.Admin", "administrator"], groups=["8f1c", "ffff"])
    assert claims.roles == {"hr_manager", "employee"}


@pytest.mark.parametrize("value", [None, "", 7, {"administrator": True}, [["administrator"]], [None], "Administrator"])
def test_a_role_claim_of_another_form_gives_nothing(value: Any) -> None:
    assert read(roles=value).roles == frozenset()


def test_one_role_may_stand_without_a_list() -> None:
    assert read(roles="auditor").roles == {"auditor"}


def test_a_claim_that_is_not_named_gives_no_role() -> None:
    assert read(ClaimMapping(role_claims={}), roles=["administrator"], groups=["administrator"]).roles == frozenset()


def test_a_mapping_to_an_unknown_role_is_refused() -> None:
    with pytest.raises(Misconfigured, match="superuser"):
        ClaimMapping(role_claims={"roles": {"x": "superuser"}})


def test_every_role_has_a_default_mapping() -> None:
    assert set(DEFAULT_ROLE_CLAIMS["roles"]) == set(DEFAULT_ROLE_CLAIMS["roles"].values())


def test_names_of_claims_are_the_providers() -> None:
    mapping = ClaimMapping(names=ClaimNames(username="upn", department="dept", employee_number="employeeid"))
    claims = read(mapping, upn="john@corp.example", dept="sales", employeeid=1001, preferred_username="j")
    assert (claims.username, claims.department, claims.employee_number) == ("john@corp.example", "sales", "1001")


def test_what_is_missing_is_empty_and_the_subject_stands_in_for_a_name() -> None:
    claims = read()
    assert (claims.username, claims.display_name, claims.email) == ("s-1", "s-1", None)
    assert (claims.department, claims.region, claims.manager, claims.employee_number) == ("", "", None, None)
    assert (claims.acr, claims.amr, claims.auth_time, claims.tenant) == (None, (), None, None)
    assert (claims.locale, claims.timezone) == ("", "")


def test_texts_are_printable_and_of_bounded_length() -> None:
    claims = read(name="John\u202e\x00\n Keller", department="x" * 10_000)
    assert claims.display_name == "John Keller"
    assert len(claims.department) == 256


@pytest.mark.parametrize(
    ("locale", "language"), [("de-DE", "de"), ("de_AT", "de"), ("EN", "en"), ("../etc", ""), ("", ""), (7, "")]
)
def test_a_locale_becomes_a_language(locale: Any, language: str) -> None:
    assert read(locale=locale).locale == language


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Europe/Berlin", "Europe/Berlin"), ("../../etc/passwd", ""), ("/etc/passwd", ""), ("Mars/Olympus", "")],
)
def test_a_time_zone_is_a_known_one(zone: str, expected: str) -> None:
    assert read(zoneinfo=zone).timezone == expected
