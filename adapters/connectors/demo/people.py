"""The six people of the demo, made up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One employee of the demo."""

    id: str
    username: str
    name: str
    department: str
    region: str
    manager: str | None
    title: str
    hired_on: str
    pay_cents: int

    @property
    def first_name(self) -> str:
        """The name colleagues use."""
        return self.name.split(" ", maxsplit=1)[0]

    @property
    def currency(self) -> str:
        """What the region pays in."""
        return "EUR" if self.region == "eu" else "USD"


PEOPLE = (
    Seed(
        id="E1003",
        username="sarah",
        name="Sarah Okafor",
        department="sales",
        region="eu",
        manager=None,
        title="Head of People",
        hired_on="2016-02-01",
        pay_cents=7_914_37,
    ),
    Seed(
        id="E1002",
        username="mia",
        name="Mia Lindqvist",
        department="sales",
        region="eu",
        manager="E1003",
        title="Sales Lead",
        hired_on="2018-09-03",
        pay_cents=5_862_19,
    ),
    Seed(
        id="E1001",
        username="john",
        name="John Carver",
        department="sales",
        region="eu",
        manager="E1002",
        title="Account Executive",
        hired_on="2021-04-12",
        pay_cents=4_231_53,
    ),
    Seed(
        id="E1004",
        username="sue",
        name="Sue Park",
        department="support",
        region="eu",
        manager="E1003",
        title="Support Representative",
        hired_on="2020-01-13",
        pay_cents=3_987_41,
    ),
    Seed(
        id="E1005",
        username="raj",
        name="Raj Patel",
        department="support",
        region="us",
        manager="E1003",
        title="System Administrator",
        hired_on="2019-06-17",
        pay_cents=6_345_83,
    ),
    Seed(
        id="E1006",
        username="ada",
        name="Ada Brandt",
        department="support",
        region="us",
        manager="E1003",
        title="Internal Auditor",
        hired_on="2017-11-06",
        pay_cents=6_708_67,
    ),
)
"""Managers first: a row refers to the one above it."""

HR_OFFICERS = (("E1003", "sales"), ("E1003", "support"))
