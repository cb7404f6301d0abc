"""Leave: balance, request, withdrawal, what waits, and the decision."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import field_validator

from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Systems, on_self
from bot.domain.action import ResourceRef
from bot.domain.answer import ApprovalRequest, Button, Draft, Result
from bot.domain.cards import ActionStyle, Card, Fact, Quote, Status
from bot.domain.identity import Principal
from bot.domain.intent import Intent, Origin
from bot.domain.leave import LeaveScope, LeaveState, Portion
from bot.domain.proposal import Shown
from bot.ports.hr import Holiday, Leave, LeaveBalance, LeavePreview
from bot.services.approval_cards import day_count as days_in_words
from bot.services.approval_cards import owner_buttons
from bot.services.hr_words import holiday_name, kind_name
from bot.texts.formats import clock_time, days, full_day, number

MOST_BUTTONS = 6
ABSENCE_DAYS = 30
"""How far ahead absences are listed when nobody says until when."""


class OfPerson(Arguments):
    """Somebody's record; empty is one's own."""

    person: str = ""


class RequestLeave(Arguments):
    """A request for leave."""

    leave_type: str = "paid"
    start: date
    end: date
    portion: Literal["full", "morning", "afternoon"] = "full"
    note: str = ""

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: date, info: object) -> date:
        start = getattr(info, "data", {}).get("start")
        if start is not None and end < start:
            raise ValueError("ends before it starts")
        return end


class Absences(Arguments):
    """A range of days."""

    start: date | None = None
    end: date | None = None


def of_person(arguments: Arguments, principal: Principal) -> ResourceRef:
    """The employee named, or oneself."""
    assert isinstance(arguments, OfPerson)
    own = principal.employee or principal.key
    return ResourceRef(type="Employee", id=own if is_own(arguments, principal) else arguments.person)


def is_own(arguments: Arguments, principal: Principal) -> bool:
    """Whether what was asked for is one's own: nobody is named, or oneself."""
    person = getattr(arguments, "person", "")
    return str(person).casefold() in {"", "me", principal.username.casefold()}


def _own_department(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all
    return ResourceRef(type="Department", id=principal.department)


def read_at(acting: Acting) -> str:
    """The quiet line: where the values come from, and when they were read."""
    at = clock_time(acting.now, acting.principal.timezone, acting.voice.language)
    return acting.voice.say("common.source.hr", time=at)


def day_count(acting: Acting, amount: Decimal | None) -> str:
    """An amount of days in words; a dash where the system keeps none."""
    return days_in_words(amount, acting.voice)


async def leave_balance(systems: Systems, acting: Acting) -> Result:
    """How many days are left."""
    balances = await systems.hr.leave_balance(
        acting.grant, acting.call, employee=acting.facts.ref.id, on=acting.now.date()
    )
    say = acting.voice.say
    own = acting.facts.ref.id == acting.principal.employee
    first = balances[0] if balances else None
    if first is None:
        return Result(draft=Draft(card=Card(headline=say("hr.leave_balance.none"), quiet=read_at(acting))))
    headline = say(
        "hr.leave_balance.own" if own else "hr.leave_balance.theirs",
        count=float(first.remaining or 0),
        days=number(first.remaining or Decimal(0), acting.voice.language),
        kind=kind_name(first.type, first.type_name, acting.voice),
    )
    facts = tuple(
        Fact(label=kind_name(item.type, item.type_name, acting.voice), value=_balance_line(acting, item))
        for item in balances
    )
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, status=Status.ALLOWED, quiet=read_at(acting))))


def _balance_line(acting: Acting, balance: LeaveBalance) -> str:
    language = acting.voice.language
    return acting.voice.say(
        "hr.leave_balance.line",
        remaining=number(balance.remaining or Decimal(0), language),
        allowance=number(balance.allowance or Decimal(0), language),
        taken=number(balance.taken, language),
        pending=number(balance.pending, language),
    )


async def _preview(systems: Systems, acting: Acting) -> LeavePreview:
    return await systems.hr.preview_leave(
        acting.grant,
        acting.call,
        employee=acting.facts.ref.id,
        leave_type=acting.argument("leave_type"),
        start=date.fromisoformat(acting.argument("start")),
        end=date.fromisoformat(acting.argument("end")),
        portion=Portion(acting.argument("portion")),
    )


