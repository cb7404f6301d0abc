"""Leave that was asked for: what waits, the decision, and withdrawing."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from bot.capabilities.leave import approval_request, day_count, press_of, range_of, read_at
from bot.capabilities.model import (
    Acting,
    Arguments,
    Capability,
    Effect,
    Group,
    Perform,
    Preview,
    Systems,
    on_self,
)
from bot.domain.action import ResourceRef
from bot.domain.answer import ApprovalRequest, Blank, Button, DecisionMade, Draft, Form, Result, Tick, Ticks
from bot.domain.cards import ActionStyle, Card, Fact, FieldKind, Quote, Status
from bot.domain.identity import Principal
from bot.domain.intent import Intent, Origin
from bot.domain.leave import LeaveScope, LeaveState, Verdict
from bot.domain.proposal import Shown
from bot.ports.hr import Leave
from bot.services.hr_words import kind_name
from bot.texts.formats import days, full_day


class OneLeave(Arguments):
    """One leave request."""

    leave: str
    note: str = ""


class Waiting(Arguments):
    """What waits, and how several of it are about to be decided."""

    verdict: Literal["", "approve", "refuse"] = ""


class ViewedLeave(OneLeave):
    """One leave request, and what somebody wants to write about it."""

    then: Literal["", "ask", "answer", "change", "reopen"] = ""


def of_leave(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    """The target that is a leave request."""
    assert isinstance(arguments, OneLeave)
    return ResourceRef(type="Leave", id=arguments.leave)


async def preview_leave(systems: Systems, acting: Acting) -> Shown:
    """The request that is to be decided or withdrawn."""
    return _shown(acting, await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id))


def _shown(acting: Acting, leave: Leave) -> Shown:
    say, language = acting.voice.say, acting.voice.language
    capability = acting.grant.action.capability
    facts = [
        Fact(label=say("hr.from"), value=full_day(leave.start, language)),
        Fact(label=say("hr.to"), value=full_day(leave.end, language)),
        Fact(label=say("hr.working_days"), value=day_count(acting, leave.days)),
    ]
    if not leave.sensitive:
        facts.append(Fact(label=say("hr.kind"), value=kind_name(leave.type, leave.type_name, acting.voice)))
    facts.append(Fact(label=say("hr.where"), value=_authority(acting)))
    if acting.argument("note"):
        facts.append(Fact(label=say("arguments.reason"), value=acting.argument("note")))
    quotes = (Quote(author=leave.employee_name, text=leave.note),) if leave.note and not leave.sensitive else ()
    headline = say(f"hr.{capability}.headline", name=leave.employee_name)
    line = Fact(label=leave.employee_name, value=_in_a_line(acting, leave))
    return Shown(headline=headline, facts=tuple(facts), quotes=quotes, line=line)


def _in_a_line(acting: Acting, leave: Leave) -> str:
    """Dates, length, and kind unless that is sensitive."""
    told = [days(leave.start, leave.end, acting.voice.language), day_count(acting, leave.days)]
    return " · ".join(told if leave.sensitive else [*told, kind_name(leave.type, leave.type_name, acting.voice)])


def _authority(acting: Acting) -> str:
    """What is signed names whose right is used."""
    if acting.on_behalf_of is None:
        return acting.voice.say("hr.on_your_authority")
    return acting.voice.say("approvals.on_authority_of", name=acting.on_behalf_of.name)


async def asks_leave(systems: Systems, acting: Acting) -> ApprovalRequest:
    """What others are asked about a request, as the system has it now."""
    return approval_request(acting, await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id))


FORMS = {
    "ask": ("ask_about_leave", (Blank(argument="text"),)),
    "answer": ("answer_about_leave", (Blank(argument="text"),)),
    "change": (
        "change_leave",
        (Blank(argument="start", kind=FieldKind.DATE), Blank(argument="end", kind=FieldKind.DATE)),
    ),
    "reopen": ("revoke_decision", (Blank(argument="note"),)),
}
"""What a dialog asks for, by what somebody wants to do with a request."""


WAITS = frozenset({LeaveState.PENDING, LeaveState.SECOND_APPROVAL})
WHILE_IT_WAITS = frozenset({"ask", "answer", "change"})


async def view_leave(systems: Systems, acting: Acting) -> Result:
    """One request in detail, for whoever may see it; what is sensitive is not written in chat."""
    found = await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    shown = _shown(acting, found)
    card = Card(headline=shown.headline, facts=shown.facts, quotes=shown.quotes, quiet=read_at(acting))
    then = acting.argument("then")
    over = acting.voice.say("talk.not_sent.closed") if then in WHILE_IT_WAITS and found.state not in WAITS else ""
    if over:
        return Result(draft=Draft(card=replace(card, body=over, status=Status.DENIED)), code="talk.closed")
    if not then:
        return Result(draft=Draft(card=card))
    leave = acting.facts.ref.id
    body = acting.voice.say(f"talk.type.{then}", leave=leave)
    capability, blanks = FORMS[then]
    days_now = {"start": found.start.isoformat(), "end": found.end.isoformat()}
    if then == "change":
        blanks = tuple(replace(blank, value=days_now[blank.argument]) for blank in blanks)
    form = Form(capability=capability, blanks=blanks, arguments=(("leave", leave),))
    return Result(draft=Draft(card=replace(card, body=body)), form=form)


async def withdraw_leave(systems: Systems, acting: Acting) -> Result:
    """Take one's own request back."""
    leave = await systems.hr.withdraw_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    card = Card(
        headline=acting.voice.say("hr.withdraw_leave.done", range=range_of(acting, leave)),
        status=Status.ALLOWED,
        quiet=read_at(acting),
    )
    decided = decision(acting, leave, approved=False, final=True, withdrawn=True)
    return Result(draft=Draft(card=card), decided=decided)


