"""What became of a request for a decision, on every posted copy: how far it is, who decided, or that it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.answer import DecisionMade, Draft, Posting, Progress
from bot.domain.approval import AskedRequest, RequestState
from bot.domain.cards import Audience, Card, Status
from bot.domain.identity import ChannelIdentity, Person, Role
from bot.domain.messages import Place, PlaceKind
from bot.domain.notice import TALK, Notice
from bot.domain.outbound import PostedMessage
from bot.ports.database import Transaction
from bot.services.approval_cards import (
    APPROVER,
    REQUESTER,
    after_decision,
    decided_card,
    owner_buttons,
    progress_line,
    question,
    told,
)
from bot.services.delivery import edit_of
from bot.texts.formats import days
from bot.texts.sentences import Voice, voice


def show_decision(tx: Transaction, made: DecisionMade, at: str) -> tuple[Posting, ...]:
    """Edits of every copy, and one message in the requester's thread however many copies lie there."""
    postings: list[Posting] = []
    heard: set[_Where] = set()
    for about in (made.about + APPROVER, made.about + REQUESTER):
        for posted in tx.posted.about(about):
            own = about.endswith(REQUESTER)
            reader = _reader(tx, posted.to) if own or posted.place.kind is PlaceKind.DIRECT else voice(None)
            buttons = after_decision(made, reader, own=own, decider=_decided_by(tx, made, posted))
            draft = Draft(card=decided_card(made, reader, at, own=own), buttons=buttons, audience=Audience.PLACE)
            edit = edit_of(tx, posted, draft)
            if edit is not None:
                postings.append(edit)
            here = _where(posted)
            if not own or here in heard or not _speaks_for(tx, posted.to, made.owner):
                continue
            heard.add(here)
            if not made.withdrawn or made.undone == "revoked":
                said = told(made, reader, at)
                postings.append(Posting(draft=said, to=posted.to, place=posted.place, notice=Notice.REQUEST_DECIDED))
            if made.approved and made.final:
                postings += _who_stands_in(tx, made, posted, reader)
    return tuple(postings)


_Where = tuple[ChannelIdentity, Place | None]


def _where(posted: PostedMessage) -> _Where:
    """Whoever is told is told once, in the oldest thread of it: all of a direct conversation is one place."""
    return (posted.to, None if posted.place.kind is PlaceKind.DIRECT else posted.place)


def _decided_by(tx: Transaction, made: DecisionMade, posted: PostedMessage) -> bool:
    """Whether a copy lies in the own conversation of whoever decided."""
    link = tx.links.find(posted.to) if posted.place.kind is PlaceKind.DIRECT and made.by_employee else None
    person = tx.persons.find(link.identity) if link else None
    return person is not None and person.employee == made.by_employee


def _who_stands_in(tx: Transaction, made: DecisionMade, posted: PostedMessage, reader: Voice) -> list[Posting]:
    """An approver who will be away is asked who decides meanwhile, unless they have named somebody."""
    person = tx.persons.by_employee(made.owner)
    if person is None or not person.roles & {Role.LINE_MANAGER, Role.HR_MANAGER}:
        return []
    if any(item.meets(made.start, made.end) for item in tx.substitutions.of_approver(made.owner, since=made.start)):
        return []
    say = reader.say
    example = say("approvals.stand_in.example", start=made.start.isoformat(), end=made.end.isoformat())
    card = Card(
        headline=say("approvals.stand_in.headline", range=days(made.start, made.end, reader.language)),
        body=say("approvals.stand_in.body", example=example),
        status=Status.WAITING,
    )
    return [Posting(draft=Draft(card=card), to=posted.to, place=posted.place, notice=Notice.SUBSTITUTE_WANTED)]


def show_progress(tx: Transaction, asked: AskedRequest, progress: Progress) -> tuple[Posting, ...]:
    """Every copy of the question with how far it is, still to be pressed; and the requester's own card."""
    postings: list[Posting] = []
    for posted in tx.posted.about(asked.about + APPROVER):
        if _asks_still(tx, posted, asked):
            postings += _edit(tx, posted, _question(tx, posted, asked, progress))
    for posted in tx.posted.about(asked.about + REQUESTER):
        reader = _reader(tx, posted.to)
        card = Card(
            headline=reader.say("hr.request_leave.sent", range=_range(asked, reader)),
            body=reader.say("approvals.told.progress", by=progress.given[-1], line=progress_line(progress, reader)),
            status=Status.WAITING,
        )
        # Other days, as long as nothing of it is in the system: they void what was approved.
        buttons = owner_buttons(asked.about.removeprefix("Leave::"), reader, changeable=not asked.request.by_hr)
        draft = Draft(card=card, buttons=buttons, audience=Audience.PLACE, about=asked.about + REQUESTER)
        postings += _edit(tx, posted, draft)
    return tuple(postings)


def _asks_still(tx: Transaction, posted: PostedMessage, asked: AskedRequest) -> bool:
    """Whether a copy asks somebody who may decide: where only HR does, no manager's own card gets its buttons back."""
    if not asked.request.by_hr or posted.place.kind is not PlaceKind.DIRECT:
        return True
    person = _person(tx, posted.to)
    return person is not None and Role.HR_MANAGER in person.roles


