"""After a decision on leave: its owner cancels it, or whoever decided takes that back."""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from bot.capabilities.leave import approval_request, range_of, read_at
from bot.capabilities.leave_decisions import OneLeave, decision, preview_leave, write_on_leave
from bot.capabilities.model import Acting, Capability, Systems
from bot.domain.answer import Draft, Result
from bot.domain.cards import Card, Fact, Status
from bot.domain.proposal import Shown


class WithReason(OneLeave):
    """One leave request, and why."""

    note: str = Field(min_length=3)


async def cancel_leave(systems: Systems, acting: Acting) -> Result:
    """Cancel one's own approved leave before it begins; every copy of the decision says so."""
    leave = await systems.hr.cancel_leave(
        acting.grant, acting.call, leave=acting.facts.ref.id, note=acting.argument("note")
    )
    card = Card(
        headline=acting.voice.say("hr.cancel_leave.done", range=range_of(acting, leave)),
        status=Status.ALLOWED,
        quiet=read_at(acting),
    )
    ended = decision(acting, leave, approved=False, final=True, withdrawn=True)
    return Result(draft=Draft(card=card), decided=replace(ended, undone="cancelled"))


async def preview_revoked(systems: Systems, acting: Acting) -> Shown:
    """The request whose decision is to be taken back, how it was decided, and the reason that is signed."""
    shown = await preview_leave(systems, acting)
    state = acting.voice.say(f"hr.states.{acting.facts.state}")
    facts = (
        Fact(label=acting.voice.say("hr.revoke_decision.was"), value=state),
        *shown.facts,
    )
    return replace(shown, facts=facts, line=None)


async def revoke_decision(systems: Systems, acting: Acting) -> Result:
    """Take back one's own decision: the owner is told why, and who decides is asked again."""
    leave = await systems.hr.reopen_leave(
        acting.grant, acting.call, leave=acting.facts.ref.id, note=acting.argument("note")
    )
    name, range_ = leave.employee_name, range_of(acting, leave)
    card = Card(
        headline=acting.voice.say("hr.revoke_decision.done", name=name, range=range_),
        status=Status.WAITING,
        quiet=read_at(acting),
    )
    ended = decision(acting, leave, approved=False, final=False, withdrawn=True)
    return Result(
        draft=Draft(card=card), decided=replace(ended, undone="revoked"), asks=approval_request(acting, leave)
    )


LEAVE_UNDOING: tuple[Capability, ...] = (
    write_on_leave("cancel_leave", "CancelLeave", cancel_leave, "leaves cancel"),
    write_on_leave(
        "revoke_decision",
        "RevokeDecision",
        revoke_decision,
        "leaves reopen",
        arguments=WithReason,
        preview=preview_revoked,
    ),
)