def decision(acting: Acting, leave: Leave, *, approved: bool, final: bool, withdrawn: bool = False) -> DecisionMade:
    """What every posted copy of the question shows from now on."""
    return DecisionMade(
        about=f"Leave::{leave.id}",
        subject_name=leave.employee_name,
        owner=leave.employee,
        start=leave.start,
        end=leave.end,
        approved=approved,
        final=final,
        withdrawn=withdrawn,
        by_name=acting.principal.display_name,
        method="",
        note=acting.argument("note"),
        on_behalf_of="" if acting.on_behalf_of is None else acting.on_behalf_of.name,
        by_employee=acting.principal.employee or "",
        leave_type=leave.type,
    )


async def decide(systems: Systems, acting: Acting, verdict: Verdict) -> Result:
    """Decide somebody's request, once."""
    return (await decide_for(systems, acting, verdict, note=acting.argument("note")))[1]


async def decide_for(systems: Systems, acting: Acting, verdict: Verdict, *, note: str) -> tuple[Leave, Result]:
    """Decide somebody's request, once, with a note for its owner; the request as it is then."""
    expected = LeaveState(acting.facts.state or LeaveState.PENDING)
    leave = await systems.hr.decide_leave(
        acting.grant,
        acting.call,
        leave=acting.facts.ref.id,
        verdict=verdict,
        note=note,
        expected_state=expected,
    )
    approved = verdict is Verdict.APPROVE
    final = leave.state is not LeaveState.SECOND_APPROVAL
    key = "hr.decided.approved" if approved else "hr.decided.refused"
    card = Card(
        headline=acting.voice.say(key, name=leave.employee_name, range=range_of(acting, leave)),
        body="" if final else acting.voice.say("hr.decided.hr_next"),
        status=Status.ALLOWED if approved else Status.DENIED,
        quiet=read_at(acting),
    )
    decided = replace(decision(acting, leave, approved=approved, final=final), note=note)
    asks = None if final else approval_request(acting, leave)
    return leave, Result(draft=Draft(card=card), decided=decided, asks=asks)


async def approve_leave(systems: Systems, acting: Acting) -> Result:
    """Approve."""
    return await decide(systems, acting, Verdict.APPROVE)


async def refuse_leave(systems: Systems, acting: Acting) -> Result:
    """Refuse."""
    return await decide(systems, acting, Verdict.REFUSE)