async def preview_request(systems: Systems, acting: Acting) -> Shown:
    """Exactly what would be asked for, as the HR system counts it."""
    preview = await _preview(systems, acting)
    say, language = acting.voice.say, acting.voice.language
    facts = [
        Fact(label=say("hr.from"), value=full_day(preview.start, language)),
        Fact(label=say("hr.to"), value=full_day(preview.end, language)),
        Fact(label=say("hr.kind"), value=_kind_of(acting, preview)),
        Fact(label=say("hr.working_days"), value=day_count(acting, preview.working_days)),
    ]
    if preview.portion is not Portion.FULL:
        facts.append(Fact(label=say("hr.portion"), value=say(f"hr.portions.{preview.portion}")))
    if preview.balance_before is not None:
        facts.append(Fact(label=say("hr.balance_before"), value=day_count(acting, preview.balance_before)))
        facts.append(Fact(label=say("hr.balance_after"), value=day_count(acting, preview.balance_after)))
    facts += [
        Fact(label=say("hr.holiday"), value=f"{_holiday_of(acting, holiday)}, {full_day(holiday.day, language)}")
        for holiday in preview.holidays
    ]
    facts += [Fact(label=say("hr.overlap"), value=days(item.start, item.end, language)) for item in preview.overlaps]
    decides = preview.approver_name or say("hr.people_team")
    facts.append(Fact(label=say("hr.decides"), value=decides))
    note = acting.argument("note")
    quotes = (Quote(author=preview.employee_name, text=note),) if note and not preview.sensitive else ()
    headline = say("hr.request_leave.headline", range=days(preview.start, preview.end, language))
    return Shown(headline=headline, facts=tuple(facts), quotes=quotes)


def _kind_of(acting: Acting, preview: LeavePreview) -> str:
    if preview.sensitive:
        return acting.voice.say("hr.kind_private")
    return kind_name(preview.type, preview.type_name, acting.voice)


def _holiday_of(acting: Acting, holiday: Holiday) -> str:
    return holiday_name(holiday.code, holiday.name, acting.voice)


async def request_leave(systems: Systems, acting: Acting) -> Result:
    """Ask the HR system for the leave."""
    leave = await systems.hr.create_leave(
        acting.grant,
        acting.call,
        employee=acting.facts.ref.id,
        leave_type=acting.argument("leave_type"),
        start=date.fromisoformat(acting.argument("start")),
        end=date.fromisoformat(acting.argument("end")),
        portion=Portion(acting.argument("portion")),
        note=acting.argument("note"),
    )
    say, language = acting.voice.say, acting.voice.language
    waits = leave.state in (LeaveState.PENDING, LeaveState.SECOND_APPROVAL)
    decides = leave.approver_name or say("hr.people_team")
    card = Card(
        headline=say("hr.request_leave.sent", range=days(leave.start, leave.end, language)),
        body=say("hr.request_leave.waits", name=decides) if waits else say("hr.request_leave.granted"),
        facts=(Fact(label=say("hr.working_days"), value=day_count(acting, leave.days)),),
        status=Status.WAITING if waits else Status.ALLOWED,
        quiet=read_at(acting),
    )
    buttons = waiting_buttons(acting, leave) if waits else ()
    return Result(
        draft=Draft(card=card, buttons=buttons, about=requester_copy(leave.id)),
        asks=approval_request(acting, leave) if waits else None,
    )


def requester_copy(leave: str) -> str:
    """Under what the requester's own card is found again."""
    return f"Leave::{leave}#requester"


def approval_request(acting: Acting, leave: Leave) -> ApprovalRequest:
    """What the approver is asked."""
    return ApprovalRequest(
        about=f"Leave::{leave.id}",
        subject_name=leave.employee_name,
        owner=leave.employee,
        start=leave.start,
        end=leave.end,
        kind="" if leave.sensitive else leave.type_name,
        note="" if leave.sensitive else leave.note,
        approver=None if leave.state is LeaveState.SECOND_APPROVAL else leave.approver,
        by_hr=leave.state is LeaveState.SECOND_APPROVAL or leave.approver is None,
        working_days=leave.days,
        read_at=acting.now,
        leave_type=leave.type,
        days=math.ceil(leave.days),
        department=acting.facts.department or "",
        region=acting.facts.region or "",
        version=leave.version,
    )


