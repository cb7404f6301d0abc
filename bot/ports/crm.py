"""The CRM port: customers, tickets and opportunities, in neutral words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from bot.domain.grant import Grant
from bot.ports.connectors import Call, OperationTraits, Reconciliation


class TicketStatus(StrEnum):
    """The states of a ticket; the vendor's own word stays beside it in `raw_status`."""

    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    CLOSED = "CLOSED"


class Priority(StrEnum):
    """How urgent a ticket is."""

    URGENT = "URGENT"
    HIGH = "HIGH"
    NORMAL = "NORMAL"
    LOW = "LOW"


class OpportunityStatus(StrEnum):
    """How an opportunity stands; the vendor's own stage stays beside it in `raw_stage`."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSummary:
    """A customer in a list."""

    id: str
    name: str
    region: str
    owner: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer account."""

    id: str
    name: str
    region: str
    industry: str
    owner: str | None
    """Reference of the representative in charge."""
    owner_name: str | None
    contact_name: str
    contact_email: str
    contact_phone: str
    open_tickets: int
    open_opportunities: int
    note: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A support ticket."""

    id: str
    """The number people type, such as `T-1042`."""
    customer: str
    customer_name: str
    region: str
    subject: str
    description: str
    status: TicketStatus
    raw_status: str
    priority: Priority
    owner: str | None
    owner_name: str | None
    created_at: datetime
    updated_at: datetime
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """A sale that may come about."""

    id: str
    customer: str
    customer_name: str
    region: str
    name: str
    status: OpportunityStatus
    raw_stage: str
    amount: Decimal
    currency: str
    probability: int
    """Per cent."""
    close_on: date
    owner: str | None
    owner_name: str | None
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One row of an export: confidential."""

    customer: str
    customer_name: str
    name: str
    email: str
    phone: str


class CustomerRelations(Protocol):
    """A CRM system, called in the name of one person under a grant for one action.

    Grants, deadlines, idempotency, versions and errors are as in `bot.ports.hr.HumanResources`.
    """

    def traits(self) -> Mapping[str, OperationTraits]:
        """What the connector says of each operation, by name."""
        ...

    async def search_customers(
        self, grant: Grant, call: Call, *, text: str, region: str, limit: int = 20
    ) -> tuple[CustomerSummary, ...]:
        """The customers of one region whose name contains `text` or whose id it is, by name."""
        ...

    async def get_customer(self, grant: Grant, call: Call, *, customer: str) -> Customer:
        """One customer. Raises `NotFound`."""
        ...

    async def list_tickets(
        self, grant: Grant, call: Call, *, customer: str, status: TicketStatus | None = None
    ) -> tuple[Ticket, ...]:
        """The tickets of one customer, latest change first. Raises `NotFound`."""
        ...

    async def get_ticket(self, grant: Grant, call: Call, *, ticket: str) -> Ticket:
        """One ticket. Raises `NotFound`."""
        ...

    async def create_ticket(
        self, grant: Grant, call: Call, *, customer: str, subject: str, description: str, priority: Priority
    ) -> Ticket:
        """Open a ticket. Raises `Invalid("subject" | "description")`, `NotFound`, `OutcomeUnknown`."""
        ...

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
        """Change those fields that are given. Raises `Invalid("owner")`, `Conflict(STALE)`, `NotFound`."""
        ...

    async def list_opportunities(self, grant: Grant, call: Call, *, customer: str) -> tuple[Opportunity, ...]:
        """The opportunities of one customer, by closing date. Raises `NotFound`."""
        ...

    async def get_opportunity(self, grant: Grant, call: Call, *, opportunity: str) -> Opportunity:
        """One opportunity. Raises `NotFound`."""
        ...

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
        """Change those fields that are given. Raises `Invalid` with the field, `Conflict(STALE)`, `NotFound`."""
        ...

    async def export_contacts(self, grant: Grant, call: Call, *, region: str) -> tuple[Contact, ...]:
        """The contacts of every customer of one region, by customer."""
        ...

    async def reconcile(self, grant: Grant, call: Call) -> Reconciliation:
        """Whether the write known by `call.idempotency_key` has happened; as in `HumanResources`."""
        ...
