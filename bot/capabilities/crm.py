"""Customers, tickets and opportunities of one's own region."""

from __future__ import annotations

from typing import Literal

from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Systems
from bot.domain.action import ResourceRef
from bot.domain.answer import Button, Draft, Result
from bot.domain.cards import Card, Fact, Quote, Status
from bot.domain.identity import Principal
from bot.domain.intent import Intent, Origin
from bot.domain.proposal import Shown
from bot.ports.crm import Ticket, TicketStatus
from bot.texts.formats import clock_time, full_day, money


class OneCustomer(Arguments):
    """A customer by name or id."""

    customer: str


class OneTicket(Arguments):
    """A ticket by number."""

    ticket: str


class UpdateTicket(OneTicket):
    """A ticket and its new status."""

    status: Literal["OPEN", "IN_PROGRESS", "ON_HOLD", "CLOSED"]


def _of_customer(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    assert isinstance(arguments, OneCustomer)
    return ResourceRef(type="Customer", id=arguments.customer)


def _of_ticket(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    assert isinstance(arguments, OneTicket)
    return ResourceRef(type="Ticket", id=arguments.ticket.upper())


def _read_at(acting: Acting) -> str:
    at = clock_time(acting.now, acting.principal.timezone, acting.voice.language)
    return acting.voice.say("common.source.crm", time=at)


def _more(acting: Acting, key: str, capability: str) -> Button:
    intent = Intent(capability=capability, arguments={"customer": acting.facts.ref.id}, origin=Origin.PRESS)
    return Button(label=acting.voice.say(key), intent=intent)


async def find_customer(systems: Systems, acting: Acting) -> Result:
    """One customer of the region."""
    customer = await systems.crm.get_customer(acting.grant, acting.call, customer=acting.facts.ref.id)
    say = acting.voice.say
    facts = (
        Fact(label=say("crm.region"), value=customer.region.upper()),
        Fact(label=say("crm.industry"), value=customer.industry),
        Fact(label=say("crm.contact"), value=f"{customer.contact_name}, {customer.contact_email}"),
        Fact(label=say("crm.owner"), value=customer.owner_name or "–"),
        Fact(label=say("crm.open_tickets"), value=str(customer.open_tickets)),
        Fact(label=say("crm.open_opportunities"), value=str(customer.open_opportunities)),
    )
    quotes = (Quote(author=say("crm.note"), text=customer.note),) if customer.note else ()
    buttons = (
        _more(acting, "crm.list_tickets.title", "list_tickets"),
        _more(acting, "crm.list_opportunities.title", "list_opportunities"),
    )
    card = Card(headline=customer.name, facts=facts, quotes=quotes, status=Status.ALLOWED, quiet=_read_at(acting))
    return Result(draft=Draft(card=card, buttons=buttons))


async def list_tickets(systems: Systems, acting: Acting) -> Result:
    """The tickets of one customer."""
    tickets = await systems.crm.list_tickets(acting.grant, acting.call, customer=acting.facts.ref.id)
    say = acting.voice.say
    facts = tuple(
        Fact(label=f"{ticket.id} · {say(f'crm.statuses.{ticket.status}')}", value=ticket.subject)
        for ticket in tickets[:10]
    )
    name = tickets[0].customer_name if tickets else acting.facts.ref.id
    headline = say("crm.list_tickets.headline", count=len(tickets), name=name)
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, status=Status.ALLOWED, quiet=_read_at(acting))))


async def view_ticket(systems: Systems, acting: Acting) -> Result:
    """One ticket."""
    ticket = await systems.crm.get_ticket(acting.grant, acting.call, ticket=acting.facts.ref.id)
    quotes = (Quote(author=ticket.customer_name, text=ticket.description),) if ticket.description else ()
    card = Card(
        headline=f"{ticket.id}: {ticket.subject}",
        facts=_ticket_facts(acting, ticket),
        quotes=quotes,
        status=Status.ALLOWED,
        quiet=_read_at(acting),
    )
    return Result(draft=Draft(card=card))


