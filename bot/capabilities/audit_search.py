"""Searching the audit log in chat, a page at a time: codes and ids only, never content."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from bot.capabilities.model import Acting, Arguments, Local
from bot.domain import audit_query
from bot.domain.answer import Button, Draft, Result
from bot.domain.audit import AuditRecord
from bot.domain.cards import Card, Fact
from bot.domain.intent import Intent, Origin
from bot.services.people import find_person, identity_from_key
from bot.texts.formats import moment, zone

PAGE = 10


class SearchAudit(Arguments):
    """Words such as `principal:john type:access decision:deny since:2026-11-01`."""

    query: str = ""


class _Filters(TypedDict, total=False):
    principal: str
    type_prefix: str
    resource: str
    decision: str
    correlation: str
    since: datetime | None
    until: datetime | None
    before: int | None


def search_audit(local: Local, acting: Acting) -> Result:
    """The latest audit records that match, newest first, and the way to older ones.

    What cannot be understood finds nothing and says so: it must not pass for a search of everything.
    """
    query = acting.argument("query")
    if audit_query.unknown(query):
        return _not_understood(acting, "understanding.audit_filter", known=", ".join(audit_query.FILTERS))
    if audit_query.unreadable(query):
        return _not_understood(acting, "understanding.audit_moment")
    found = local.tx.audit.search(**_filters(local, acting, query), limit=PAGE + 1)
    shown = tuple(found[:PAGE])
    facts = tuple(_fact(local, acting, record) for record in shown)
    say, further = acting.voice.say, len(found) > PAGE
    before = "before" if audit_query.BEFORE in dict(audit_query.words(query)) else "headline"
    headline = say(f"admin.search_audit.{before}", count=len(shown)) if shown else say("admin.search_audit.nothing")
    quiet = say("admin.search_audit.zone", zone=zone(acting.principal.timezone).key)
    if not further:
        return Result(draft=Draft(card=Card(headline=headline, facts=facts, quiet=quiet)))
    older = audit_query.older(query, shown[-1].seq)
    button = Button(
        label=say("admin.search_audit.older"),
        intent=Intent(capability="search_audit", arguments={"query": older}, origin=Origin.PRESS),
    )
    quiet += " " + say("admin.search_audit.typed", command=f"audit search {older}")
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, quiet=quiet), buttons=(button,)))


def _not_understood(acting: Acting, key: str, **values: object) -> Result:
    say = acting.voice.say
    return Result(draft=Draft(card=Card(headline=say(f"{key}.headline"), body=say(f"{key}.body", **values))))


def _filters(local: Local, acting: Acting, query: str) -> _Filters:
    here = zone(acting.principal.timezone)
    filters = _Filters()
    for name, value in audit_query.words(query):
        match name:
            case "principal":
                person = None if "#" in value else find_person(local.tx, value)
                filters["principal"] = value if "#" in value else person.identity.key if person else "-"
            case "type":
                filters["type_prefix"] = value
            case "since":
                filters["since"] = audit_query.moment_of(value, here)
            case "until":
                filters["until"] = audit_query.moment_of(value, here)
            case audit_query.BEFORE:
                filters["before"] = audit_query.seq_of(value)
            case "resource" | "decision" | "correlation":
                filters[name] = value
    return filters


def _fact(local: Local, acting: Acting, record: AuditRecord) -> Fact:
    event = record.event
    who = _name(local, event.principal) if event.principal else ""
    told = (event.type, who, event.action, event.decision, event.code)
    return Fact(
        label=f"#{record.seq} {moment(event.time, acting.principal.timezone, acting.voice.language)}",
        value=" · ".join(part for part in told if part),
    )


def _name(local: Local, key: str) -> str:
    person = local.tx.persons.find(identity_from_key(key))
    return person.username if person else key
