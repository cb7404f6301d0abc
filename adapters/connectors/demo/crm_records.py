"""Customers, tickets and opportunities as the demo CRM keeps them."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime

from adapters.connectors.demo.gate import Visit
from adapters.connectors.demo.pay import in_money
from adapters.connectors.demo.reach import reach_customer, reach_record
from adapters.connectors.demo.staff import as_typed, check_text
from bot.ports.connectors import Invalid, NotFound
from bot.ports.crm import (
    Contact,
    Customer,
    CustomerSummary,
    Opportunity,
    OpportunityStatus,
    Priority,
    Ticket,
    TicketStatus,
)

MOST_FOUND = 100
LONGEST_SUBJECT = 200
LONGEST_TEXT = 4000
CUSTOMERS = (
    "SELECT c.*, r.name AS owner_name,"
    " (SELECT COUNT(*) FROM ticket t WHERE t.customer = c.id AND t.status <> 'CLOSED') AS open_tickets,"
    " (SELECT COUNT(*) FROM opportunity o WHERE o.customer = c.id AND o.status = 'OPEN') AS open_opportunities"
    " FROM customer c LEFT JOIN representative r ON r.id = c.owner "
)
TICKETS = (
    "SELECT t.*, c.name AS customer_name, c.region, r.name AS owner_name FROM ticket t"
    " JOIN customer c ON c.id = t.customer LEFT JOIN representative r ON r.id = t.owner "
)
OPPORTUNITIES = (
    "SELECT o.*, c.name AS customer_name, c.region, r.name AS owner_name FROM opportunity o"
    " JOIN customer c ON c.id = o.customer LEFT JOIN representative r ON r.id = o.owner "
)


def search(visit: Visit, text: str, region: str, limit: int) -> tuple[CustomerSummary, ...]:
    """The customers of a region that fit, by name."""
    rows = visit.connection.execute(
        "SELECT * FROM customer WHERE region = ?1 AND (lower(id) = ?2 OR instr(lower(name), ?2))"
        " ORDER BY name LIMIT ?3",
        (region, as_typed(text), min(limit, MOST_FOUND)),
    )
    return tuple(
        CustomerSummary(id=row["id"], name=row["name"], region=row["region"], owner=row["owner"]) for row in rows
    )


def customer(visit: Visit, customer_id: str) -> Customer:
    """One customer. Raises `NotFound`."""
    reach_customer(visit, customer_id)
    row = _one(visit, CUSTOMERS + "WHERE c.id = ?", customer_id)
    return Customer(
        id=row["id"],
        name=row["name"],
        region=row["region"],
        industry=row["industry"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        contact_name=row["contact_name"],
        contact_email=row["contact_email"],
        contact_phone=row["contact_phone"],
        open_tickets=row["open_tickets"],
        open_opportunities=row["open_opportunities"],
        note=row["note"],
        version=str(row["version"]),
    )


def change_customer(visit: Visit, customer_id: str, changes: dict[str, str | None]) -> Customer:
    """Set the fields that are given. Raises `Invalid` with the field, `Conflict(STALE)`, `NotFound`."""
    seen = customer(visit, customer_id)
    visit.expect_version(int(seen.version))
    for field, value in changes.items():
        check_text(field, value, longest=LONGEST_SUBJECT)
    visit.connection.execute(
        "UPDATE customer SET contact_name = COALESCE(:contact_name, contact_name),"
        " contact_email = COALESCE(:contact_email, contact_email),"
        " contact_phone = COALESCE(:contact_phone, contact_phone), note = COALESCE(:note, note),"
        " version = version + 1 WHERE id = :id",
        {**changes, "id": customer_id},
    )
    return customer(visit, customer_id)


def contacts(visit: Visit, region: str) -> tuple[Contact, ...]:
    """The contacts of a region's customers, by customer."""
    rows = visit.connection.execute("SELECT * FROM customer WHERE region = ? ORDER BY name", (region,))
    return tuple(
        Contact(
            customer=row["id"],
            customer_name=row["name"],
            name=row["contact_name"],
            email=row["contact_email"],
            phone=row["contact_phone"],
        )
        for row in rows
    )


def tickets(visit: Visit, customer_id: str, status: TicketStatus | None) -> tuple[Ticket, ...]:
    """Those of one customer, latest change first. Raises `NotFound`."""
    reach_customer(visit, customer_id)
    _one(visit, "SELECT id FROM customer WHERE id = ?", customer_id)
    rows = visit.connection.execute(
        TICKETS + "WHERE t.customer = ?1 AND (?2 IS NULL OR t.status = ?2) ORDER BY t.updated_at DESC, t.number DESC",
        (customer_id, status),
    )
    return tuple(_ticket_of(row) for row in rows)


