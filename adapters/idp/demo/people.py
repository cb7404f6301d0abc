"""The people of the demonstration: who signs in at the demo provider, and what it says of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

PASSWORD = "demo"
"""Everybody's, and shown on the page: nothing real stands behind these accounts."""

_NAMESPACE = uuid.UUID("6a0f4f0e-2f0d-4a57-9a0e-6f3f1d0e5c11")


def subject_of(username: str) -> str:
    """The opaque, stable `sub` of a demo account; the same in every start, so links survive a restart."""
    return str(uuid.uuid5(_NAMESPACE, username))


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """One account, as the provider's directory has it."""

    username: str
    given_name: str
    family_name: str
    roles: tuple[str, ...]
    department: str
    region: str
    manager: str | None
    employee_number: str
    groups: tuple[str, ...]

    @property
    def subject(self) -> str:
        """The opaque subject."""
        return subject_of(self.username)

    @property
    def name(self) -> str:
        """The display name."""
        return f"{self.given_name} {self.family_name}"

    @property
    def email(self) -> str:
        """An address in a domain that cannot exist (RFC 2606)."""
        return f"{self.username}@doorward.example"


PEOPLE: tuple[DemoPerson, ...] = (
    DemoPerson(
        username="john",
        given_name="John",
        family_name="Carver",
        roles=("employee",),
        department="sales",
        region="eu",
        manager="mia",
        employee_number="E1001",
        groups=("everybody", "sales"),
    ),
    DemoPerson(
        username="mia",
        given_name="Mia",
        family_name="Lindqvist",
        roles=("employee", "line_manager"),
        department="sales",
        region="eu",
        manager="sarah",
        employee_number="E1002",
        groups=("everybody", "sales", "line-managers"),
    ),
    DemoPerson(
        username="sarah",
        given_name="Sarah",
        family_name="Okafor",
        roles=("employee", "hr_manager"),
        department="sales",
        region="eu",
        manager=None,
        employee_number="E1003",
        groups=("everybody", "sales", "human-resources"),
    ),
    DemoPerson(
        username="sue",
        given_name="Sue",
        family_name="Park",
        roles=("employee", "support_rep"),
        department="support",
        region="eu",
        manager="sarah",
        employee_number="E1004",
        groups=("everybody", "support", "support-representatives"),
    ),
    DemoPerson(
        username="raj",
        given_name="Raj",
        family_name="Patel",
        roles=("employee", "administrator"),
        department="support",
        region="us",
        manager="sarah",
        employee_number="E1005",
        groups=("everybody", "support", "administrators"),
    ),
    DemoPerson(
        username="ada",
        given_name="Ada",
        family_name="Brandt",
        roles=("employee", "auditor"),
        department="support",
        region="us",
        manager="sarah",
        employee_number="E1006",
        groups=("everybody", "support", "auditors"),
    ),
)

BY_USERNAME = {person.username: person for person in PEOPLE}