def _otherwise(acting: Acting, leave: str) -> tuple[Button, ...]:
    """What else there is to do with the only one that waits."""
    refuse = press_of(acting, "hr.refuse", "refuse_leave", leave, danger=True)
    more = Intent(capability="view_leave", arguments={"leave": leave, "then": "ask"}, origin=Origin.PRESS)
    ask = Button(label=acting.voice.say("talk.ask"), intent=more, opens_dialog=True)
    return replace(refuse, opens_dialog=True), ask


async def waiting(systems: Systems, acting: Acting) -> Result:
    """What waits for the acting person's decision."""
    leaves = await systems.hr.list_leaves(
        acting.grant, acting.call, employee=acting.facts.ref.id, scope=LeaveScope.AWAITING
    )
    say, language = acting.voice.say, acting.voice.language
    facts = tuple(Fact(label=item.employee_name, value=days(item.start, item.end, language)) for item in leaves[:10])
    buttons = tuple(
        Button(
            label=say("hr.approve_named", name=item.employee_name, range=days(item.start, item.end, language))[:75],
            intent=Intent(capability="approve_leave", arguments={"leave": item.id}, origin=Origin.PRESS),
            style=ActionStyle.PRIMARY,
            opens_dialog=True,
        )
        for item in leaves[:5]
    )
    refuses = acting.argument("verdict") == Verdict.REFUSE
    kind = "refuse_leave" if refuses else "approve_leave"
    ticks = Ticks(
        kind=kind,
        items=tuple(
            Tick(
                capability=kind,
                argument="leave",
                item=item.id,
                label=f"{item.employee_name}, {days(item.start, item.end, language)}",
            )
            for item in leaves
        ),
        reason="note" if refuses else "",
    )
    if len(leaves) > 1:
        buttons = (*_several(acting), *buttons)
    elif leaves:
        buttons = (*buttons, *_otherwise(acting, leaves[0].id))
    headline = say("hr.waiting.headline", count=len(leaves)) if leaves else say("batch.none.headline")
    status = Status.WAITING if leaves else Status.PLAIN
    return Result(
        draft=Draft(card=Card(headline=headline, facts=facts, status=status, quiet=read_at(acting)), buttons=buttons),
        ticks=ticks,
    )


def write_on_leave(
    name: str,
    action: str,
    perform: Perform,
    command: str,
    *,
    arguments: type[OneLeave] = OneLeave,
    canonical: tuple[str, ...] = ("note",),
    preview: Preview = preview_leave,
) -> Capability:
    """Something done to one request, which is shown first to whoever may see it."""
    return Capability(
        name=name,
        action=action,
        group=Group.HR,
        resource_type="Leave",
        arguments=arguments,
        canonical=canonical,
        effect=Effect.WRITE,
        target=of_leave,
        perform=perform,
        preview=preview,
        preview_action="ViewLeave",
        command=command,
    )


def _several(acting: Acting) -> tuple[Button, ...]:
    """A list to tick, for each verdict."""
    return tuple(
        Button(
            label=acting.voice.say(f"batch.several.{verdict}"),
            intent=Intent(capability="waiting", arguments={"verdict": verdict}, origin=Origin.PRESS),
            opens_dialog=True,
        )
        for verdict in Verdict
    )


LEAVE_DECISIONS: tuple[Capability, ...] = (
    write_on_leave("withdraw_leave", "WithdrawLeave", withdraw_leave, "leaves withdraw", canonical=()),
    Capability(
        name="view_leave",
        action="ViewLeave",
        group=Group.HR,
        resource_type="Leave",
        arguments=ViewedLeave,
        canonical=("then",),
        effect=Effect.READ,
        target=of_leave,
        perform=view_leave,
        stands_in=True,
        shows_talk=True,
        command="leaves show",
    ),
    Capability(
        name="waiting",
        action="ListWaiting",
        group=Group.HR,
        resource_type="Employee",
        arguments=Waiting,
        canonical=("verdict",),
        effect=Effect.READ,
        target=on_self("Employee"),
        perform=waiting,
        reviews_on_top=True,
        instead="list_break_glass",
        command="waiting",
    ),
    replace(
        write_on_leave("approve_leave", "ApproveLeave", approve_leave, "approve"),
        settles="SettleLeave",
        asks=asks_leave,
        stands_in=True,
    ),
    replace(write_on_leave("refuse_leave", "RefuseLeave", refuse_leave, "refuse"), stands_in=True),
)
