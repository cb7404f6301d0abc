"""What every CRM connector has to do, the parallel cases included."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import NotAllowed
from bot.ports.connectors import Conflict, ConflictReason, Invalid, NotFound, Reconciliation, Unsupported
from bot.ports.crm import CustomerRelations, OpportunityStatus, Priority, Ticket, TicketStatus
from tests.contract.connectors import SUE, SYSTEMS, SystemUnderTest
from tests.fakes.clock import FixedClock

EU, US = "C-101", "C-201"


@pytest.fixture(params=SYSTEMS, ids=lambda system: system.__name__)
def system(request: pytest.FixtureRequest, clock: FixedClock, tmp_path: Path) -> Iterator[SystemUnderTest]:
    with request.param(clock, tmp_path) as opened:
        yield opened


async def tickets(system: SystemUnderTest, customer: str = EU) -> tuple[Ticket, ...]:
    return await system.crm[0].list_tickets(*system.act(SUE, "Customer", customer), customer=customer)


async def open_ticket(system: SystemUnderTest, *, replica: int = 0, key: str | None = None) -> Ticket:
    return await system.crm[replica % len(system.crm)].create_ticket(
        *system.act(SUE, "Customer", EU, key=key),
        customer=EU,
        subject="Printer on fire",
        description="Since nine.",
        priority=Priority.URGENT,
    )


class TestReading:
    async def test_a_search_stays_in_its_region(self, system: SystemUnderTest) -> None:
        everybody = await system.crm[0].search_customers(*system.act(SUE, "Region", "eu"), text="", region="eu")
        assert len(everybody) >= 5
        assert {customer.region for customer in everybody} == {"eu"}
        elsewhere = await system.crm[0].search_customers(
            *system.act(SUE, "Region", "eu"), text="lakeshore", region="eu"
        )
        assert elsewhere == ()

    @pytest.mark.parametrize("text", ["northwind", "NORTHWIND  traders", "c-101", "wind"])
    async def test_a_search_finds_by_name_or_id(self, system: SystemUnderTest, text: str) -> None:
        found = await system.crm[0].search_customers(*system.act(SUE, "Region", "eu"), text=text, region="eu")
        assert [customer.id for customer in found] == [EU]

    async def test_wildcards_are_letters(self, system: SystemUnderTest) -> None:
        assert await system.crm[0].search_customers(*system.act(SUE, "Region", "eu"), text="%", region="eu") == ()

    async def test_a_customer_counts_what_is_open(self, system: SystemUnderTest) -> None:
        customer = await system.crm[0].get_customer(*system.act(SUE, "Customer", EU), customer=EU)
        listed = await tickets(system)
        sales = await system.crm[0].list_opportunities(*system.act(SUE, "Customer", EU), customer=EU)
        assert customer.open_tickets == sum(ticket.status is not TicketStatus.CLOSED for ticket in listed) > 0
        assert customer.open_opportunities == sum(sale.status is OpportunityStatus.OPEN for sale in sales) > 0
        assert {ticket.customer for ticket in listed} == {sale.customer for sale in sales} == {EU}

    async def test_tickets_are_filtered_by_status(self, system: SystemUnderTest) -> None:
        closed = await system.crm[0].list_tickets(
            *system.act(SUE, "Customer", EU), customer=EU, status=TicketStatus.CLOSED
        )
        assert {ticket.status for ticket in closed} == {TicketStatus.CLOSED}

    async def test_a_record_is_read_under_its_own_grant(self, system: SystemUnderTest) -> None:
        ticket = (await tickets(system))[0]
        assert await system.crm[0].get_ticket(*system.act(SUE, "Ticket", ticket.id), ticket=ticket.id) == ticket
        sale = (await system.crm[0].list_opportunities(*system.act(SUE, "Customer", EU), customer=EU))[0]
        under = system.act(SUE, "Opportunity", sale.id)
        assert await system.crm[0].get_opportunity(*under, opportunity=sale.id) == sale

    @pytest.mark.requirement("53")
    async def test_a_grant_for_one_customer_reaches_no_other(self, system: SystemUnderTest) -> None:
        theirs = (await tickets(system, US))[0].id
        sale = (await system.crm[0].list_opportunities(*system.act(SUE, "Customer", US), customer=US))[0].id
        grant, call = system.act(SUE, "Customer", EU)
        crm = system.crm[0]
        texts = set()
        for attempt in (
            crm.get_customer(grant, call, customer=US),
            crm.list_tickets(grant, call, customer=US),
            crm.list_opportunities(grant, call, customer=US),
            crm.get_ticket(grant, call, ticket=theirs),
            crm.get_opportunity(grant, call, opportunity=sale),
            crm.update_ticket(grant, call, ticket=theirs, status=TicketStatus.CLOSED),
            crm.update_account(grant, call, customer=US, note="x"),
        ):
            with pytest.raises(NotFound) as caught:
                await attempt
            texts.add(caught.value.code)
        with pytest.raises(NotFound) as caught:
            await crm.get_ticket(grant, call, ticket="T-999999")
        assert texts == {caught.value.code}

    async def test_an_export_is_of_one_region(self, system: SystemUnderTest) -> None:
        contacts = await system.crm[0].export_contacts(*system.act(SUE, "Region", "eu"), region="eu")
        in_region = await system.crm[0].search_customers(*system.act(SUE, "Region", "eu"), text="", region="eu")
        assert {contact.customer for contact in contacts} == {customer.id for customer in in_region}


class TestWriting:
    @pytest.mark.requirement("80")
    async def test_identical_tickets_at_once_are_one(self, system: SystemUnderTest) -> None:
        before = await tickets(system)
        answers = await asyncio.gather(*(open_ticket(system, replica=number, key="same") for number in range(4)))
        assert len({ticket.id for ticket in answers}) == 1
        assert len(await tickets(system)) == len(before) + 1
        grant, call = system.act(SUE, "Customer", EU, key="same")
        assert await system.crm[-1].reconcile(grant, call) is Reconciliation.DONE
        absent = replace(call, idempotency_key="other")
        assert await system.crm[0].reconcile(grant, absent) is Reconciliation.ABSENT

    async def test_tickets_with_keys_of_their_own_are_several(self, system: SystemUnderTest) -> None:
        answers = await asyncio.gather(*(open_ticket(system, replica=number) for number in range(4)))
        assert len({ticket.id for ticket in answers}) == 4

    async def test_an_update_changes_what_is_given(self, system: SystemUnderTest) -> None:
        ticket = await open_ticket(system)
        changed = await system.crm[0].update_ticket(
            *system.act(SUE, "Ticket", ticket.id), ticket=ticket.id, status=TicketStatus.ON_HOLD
        )
        assert changed.status is TicketStatus.ON_HOLD
        assert (changed.priority, changed.owner, changed.subject) == (ticket.priority, ticket.owner, ticket.subject)
        assert changed.version != ticket.version

    async def test_of_updates_seen_alike_one_wins(self, system: SystemUnderTest) -> None:
        ticket = await open_ticket(system)
        outcomes = await asyncio.gather(
            *(
                system.crm[number % len(system.crm)].update_ticket(
                    *system.act(SUE, "Ticket", ticket.id, expected_version=ticket.version),
                    ticket=ticket.id,
                    status=status,
                )
                for number, status in enumerate(TicketStatus)
            ),
            return_exceptions=True,
        )
        lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
        assert [conflict.reason for conflict in lost] == [ConflictReason.STALE] * 3

    async def test_an_owner_who_does_not_exist_is_refused(self, system: SystemUnderTest) -> None:
        ticket = await open_ticket(system)
        with pytest.raises(Invalid) as caught:
            await system.crm[0].update_ticket(*system.act(SUE, "Ticket", ticket.id), ticket=ticket.id, owner="E9999")
        assert caught.value.field == "owner"

    @pytest.mark.parametrize(
        ("subject", "description", "field"), [(" ", "text", "subject"), ("text", "", "description")]
    )
    async def test_an_empty_ticket_is_refused(
        self, system: SystemUnderTest, subject: str, description: str, field: str
    ) -> None:
        with pytest.raises(Invalid) as caught:
            await system.crm[0].create_ticket(
                *system.act(SUE, "Customer", EU),
                customer=EU,
                subject=subject,
                description=description,
                priority=Priority.LOW,
            )
        assert caught.value.field == field

    async def test_an_account_changes_and_a_stale_change_is_refused(self, system: SystemUnderTest) -> None:
        seen = await system.crm[0].get_customer(*system.act(SUE, "Customer", EU), customer=EU)
        bounds = {"expected_version": seen.version}
        changed = await system.crm[0].update_account(
            *system.act(SUE, "Customer", EU, **bounds), customer=EU, note="Prefers mail."
        )
        assert (changed.note, changed.contact_name) == ("Prefers mail.", seen.contact_name)
        with pytest.raises(Conflict) as caught:
            await system.crm[0].update_account(*system.act(SUE, "Customer", EU, **bounds), customer=EU, note="No.")
        assert caught.value.reason is ConflictReason.STALE

    @pytest.mark.requirement("62")
    async def test_what_is_written_is_kept_as_text(self, system: SystemUnderTest) -> None:
        note = "'); DROP TABLE ticket; -- <script>&amp;"
        under = system.act(SUE, "Customer", EU)
        assert (await system.crm[0].update_account(*under, customer=EU, note=note)).note == note
        assert await tickets(system)


class TestTraits:
    async def test_every_operation_is_described_and_verifies_its_grant_first(self, system: SystemUnderTest) -> None:
        operations = {name for name, _ in inspect.getmembers(CustomerRelations, inspect.isfunction) if name[0] != "_"}
        assert set(system.crm[0].traits()) == operations - {"traits", "reconcile"}
        grant, call = system.act(SUE, "Customer", EU)
        for name in [*system.crm[0].traits(), "reconcile"]:
            operation = getattr(system.crm[0], name)
            named = list(inspect.signature(operation).parameters)[2:]
            with pytest.raises(NotAllowed):
                await operation(replace(grant, mac="0" * 64), call, **dict.fromkeys(named, "x"))

    async def test_what_is_not_supported_says_so(self, system: SystemUnderTest) -> None:
        grant, call = system.act(SUE, "Customer", EU)
        for name, traits in system.crm[0].traits().items():
            if not traits.supported:
                operation = getattr(system.crm[0], name)
                named = list(inspect.signature(operation).parameters)[2:]
                with pytest.raises(Unsupported):
                    await operation(grant, call, **dict.fromkeys(named, "x"))