def _question(tx: Transaction, posted: PostedMessage, asked: AskedRequest, progress: Progress | None) -> Draft:
    """The question as this copy's reader has it; a channel has no language and no zone of its own."""
    direct = posted.place.kind is PlaceKind.DIRECT
    person = _still_theirs(tx, posted) if direct else None
    return question(
        asked.request,
        voice(person.locale if person else None),
        detailed=person is not None,
        timezone=person.timezone if person else "",
        progress=progress,
        talk=asked.talk if person is not None or not direct else (),
    )


def show_talk(tx: Transaction, asked: AskedRequest) -> tuple[Posting, ...]:
    """Every copy of the question with what was asked about it and answered, still to be pressed."""
    postings: list[Posting] = []
    for posted in tx.posted.about(asked.about + APPROVER):
        if _asks_still(tx, posted, asked):
            postings += _edit(tx, posted, _question(tx, posted, asked, asked.progress))
    return tuple(postings)


def show_moved_on(tx: Transaction, asked: AskedRequest, asking: Sequence[Posting]) -> tuple[Posting, ...]:
    """Every copy besides `asking` of a question that only HR decides from now on: it asks nobody any more.

    Its owner may still withdraw the request.
    """
    kept = {(posting.place, posting.edits) for posting in asking}
    postings: list[Posting] = []
    for about in (asked.about + APPROVER, asked.about + REQUESTER):
        own = about.endswith(REQUESTER)
        for posted in tx.posted.about(about):
            if (posted.place, posted.message) in kept:
                continue
            reader = _reader(tx, posted.to) if own or posted.place.kind is PlaceKind.DIRECT else voice(None)
            key = "hr.request_leave.sent" if own else "hr.ask.headline"
            headline = reader.say(key, name=asked.request.subject_name, range=_range(asked, reader))
            card = Card(headline=headline, body=reader.say("approvals.again.moved"), status=Status.WAITING)
            leave = asked.about.removeprefix("Leave::")
            buttons = owner_buttons(leave, reader, changeable=False) if own else ()
            postings += _edit(tx, posted, Draft(card=card, buttons=buttons, audience=Audience.PLACE))
    return tuple(postings)


def show_closed(tx: Transaction, asked: AskedRequest, how: str, at: str, *, by: str = "") -> tuple[Posting, ...]:
    """Every copy of a question that ended without a decision here: `expired`, or decided `elsewhere` and how.

    `by` is who decided there, where the system says.
    """
    postings: list[Posting] = []
    heard: set[_Where] = set()
    for about in (asked.about + APPROVER, asked.about + REQUESTER):
        own = about.endswith(REQUESTER)
        for posted in tx.posted.about(about):
            reader = _reader(tx, posted.to) if own or posted.place.kind is PlaceKind.DIRECT else voice(None)
            key = "hr.request_leave.sent" if own else "hr.ask.headline"
            headline = reader.say(key, name=asked.request.subject_name, range=_range(asked, reader))
            body = reader.say(f"approvals.closed.{how}", time=at, name=by)
            card = Card(headline=headline, body=body, status=Status.PLAIN)
            postings += _edit(tx, posted, Draft(card=card, audience=Audience.PLACE))
            if own and _where(posted) not in heard and _speaks_for(tx, posted.to, asked.request.owner):
                heard.add(_where(posted))
                said = reader.say(f"approvals.told.{how}", range=_range(asked, reader), name=by)
                draft = Draft(card=Card(headline=said, status=Status.PLAIN, quiet=at))
                postings.append(Posting(draft=draft, to=posted.to, place=posted.place, notice=Notice.REQUEST_DECIDED))
    return tuple(postings)


def talk_of(about: str) -> str:
    """What is asked of whoever made a request: a notice of its own, which ends with their answer or the request."""
    return TALK + about.partition("::")[2]


def close(
    tx: Transaction, about: str, state: RequestState, now: datetime, *, refused_by: str = ""
) -> AskedRequest | None:
    """The request waits no longer, and approvals that did not suffice are nothing any more."""
    tx.notices.close(talk_of(about), now)
    tx.approvals.close(about, "spent" if state is RequestState.DECIDED and not refused_by else "void")
    asked = tx.approvals.hold(about)
    if asked is not None:
        tx.approvals.ask(replace(asked, state=state, closed_at=now, refused_by=refused_by))
    return asked


def _still_theirs(tx: Transaction, posted: PostedMessage) -> Person | None:
    """The approver whom a copy was made for; None where their account was taken from them since, or they are locked."""
    link = tx.links.find(posted.to)
    if link is None or link.linked_at > posted.posted_at:
        return None
    person = tx.persons.find(link.identity)
    return None if person is None or person.locked else person


def _speaks_for(tx: Transaction, channel: ChannelIdentity, employee: str) -> bool:
    """Whether a chat account is still that of an employee, and not locked: what is theirs is told nowhere else."""
    person = _person(tx, channel)
    return person is not None and person.employee == employee and not person.locked


def _edit(tx: Transaction, posted: PostedMessage, draft: Draft) -> list[Posting]:
    edit = edit_of(tx, posted, draft)
    return [] if edit is None else [edit]


def _range(asked: AskedRequest, reader: Voice) -> str:
    return days(asked.request.start, asked.request.end, reader.language)


def _person(tx: Transaction, channel: ChannelIdentity) -> Person | None:
    link = tx.links.find(channel)
    return tx.persons.find(link.identity) if link else None


def _reader(tx: Transaction, channel: ChannelIdentity) -> Voice:
    person = _person(tx, channel)
    return voice(person.locale if person else None)
