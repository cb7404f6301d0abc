"""How a ticked list is shown: what is signed, what was left out, and what became of each line."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bot.capabilities.ticking import ANY, spoken
from bot.domain.action import CanonicalAction, ResourceRef
from bot.domain.answer import Answer, Draft
from bot.domain.audit import EventType
from bot.domain.cards import Card, Fact, Status
from bot.domain.proposal import Proposal, Shown
from bot.services.turns import Ending, Turn, Wanted, end

RESOURCE = "Batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A line that is left out, and why."""

    label: str
    why: str
    stale: bool = False
    """The provider was not asked for too long: asking it may change the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a line."""

    line: Fact
    done: bool
    told: str


def whole_of(turn: Turn, members: Sequence[Proposal], left: Iterable[Left], wanted: Wanted) -> Proposal:
    """What is signed: every line in the order shown, what was left out, and one reason where there is one for all."""
    say, first, identifier = turn.voice.say, members[0], secrets.token_hex(16)
    action = CanonicalAction(
        principal=turn.person.key,
        capability=first.action.capability,
        action=first.action.action,
        resource=ResourceRef(type=RESOURCE, id=identifier),
        arguments={"members": named(members)},
        salt=turn.salt,
    )
    words = words_for(turn, members)
    lines = tuple(in_list(member, words) for member in members)
    # One reason was written for all of them; it is signed with every line.
    why = str(first.action.arguments.get("note") or "")
    lines = (Fact(label=say("arguments.reason"), value=why), *lines) if why else lines
    out = tuple(Fact(label=say("batch.left_out", name=item.label), value=item.why) for item in left)
    shown = Shown(
        headline=say(f"batch.headline.{words}", count=len(members)),
        facts=(*lines, *out),
        quotes=tuple(quote for member in members for quote in member.shown.quotes),
    )
    return replace(
        first,
        id=identifier,
        action=action,
        digest=action.digest,
        shown=shown,
        facts_version="",
        method=wanted.method,
        methods=wanted.methods,
        members=tuple(member.id for member in members),
    )


def words_for(turn: Turn, members: Iterable[Proposal]) -> str:
    """The key under which the list is spoken of: that of the capability all lines are of, or `ANY`."""
    kinds = {member.action.capability for member in members}
    return spoken(turn.voice, kinds.pop()) if len(kinds) == 1 else ANY


def in_list(member: Proposal, words: str) -> Fact:
    """How a line is shown: under its own headline where the list's does not say what is done with it."""
    line = member.shown.line
    if line is None or words == ANY:
        return Fact(label=member.shown.headline, value="" if line is None else line.value)
    return line


def named(members: Iterable[Proposal]) -> str:
    """The lines' digests in the order shown: what the list's own digest is over."""
    return " ".join(member.digest for member in members)


def told(turn: Turn, words: str, outcomes: Sequence[Outcome], done: int) -> Answer:
    """What became of each line."""
    facts = tuple(
        Fact(label=outcome.line.label, value=" · ".join(part for part in (outcome.line.value, outcome.told) if part))
        for outcome in outcomes
    )
    card = Card(
        headline=turn.voice.say(f"batch.result.{words}", count=done, of=len(outcomes)),
        body="" if done == len(outcomes) else turn.voice.say("batch.rest"),
        facts=facts,
        status=Status.ALLOWED if done == len(outcomes) else Status.WAITING if done else Status.DENIED,
    )
    return Answer(draft=Draft(card=card), code="done")


def nothing_done(turn: Turn, left: Sequence[Left]) -> Ending:
    """Nothing that was ticked may be done, and why."""
    facts = tuple(Fact(label=item.label, value=item.why) for item in left)
    card = Card(headline=turn.voice.say("batch.nothing"), facts=facts, status=Status.DENIED)
    return end(turn, EventType.ACCESS_DECIDED, "deny", Answer(draft=Draft(card=card), code="batch.nothing"))
