"""Substitutes: somebody who decides in another's place on given days, named by themselves or by HR."""

from __future__ import annotations

import secrets
from datetime import date, timedelta

from pydantic import field_validator

from bot.capabilities.leave import OfPerson, of_person
from bot.capabilities.model import Acting, Capability, Effect, Group, Local
from bot.domain.answer import Button, Draft, Posting, Result
from bot.domain.approval import Substitution
from bot.domain.cards import ActionStyle, Card, Fact, Status
from bot.domain.identity import Person
from bot.domain.intent import Intent, Origin
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.services.delivery import direct_place
from bot.services.people import find_person
from bot.texts.formats import days, zone
from bot.texts.sentences import voice

LONGEST = timedelta(days=366)
LISTED = 10


class NameSubstitute(OfPerson):
    """Who decides in whose place, from when to when."""

    substitute: str
    start: date
    end: date

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: date, info: object) -> date:
        start = getattr(info, "data", {}).get("start")
        if start is not None and (end < start or end - start > LONGEST):
            raise ValueError("ends before it starts, or after more than a year")
        return end


def name_substitute(local: Local, acting: Acting) -> Result:
    """Name a substitute; they are told.

    1. they are known here, with an employee reference, and not locked; 2. nobody is their own substitute; 3. the days
    are not over; 4. nobody ends up in their own place, through however many others; 5. it is not so already.
    """
    tx, approver = local.tx, acting.facts.ref.id
    start, end = date.fromisoformat(acting.argument("start")), date.fromisoformat(acting.argument("end"))
    person = find_person(tx, acting.argument("substitute"))
    if person is None or not person.employee or person.locked:  # (1)
        return _refused(acting, "unknown")
    if person.employee == approver:  # (2)
        return _refused(acting, "self")
    if end < _today(acting):  # (3)
        return _refused(acting, "past")
    if _leads_to(tx, person.employee, approver, start, end):  # (4)
        return _refused(acting, "loop")
    standing = tx.substitutions.of_approver(approver, since=start)
    if any(item.substitute == person.employee and item.meets(start, end) for item in standing):  # (5)
        return _refused(acting, "already")
    known = tx.persons.by_employee(approver)
    named = Substitution(
        id=secrets.token_hex(12),
        approver=approver,
        approver_name=known.display_name if known else approver,
        substitute=person.employee,
        substitute_name=person.display_name,
        starts=start,
        ends=end,
        named_by=acting.principal.key,
        named_at=acting.now,
    )
    tx.substitutions.name(named)
    return _named(tx, acting, named, person)


def _leads_to(tx: Transaction, employee: str, approver: str, start: date, end: date) -> bool:
    """Whether substitutes of substitutes on those days lead back."""
    seen, ahead = {employee}, [employee]
    while ahead:
        for item in tx.substitutions.of_approver(ahead.pop(), since=start):
            if not item.meets(start, end):
                continue
            if item.substitute == approver:
                return True
            if item.substitute not in seen:
                seen.add(item.substitute)
                ahead.append(item.substitute)
    return False


def _today(acting: Acting) -> date:
    return acting.now.astimezone(zone(acting.principal.timezone)).date()


def _refused(acting: Acting, why: str) -> Result:
    say = acting.voice.say
    card = Card(
        headline=say("hr.name_substitute.refused"), body=say(f"approvals.no_substitute.{why}"), status=Status.DENIED
    )
    return Result(draft=Draft(card=card), code=f"substitute.{why}")


def _named(tx: Transaction, acting: Acting, named: Substitution, person: Person) -> Result:
    language = acting.voice.language
    card = Card(
        headline=acting.voice.say(
            "hr.name_substitute.done",
            name=named.substitute_name,
            of=named.approver_name,
            range=days(named.starts, named.ends, language),
        ),
        body=acting.voice.say("hr.name_substitute.ends"),
        status=Status.ALLOWED,
    )
    reader = voice(person.locale)
    told = Card(
        headline=reader.say(
            "hr.name_substitute.told",
            of=named.approver_name,
            range=days(named.starts, named.ends, reader.language),
        ),
        body=reader.say("hr.name_substitute.told_body", by=acting.principal.display_name),
    )
    postings = tuple(
        Posting(
            draft=Draft(card=told), to=link.channel, place=direct_place(link.channel), notice=Notice.SUBSTITUTE_NAMED
        )
        for link in tx.links.of_identity(person.identity)
    )
    return Result(draft=Draft(card=card), postings=postings)


def substitutes(local: Local, acting: Acting) -> Result:
    """Who stands in for somebody from today on, and for whom they stand in."""
    employee, today, say = acting.facts.ref.id, _today(acting), acting.voice.say
    mine = local.tx.substitutions.of_approver(employee, since=today)[:LISTED]
    theirs = local.tx.substitutions.of_substitute(employee, since=today)[:LISTED]
    facts = [
        Fact(label=item.substitute_name, value=days(item.starts, item.ends, acting.voice.language)) for item in mine
    ]
    facts += [
        Fact(
            label=say("hr.substitutes.for", name=item.approver_name),
            value=days(item.starts, item.ends, acting.voice.language),
        )
        for item in theirs
    ]
    card = Card(
        headline=say("hr.substitutes.headline", count=len(mine)),
        body="" if mine else say("hr.substitutes.how"),
        facts=tuple(facts),
    )
    end = Button(
        label=say("hr.end_substitute.button"),
        intent=Intent(capability="end_substitute", arguments={"person": employee}, origin=Origin.PRESS),
        style=ActionStyle.DANGER,
    )
    return Result(draft=Draft(card=card, buttons=(end,) if mine else ()))


def end_substitute(local: Local, acting: Acting) -> Result:
    """End every substitution of somebody from today on."""
    standing = local.tx.substitutions.of_approver(acting.facts.ref.id, since=_today(acting))
    ended = [item for item in standing if local.tx.substitutions.end(item.id, acting.now)]
    headline = acting.voice.say("hr.end_substitute.done", count=len(ended))
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


SUBSTITUTES: tuple[Capability, ...] = (
    Capability(
        name="substitutes",
        action="ListSubstitutes",
        group=Group.HR,
        resource_type="Employee",
        arguments=OfPerson,
        effect=Effect.READ,
        target=of_person,
        local=substitutes,
        command="substitutes",
    ),
    Capability(
        name="name_substitute",
        action="NameSubstitute",
        group=Group.HR,
        resource_type="Employee",
        arguments=NameSubstitute,
        canonical=("substitute", "start", "end"),
        effect=Effect.WRITE,
        target=of_person,
        local=name_substitute,
        command="substitute",
    ),
    Capability(
        name="end_substitute",
        action="EndSubstitute",
        group=Group.HR,
        resource_type="Employee",
        arguments=OfPerson,
        effect=Effect.WRITE,
        target=of_person,
        local=end_substitute,
        command="substitutes end",
    ),
)
