"""What follows from what was done: cards for others, every copy edited, the office and the mailbox told."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.capabilities.telling import for_the_office, office_not_told, write_to_mailbox
from bot.domain.answer import ApprovalRequest, Posting, Result
from bot.domain.approval import RequestState
from bot.domain.audit import EventType
from bot.ports.database import Transaction
from bot.services import approvals
from bot.services.asking import Routes, ask, ask_further
from bot.services.turns import Turn
from bot.texts.formats import clock_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Cards for others, and what the person is told of the way they took."""

    postings: tuple[Posting, ...] = ()
    told: str = ""


def follow(tx: Transaction, turn: Turn, result: Result, routes: Routes) -> Followed:
    """Cards for others: who is asked next, and every copy of what was decided."""
    postings, told = result.postings, ""
    if result.decided is not None:
        made = result.decided
        tx.notices.close(made.about, turn.now)
        at = clock_time(turn.now, turn.person.timezone, turn.voice.language)
        state = RequestState.WITHDRAWN if made.withdrawn else RequestState.DECIDED
        refused_by = "" if made.approved or made.withdrawn else made.by_employee
        approvals.close(tx, made.about, state, turn.now, refused_by=refused_by)
        postings += approvals.show_decision(tx, made, at)
    if result.progress is not None:
        tx.notices.close(result.progress.about, turn.now)
        asked = tx.approvals.hold(result.progress.about)
        if asked is not None:
            asked = replace(asked, progress=result.progress)
            postings += approvals.show_progress(tx, asked, result.progress)
            postings += ask_further(tx, asked, result.progress.missing, routes=routes, now=turn.now).postings
    if result.office is not None:
        office = for_the_office(tx, turn, routes, result.office)
        postings += office
        told = "" if office else office_not_told(tx, turn)
    if result.mailbox is not None:
        write_to_mailbox(tx, turn, *result.mailbox)
    if result.asks is not None:
        return _ask(tx, turn, result, result.asks, postings, routes)
    return Followed(postings=postings, told=told)


def _ask(
    tx: Transaction,
    turn: Turn,
    result: Result,
    request: ApprovalRequest,
    postings: tuple[Posting, ...],
    routes: Routes,
) -> Followed:
    """Put a request to others; where it went another way than expected, whoever asks is told, and it is audited."""
    asked = ask(
        tx,
        request,
        routes=routes,
        asked_by=turn.message.who,
        identity=turn.person.identity,
        now=turn.now,
        made=result.decided,
    )
    if asked.told in ("hr", "nobody"):
        event = turn.scribe.event(
            EventType.APPROVAL_UNREACHABLE, resource=request.about, code=f"approval.{asked.told}", time=turn.now
        )
        tx.audit.append(event)
    said = turn.voice.say(f"approvals.asked.{asked.told}", name=asked.name) if asked.told else ""
    return Followed(postings=(*postings, *asked.postings), told=said)
