"""Before a decision on leave: its owner changes the days; what was approved is void, and it is asked anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pydantic import field_validator

from bot.capabilities.leave import approval_request, range_of, read_at, requester_copy, waiting_buttons
from bot.capabilities.leave_decisions import OneLeave, decision, preview_leave, write_on_leave
from bot.capabilities.model import Acting, Capability, Systems
from bot.domain.answer import Draft, Result
from bot.domain.cards import Card, Fact, Status
from bot.domain.leave import Portion
from bot.domain.proposal import Shown
from bot.texts.formats import days


class ChangedLeave(OneLeave):
    """One leave request, and its new days."""

    start: date
    end: date

    @field_validator("end")
    @classmethod
    def _in_order(cls, end: date, info: object) -> date:
        start = getattr(info, "data", {}).get("start")
        if start is not None and end < start:
            raise ValueError("ends before it starts")
        return end


def _wanted(acting: Acting) -> tuple[date, date]:
    return date.fromisoformat(acting.argument("start")), date.fromisoformat(acting.argument("end"))


async def preview_change(systems: Systems, acting: Acting) -> Shown:
    """The days as they are, and as they would be."""
    shown = await preview_leave(systems, acting)
    leave = await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    say = acting.voice.say
    facts = (
        Fact(label=say("hr.change_leave.was"), value=range_of(acting, leave)),
        Fact(label=say("hr.change_leave.becomes"), value=days(*_wanted(acting), acting.voice.language)),
    )
    return replace(shown, facts=(*facts, shown.facts[-1]), line=None)


async def change_leave(systems: Systems, acting: Acting) -> Result:
    """Change the days; every copy of the question says so, and whoever decides is asked about the new ones."""
    before = await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    start, end = _wanted(acting)
    leave = await systems.hr.change_leave(
        acting.grant,
        acting.call,
        leave=before.id,
        start=start,
        end=end,
        portion=before.portion if start == end else Portion.FULL,
        note=before.note,
    )
    card = Card(
        headline=acting.voice.say("hr.change_leave.done", range=range_of(acting, leave)),
        status=Status.WAITING,
        quiet=read_at(acting),
    )
    buttons = waiting_buttons(acting, leave)
    ended = decision(acting, leave, approved=False, final=False, withdrawn=True)
    return Result(
        draft=Draft(card=card, buttons=buttons, about=requester_copy(leave.id)),
        decided=replace(ended, start=before.start, end=before.end, undone="changed"),
        asks=replace(approval_request(acting, leave), was=(before.start, before.end)),
    )


LEAVE_CHANGING: tuple[Capability, ...] = (
    write_on_leave(
        "change_leave",
        "ChangeLeave",
        change_leave,
        "leaves change",
        arguments=ChangedLeave,
        canonical=("start", "end"),
        preview=preview_change,
    ),
)