def press_of(acting: Acting, key: str, capability: str, leave: str, *, danger: bool = False) -> Button:
    """A button that starts an intent on one leave request."""
    return Button(
        label=acting.voice.say(key),
        intent=Intent(capability=capability, arguments={"leave": leave}, origin=Origin.PRESS),
        style=ActionStyle.DANGER if danger else ActionStyle.PLAIN,
    )


def waiting_buttons(acting: Acting, leave: Leave) -> tuple[Button, ...]:
    """What its owner may do while a request waits."""
    return owner_buttons(leave.id, acting.voice, changeable=leave.state is LeaveState.PENDING)


async def my_leaves(systems: Systems, acting: Acting) -> Result:
    """The requests of one person."""
    leaves = await systems.hr.list_leaves(acting.grant, acting.call, employee=acting.facts.ref.id, scope=LeaveScope.OWN)
    say = acting.voice.say
    facts = tuple(Fact(label=range_of(acting, item), value=say(f"hr.states.{item.state}")) for item in leaves[:10])
    headline = say("hr.my_leaves.headline", count=len(leaves))
    own = acting.facts.ref.id == acting.principal.employee
    buttons = tuple(button for item in leaves if own for button in _own_buttons(acting, item))
    card = Card(headline=headline, facts=facts, quiet=read_at(acting))
    return Result(draft=Draft(card=card, buttons=buttons[:MOST_BUTTONS]))


def _own_buttons(acting: Acting, leave: Leave) -> tuple[Button, ...]:
    """What its owner may do with one of several, each named by its days."""
    found: tuple[Button, ...] = ()
    if leave.state in (LeaveState.PENDING, LeaveState.SECOND_APPROVAL):
        found = waiting_buttons(acting, leave)
    elif leave.state is LeaveState.APPROVED and leave.start > acting.now.date():
        found = (press_of(acting, "hr.cancel", "cancel_leave", leave.id),)
    return tuple(replace(button, label=_labelled(button.label, range_of(acting, leave))) for button in found)


def _labelled(label: str, range_: str) -> str:
    """With its days; the dots that say that a dialog opens stay at the end."""
    return f"{label.removesuffix('…')}: {range_}{'…' if label.endswith('…') else ''}"


def range_of(acting: Acting, leave: Leave) -> str:
    """The days of a leave request."""
    return days(leave.start, leave.end, acting.voice.language)


async def team_absences(systems: Systems, acting: Acting) -> Result:
    """Who of the department is away, without why."""
    start = date.fromisoformat(acting.argument("start") or acting.now.date().isoformat())
    end = date.fromisoformat(acting.argument("end")) if acting.argument("end") else start + timedelta(days=ABSENCE_DAYS)
    absences = await systems.hr.list_absences(
        acting.grant, acting.call, department=acting.facts.ref.id, start=start, end=max(start, end)
    )
    language = acting.voice.language
    facts = tuple(Fact(label=item.employee_name, value=days(item.start, item.end, language)) for item in absences)
    headline = acting.voice.say("hr.team_absences.headline", count=len(absences))
    return Result(draft=Draft(card=Card(headline=headline, facts=facts, quiet=read_at(acting))))


LEAVE: tuple[Capability, ...] = (
    Capability(
        name="leave_balance",
        action="ViewLeaveBalance",
        group=Group.HR,
        resource_type="Employee",
        arguments=OfPerson,
        effect=Effect.READ,
        target=of_person,
        perform=leave_balance,
        command="balance",
    ),
    Capability(
        name="request_leave",
        action="RequestLeave",
        group=Group.HR,
        resource_type="Employee",
        arguments=RequestLeave,
        canonical=("leave_type", "start", "end", "portion", "note"),
        effect=Effect.WRITE,
        target=on_self("Employee"),
        perform=request_leave,
        preview=preview_request,
        preview_action="PreviewLeave",
        command="leave",
    ),
    Capability(
        name="my_leaves",
        action="ListLeaves",
        group=Group.HR,
        resource_type="Employee",
        arguments=OfPerson,
        effect=Effect.READ,
        target=of_person,
        perform=my_leaves,
        shows_questions=True,
        command="leaves",
    ),
    Capability(
        name="team_absences",
        action="ListAbsences",
        group=Group.HR,
        resource_type="Department",
        arguments=Absences,
        canonical=("start", "end"),
        effect=Effect.READ,
        target=_own_department,
        perform=team_absences,
        command="away",
    ),
)
