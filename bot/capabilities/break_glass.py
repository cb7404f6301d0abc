"""Break-glass: approving a leave nobody entitled can decide in time, and the review by two people that follows.

Policy marks what it may be with the action group `BreakGlass`; nothing but a decision on leave is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from bot.capabilities.agreeing import scribe_of
from bot.capabilities.leave import day_count, range_of, read_at
from bot.capabilities.leave_decisions import decide_for
from bot.capabilities.model import Acting, Arguments, Capability, Effect, Group, Local, Systems
from bot.domain.action import ResourceRef
from bot.domain.answer import Blank, Button, Draft, Form, Result
from bot.domain.break_glass import REVIEWERS, Finding, Use
from bot.domain.cards import Card, Fact, Status
from bot.domain.identity import Principal
from bot.domain.intent import Intent, Origin
from bot.domain.leave import Verdict
from bot.domain.proposal import Shown
from bot.services import break_glass
from bot.services.break_glass_cards import finding_in_words, line, review_buttons
from bot.texts.formats import full_day

MOST = 20
MOST_BUTTONS = 5


class ForReason(Arguments):
    """One leave request, and why nobody else can decide in time."""

    leave: str
    reason: str = Field(min_length=10)


class Uses(Arguments):
    """Every use that waits, or one of them and what somebody is about to say of it."""

    use: str = ""
    finding: Literal["", "fine", "wrong"] = ""


class OneUse(Arguments):
    """One use, and what is said of it."""

    use: str
    finding: Literal["fine", "wrong"]
    reason: str = Field(min_length=3)


def _of_leave(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    assert isinstance(arguments, ForReason)
    return ResourceRef(type="Leave", id=arguments.leave)


def _system(arguments: Arguments, principal: Principal) -> ResourceRef:  # noqa: ARG001 - one shape for all targets
    return ResourceRef(type="System", id="doorward")


async def preview(systems: Systems, acting: Acting) -> Shown:
    """Whose leave and when, and the reason that is signed; neither its kind nor its note, which are not needed."""
    leave = await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    say, language = acting.voice.say, acting.voice.language
    return Shown(
        headline=say("hr.break_glass.headline", name=leave.employee_name),
        facts=(
            Fact(label=say("hr.from"), value=full_day(leave.start, language)),
            Fact(label=say("hr.to"), value=full_day(leave.end, language)),
            Fact(label=say("hr.working_days"), value=day_count(acting, leave.days)),
            Fact(label=say("arguments.reason"), value=acting.argument("reason")),
            Fact(label=say("hr.break_glass.then"), value=say("hr.break_glass.reviewed")),
        ),
    )


async def approve(systems: Systems, acting: Acting) -> Result:
    """Approve; the use was kept before this was called."""
    leave, result = await decide_for(systems, acting, Verdict.APPROVE, note=acting.argument("reason"))
    card = Card(
        headline=acting.voice.say("hr.break_glass.done", name=leave.employee_name, range=range_of(acting, leave)),
        body=acting.voice.say("hr.break_glass.reviewed"),
        status=Status.ALLOWED,
        quiet=read_at(acting),
    )
    return replace(result, draft=Draft(card=card))


def list_uses(local: Local, acting: Acting) -> Result:
    """What waits for a review; in a dialog, the reason for what somebody is about to say of one use."""
    waiting = local.tx.break_glass.unreviewed()
    form: Form | None = None
    if acting.argument("use"):
        waiting = [use for use in waiting if use.id == acting.argument("use")]
        said = (("use", acting.argument("use")), ("finding", acting.argument("finding")))
        wanted = Form(capability="review_break_glass", blanks=(Blank(argument="reason"),), arguments=said)
        form = wanted if acting.argument("finding") else None
    facts = tuple(
        fact
        for use in waiting[:MOST]
        for fact in (
            Fact(label=use.id, value=line(local.tx, use, acting.voice, acting.principal.timezone)),
            Fact(label=acting.voice.say("arguments.reason"), value=use.reason),
        )
    )
    say = acting.voice.say
    if form is not None:
        said_of_it = finding_in_words(acting.voice, acting.argument("finding"))
        facts += (Fact(label=say("arguments.finding"), value=said_of_it),)
    card = Card(
        headline=say("admin.list_break_glass.headline", count=len(waiting)) if waiting else say("break_glass.none"),
        body=say("admin.list_break_glass.how") if waiting else "",
        facts=facts,
        status=Status.WAITING if waiting else Status.PLAIN,
    )
    # With several, each is opened by its own card: two buttons a use, and no doubt which one is meant.
    buttons = review_buttons(acting.voice, waiting[0].id) if len(waiting) == 1 else _one_each(acting, waiting)
    return Result(draft=Draft(card=card, buttons=buttons), form=form if waiting else None)


def _one_each(acting: Acting, waiting: Sequence[Use]) -> tuple[Button, ...]:
    """A button for each use, which shows it alone."""
    return tuple(
        Button(
            label=acting.voice.say("break_glass.review_one", id=use.id),
            intent=Intent(capability="list_break_glass", arguments={"use": use.id}, origin=Origin.PRESS),
        )
        for use in waiting[:MOST_BUTTONS]
    )


def review(local: Local, acting: Acting) -> Result:
    """Say what one thinks of a use. Raises as `break_glass.review`."""
    _, done = break_glass.review(
        local.tx,
        acting.argument("use").casefold(),
        acting.principal,
        Finding(acting.argument("finding")),
        acting.argument("reason"),
        scribe_of(acting),
        gone=local.gone,
    )
    say = acting.voice.say
    key = "admin.review_break_glass.done" if done else "admin.review_break_glass.one"
    headline = say(key, id=acting.argument("use"), needed=REVIEWERS)
    return Result(draft=Draft(card=Card(headline=headline, status=Status.ALLOWED)))


BREAK_GLASS: tuple[Capability, ...] = (
    Capability(
        name="break_glass",
        action="BreakGlassApproveLeave",
        group=Group.HR,
        resource_type="Leave",
        arguments=ForReason,
        canonical=("reason",),
        effect=Effect.WRITE,
        target=_of_leave,
        perform=approve,
        preview=preview,
        preview_action="PreviewBreakGlass",
        breaks_glass=True,
        command="break-glass leaves approve",
    ),
    Capability(
        name="list_break_glass",
        action="ListBreakGlass",
        group=Group.ADMIN,
        resource_type="System",
        arguments=Uses,
        canonical=("use", "finding"),
        effect=Effect.READ,
        target=_system,
        local=list_uses,
        command="reviews",
    ),
    Capability(
        name="review_break_glass",
        action="ReviewBreakGlass",
        group=Group.ADMIN,
        resource_type="System",
        arguments=OneUse,
        canonical=("use", "finding", "reason"),
        effect=Effect.WRITE,
        target=_system,
        local=review,
        reviews_break_glass=True,
        command="review",
    ),
)
