"""The demo CRM behind the CRM port."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.connectors.demo import crm_records
from adapters.connectors.demo.gate import Gate
from adapters.connectors.demo.traits import traits_of
from bot.domain.grant import Grant
from bot.ports.connectors import Call, OperationTraits, Reconciliation
from bot.ports.crm import (
    Contact,
    Customer,
    CustomerRelations,
    CustomerSummary,
    Opportunity,
    Priority,
    Ticket,
    TicketStatus,
)

TRAITS = traits_of(
    CustomerRelations, writes={"create_ticket", "update_ticket", "update_account"}, unversioned={"create_ticket"}
)


class DemoCustomerRelations:
    """Implements `bot.ports.crm.CustomerRelations`."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def traits(self) -> Mapping[str, OperationTraits]:
        return TRAITS

    async def search_customers(
        self, grant: Grant, call: Call, *, text: str, region: str, limit: int = 20
    ) -> tuple[CustomerSummary, ...]:
        return await self._gate.read(
            grant, call, "search_customers", lambda visit: crm_records.search(visit, text, region, limit)
        )

    async def get_customer(self, grant: Grant, call: Call, *, customer: str) -> Customer:
        return await self._gate.read(grant, call, "get_customer", lambda visit: crm_records.customer(visit, customer))

    async def list_tickets(
        self, grant: Grant, call: Call, *, customer: str, status: TicketStatus | None = None
    ) -> tuple[Ticket, ...]:
        return await self._gate.read(
            grant, call, "list_tickets", lambda visit: crm_records.tickets(visit, customer, status)
        )

    async def get_ticket(self, grant: Grant, call: Call, *, ticket: str) -> Ticket:
        return await self._gate.read(grant, call, "get_ticket", lambda visit: crm_records.ticket(visit, ticket))

    async def create_ticket(
        self, grant: Grant, call: Call, *, customer: str, subject: str, description: str, priority: Priority
    ) -> Ticket:
        return await self._gate.write(
            grant,
            call,
            "create_ticket",
            Ticket,
            (customer, subject, description, priority),
            lambda visit: crm_records.open_ticket(visit, customer, subject, description, priority),
        )

    async def update_ticket(
        self,
        grant: Grant,
        call: Call,
        *,
        ticket: str,
        status: TicketStatus | None = None,
        priority: Priority | None = None,
        owner: str | None = None,
    ) -> Ticket:
        return await self._gate.write(
            grant,
            call,
            "update_ticket",
            Ticket,
            (ticket, status, priority, owner),
            lambda visit: crm_records.change_ticket(visit, ticket, status, priority, owner),
        )

    async def list_opportunities(self, grant: Grant, call: Call, *, customer: str) -> tuple[Opportunity, ...]:
        return await self._gate.read(
            grant, call, "list_opportunities", lambda visit: crm_records.opportunities(visit, customer)
        )

    async def get_opportunity(self, grant: Grant, call: Call, *, opportunity: str) -> Opportunity:
        return await self._gate.read(
            grant, call, "get_opportunity", lambda visit: crm_records.opportunity(visit, opportunity)
        )

    async def update_account(
        self,
        grant: Grant,
        call: Call,
        *,
        customer: str,
        contact_name: str | None = None,
        contact_email: str | None = None,
        contact_phone: str | None = None,
        note: str | None = None,
    ) -> Customer:
        changes = {
            "contact_name": contact_name,
            "contact_email": contact_email,
            "contact_phone": contact_phone,
            "note": note,
        }
        return await self._gate.write(
            grant,
            call,
            "update_account",
            Customer,
            (customer, changes),
            lambda visit: crm_records.change_customer(visit, customer, changes),
        )

    async def export_contacts(self, grant: Grant, call: Call, *, region: str) -> tuple[Contact, ...]:
        return await self._gate.read(grant, call, "export_contacts", lambda visit: crm_records.contacts(visit, region))

    async def reconcile(self, grant: Grant, call: Call) -> Reconciliation:
        return await self._gate.reconcile(grant, call)