def ticket(visit: Visit, ticket_id: str) -> Ticket:
    """One ticket. Raises `NotFound`."""
    row = _one(visit, TICKETS + "WHERE t.id = ?", ticket_id)
    reach_record(visit, "Ticket", ticket_id, row["customer"])
    return _ticket_of(row)


def open_ticket(visit: Visit, customer_id: str, subject: str, description: str, priority: Priority) -> Ticket:
    """Store a new ticket; it falls to the customer's representative. Raises `Invalid`, `NotFound`."""
    reach_customer(visit, customer_id)
    owner = _one(visit, "SELECT owner FROM customer WHERE id = ?", customer_id)["owner"]
    check_text("subject", subject, longest=LONGEST_SUBJECT)
    check_text("description", description, longest=LONGEST_TEXT)
    at = visit.now.isoformat()
    number = visit.connection.execute(
        "INSERT INTO ticket (customer, subject, description, status, priority, owner, created_at, updated_at)"
        " VALUES (?, ?, ?, 'OPEN', ?, ?, ?, ?) RETURNING number",
        (customer_id, subject, description, priority, owner, at, at),
    ).fetchone()["number"]
    return _ticket_of(visit.connection.execute(TICKETS + "WHERE t.number = ?", (number,)).fetchone())


def change_ticket(
    visit: Visit, ticket_id: str, status: TicketStatus | None, priority: Priority | None, owner: str | None
) -> Ticket:
    """Set the fields that are given. Raises `Invalid("owner")`, `Conflict(STALE)`, `NotFound`."""
    seen = ticket(visit, ticket_id)
    visit.expect_version(int(seen.version))
    found = visit.connection.execute("SELECT 1 FROM representative WHERE id = ?", (owner,)).fetchone()
    if owner is not None and found is None:
        raise Invalid("owner")
    visit.connection.execute(
        "UPDATE ticket SET status = COALESCE(?, status), priority = COALESCE(?, priority), owner = COALESCE(?, owner),"
        " updated_at = ?, version = version + 1 WHERE id = ?",
        (status, priority, owner, visit.now.isoformat(), ticket_id),
    )
    return ticket(visit, ticket_id)


def opportunities(visit: Visit, customer_id: str) -> tuple[Opportunity, ...]:
    """Those of one customer, by closing date. Raises `NotFound`."""
    reach_customer(visit, customer_id)
    _one(visit, "SELECT id FROM customer WHERE id = ?", customer_id)
    rows = visit.connection.execute(OPPORTUNITIES + "WHERE o.customer = ? ORDER BY o.close_on, o.id", (customer_id,))
    return tuple(_opportunity_of(row) for row in rows)


def opportunity(visit: Visit, opportunity_id: str) -> Opportunity:
    """One opportunity. Raises `NotFound`."""
    row = _one(visit, OPPORTUNITIES + "WHERE o.id = ?", opportunity_id)
    reach_record(visit, "Opportunity", opportunity_id, row["customer"])
    return _opportunity_of(row)


def _one(visit: Visit, statement: str, value: str) -> sqlite3.Row:
    row: sqlite3.Row | None = visit.connection.execute(statement, (value,)).fetchone()
    if row is None:
        raise NotFound("record")
    return row


def _ticket_of(row: sqlite3.Row) -> Ticket:
    return Ticket(
        id=row["id"],
        customer=row["customer"],
        customer_name=row["customer_name"],
        region=row["region"],
        subject=row["subject"],
        description=row["description"],
        status=TicketStatus(row["status"]),
        raw_status=row["status"],
        priority=Priority(row["priority"]),
        owner=row["owner"],
        owner_name=row["owner_name"],
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        version=str(row["version"]),
    )


def _opportunity_of(row: sqlite3.Row) -> Opportunity:
    return Opportunity(
        id=row["id"],
        customer=row["customer"],
        customer_name=row["customer_name"],
        region=row["region"],
        name=row["name"],
        status=OpportunityStatus(row["status"]),
        raw_stage=row["stage"],
        amount=in_money(row["amount_cents"]),
        currency=row["currency"],
        probability=row["probability"],
        close_on=date.fromisoformat(row["close_on"]),
        owner=row["owner"],
        owner_name=row["owner_name"],
        version=str(row["version"]),
    )