def _ticket_facts(acting: Acting, ticket: Ticket) -> tuple[Fact, ...]:
    say = acting.voice.say
    return (
        Fact(label=say("crm.customer"), value=ticket.customer_name),
        Fact(label=say("crm.status"), value=say(f"crm.statuses.{ticket.status}")),
        Fact(label=say("crm.priority"), value=say(f"crm.priorities.{ticket.priority}")),
        Fact(label=say("crm.owner"), value=ticket.owner_name or "–"),
    )


async def preview_ticket(systems: Systems, acting: Acting) -> Shown:
    """The ticket, and what its status would become."""
    ticket = await systems.crm.get_ticket(acting.grant, acting.call, ticket=acting.facts.ref.id)
    say = acting.voice.say
    change = Fact(label=say("crm.new_status"), value=say(f"crm.statuses.{acting.argument('status')}"))
    # The subject is the customer's own words: they are no part of what is signed.
    quotes = (Quote(author=ticket.customer_name, text=ticket.subject),) if ticket.subject else ()
    headline = say("crm.update_ticket.headline", ticket=ticket.id)
    return Shown(headline=headline, facts=(*_ticket_facts(acting, ticket), change), quotes=quotes)


async def update_ticket(systems: Systems, acting: Acting) -> Result:
    """Set a ticket's status."""
    ticket = await systems.crm.update_ticket(
        acting.grant, acting.call, ticket=acting.facts.ref.id, status=TicketStatus(acting.argument("status"))
    )
    headline = acting.voice.say(
        "crm.update_ticket.done", ticket=ticket.id, status=acting.voice.say(f"crm.statuses.{ticket.status}")
    )
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED, quiet=_read_at(acting))))


async def list_opportunities(systems: Systems, acting: Acting) -> Result:
    """The opportunities of one customer."""
    found = await systems.crm.list_opportunities(acting.grant, acting.call, customer=acting.facts.ref.id)
    say, language = acting.voice.say, acting.voice.language
    facts = tuple(
        Fact(
            label=f"{item.name} · {say(f'crm.stages.{item.status}')}",
            value=say(
                "crm.list_opportunities.line",
                amount=money(item.amount, item.currency, language),
                probability=item.probability,
                day=full_day(item.close_on, language),
            ),
        )
        for item in found[:10]
    )
    name = found[0].customer_name if found else acting.facts.ref.id
    headline = say("crm.list_opportunities.headline", count=len(found), name=name)
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, status=Status.ALLOWED, quiet=_read_at(acting))))


CRM: tuple[Capability, ...] = (
    Capability(
        name="find_customer",
        action="ViewCustomer",
        group=Group.CRM,
        resource_type="Customer",
        arguments=OneCustomer,
        effect=Effect.READ,
        target=_of_customer,
        perform=find_customer,
        command="customer",
    ),
    Capability(
        name="list_tickets",
        action="ListTickets",
        group=Group.CRM,
        resource_type="Customer",
        arguments=OneCustomer,
        effect=Effect.READ,
        target=_of_customer,
        perform=list_tickets,
        command="tickets",
    ),
    Capability(
        name="view_ticket",
        action="ViewTicket",
        group=Group.CRM,
        resource_type="Ticket",
        arguments=OneTicket,
        effect=Effect.READ,
        target=_of_ticket,
        perform=view_ticket,
        command="ticket",
    ),
    Capability(
        name="update_ticket",
        action="UpdateTicket",
        group=Group.CRM,
        resource_type="Ticket",
        arguments=UpdateTicket,
        canonical=("status",),
        effect=Effect.WRITE,
        target=_of_ticket,
        perform=update_ticket,
        preview=preview_ticket,
        preview_action="ViewTicket",
        command="ticket status",
    ),
    Capability(
        name="list_opportunities",
        action="ListOpportunities",
        group=Group.CRM,
        resource_type="Customer",
        arguments=OneCustomer,
        effect=Effect.READ,
        target=_of_customer,
        perform=list_opportunities,
        command="opportunities",
    ),
)
