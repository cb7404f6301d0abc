"""Facts: names become ids, nothing of the content is told, and what is missing takes the same work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.connectors.demo.backend import DemoBackend
from bot.domain.action import ResourceFacts, ResourceRef
from bot.errors import NotAllowed
from bot.ports.connectors import Unsupported
from tests.contract.connectors import JOHN, GrantDesk
from tests.unit.adapters.connectors.conftest import FactsDesk


@pytest.mark.parametrize(
    ("kind", "typed", "canonical"),
    [
        ("Employee", "E1003", "E1003"),
        ("Employee", "sarah", "E1003"),
        ("Employee", " Sarah  Okafor ", "E1003"),
        ("Customer", "C-101", "C-101"),
        ("Customer", "northwind traders", "C-101"),
        ("Customer", "Northwind", "C-101"),
        ("Customer", "Blue Mesa", "C-205"),
        ("Payslip", "P-2026-10-E1001", "P-2026-10-E1001"),
        ("Payslip", "latest:E1001", "P-2026-10-E1001"),
        ("Payslip", "latest:john", "P-2026-10-E1001"),
        ("Payslip", "2026-03:Sarah Okafor", "P-2026-03-E1003"),
        ("Ticket", "T-1042", "T-1042"),
        ("Ticket", "#1042", "T-1042"),
        ("Ticket", "t-1042", "T-1042"),
        ("Leave", "L-5001", "L-5001"),
        ("Leave", "5001", "L-5001"),
        ("Opportunity", "o-301", "O-301"),
        ("Opportunity", "301", "O-301"),
        ("Department", "Sales", "sales"),
    ],
)
async def test_what_is_typed_becomes_an_id(facts: FactsDesk, kind: str, typed: str, canonical: str) -> None:
    found = await facts.of(kind, typed)
    assert found is not None
    assert found.ref == ResourceRef(type=kind, id=canonical)


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        ("Employee", ""),
        ("Employee", "sara"),
        ("Employee", "E9999"),
        ("Customer", ""),
        ("Customer", "north"),
        ("Customer", "%"),
        ("Customer", "Contoso"),
        ("Payslip", "latest:"),
        ("Payslip", "latest:nobody"),
        ("Payslip", ":john"),
        ("Payslip", "john"),
        ("Payslip", "1999-01:john"),
        ("Ticket", ""),
        ("Ticket", "9999"),
        ("Ticket", "1042 OR 1=1"),
        ("Leave", "L-0"),
        ("Opportunity", ""),
        ("Department", "legal"),
    ],
)
async def test_what_fits_nothing_is_nothing(facts: FactsDesk, kind: str, typed: str) -> None:
    assert await facts.of(kind, typed) is None


async def test_several_that_fit_are_nobody(backend: DemoBackend, facts: FactsDesk) -> None:
    backend.facts._database._connection.execute("UPDATE customer SET name = 'Northwind Wine' WHERE id = 'C-102'")
    assert await facts.of("Customer", "northwind") is None
    found = await facts.of("Customer", "northwind wine")
    assert found is not None
    assert found.ref.id == "C-102"


async def test_a_leave_has_an_owner_and_who_decides_for_them(facts: FactsDesk) -> None:
    assert await facts.of("Leave", "L-5001") == ResourceFacts(
        ref=ResourceRef(type="Leave", id="L-5001"),
        owner="E1001",
        manager="E1002",
        department="sales",
        region="eu",
        state="approved",
        amount=5,
        version="1",
        decided_by="Mia Lindqvist",
    )


async def test_a_customer_has_a_region_and_a_representative(facts: FactsDesk) -> None:
    eu, us = await facts.of("Customer", "C-101"), await facts.of("Customer", "C-201")
    assert eu is not None
    assert us is not None
    assert (eu.owner, eu.region, us.region) == ("E1004", "eu", "us")


@pytest.mark.requirement("54")
async def test_facts_carry_no_content(facts: FactsDesk) -> None:
    slip = await facts.of("Payslip", "latest:john")
    ticket = await facts.of("Ticket", "T-1042")
    customer = await facts.of("Customer", "C-101")
    assert slip is not None
    assert slip.amount is None
    told = repr((slip, ticket, customer))
    for content in ("4341", "4231", "Northwind", "Export stops", "Solberg"):
        assert content not in told


@pytest.mark.requirement("53")
@pytest.mark.parametrize(
    ("kind", "present", "missing"),
    [
        ("Employee", "sarah", "nobody"),
        ("Leave", "L-5001", "L-9999"),
        ("Payslip", "latest:sarah", "latest:nobody"),
        ("Customer", "Northwind", "Nordwind"),
        ("Ticket", "T-1042", "T-9999"),
        ("Opportunity", "O-301", "O-999"),
        ("Department", "sales", "legal"),
    ],
)
async def test_what_is_missing_takes_the_same_statements(
    backend: DemoBackend, facts: FactsDesk, kind: str, present: str, missing: str
) -> None:
    shapes = []
    for typed in (present, missing):
        statements: list[str] = []
        backend.facts._database._reader.set_trace_callback(statements.append)
        found = await facts.of(kind, typed)
        backend.facts._database._reader.set_trace_callback(None)
        shapes.append((found is not None, len(statements)))
    assert shapes == [(True, 1), (False, 1)]


async def test_a_type_of_another_system_is_unsupported(facts: FactsDesk) -> None:
    with pytest.raises(Unsupported):
        await facts.of("System", "x")


async def test_a_grant_that_does_not_verify_learns_nothing(backend: DemoBackend, desk: GrantDesk) -> None:
    grant = desk.facts_grant(JOHN, "Employee", "E1001")
    with pytest.raises(NotAllowed):
        await backend.facts.resolve(replace(grant, ref=ResourceRef(type="Payslip", id="latest:sarah")))
