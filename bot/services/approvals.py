"""Approvals in the thread: who is asked, where, and how every posted copy shows the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.answer import ApprovalRequest, Button, DecisionMade, Draft, Posting
from bot.domain.cards import ActionStyle, Audience, Card, Fact, Quote, Status
from bot.domain.identity import ChannelIdentity, Link, Platform
from bot.domain.intent import Intent, Origin
from bot.domain.messages import Place
from bot.domain.notice import Notice
from bot.ports.database import Transaction
from bot.services.delivery import direct_place, edit_of
from bot.texts.formats import days
from bot.texts.sentences import Voice, voice

REQUESTER = "#requester"
APPROVER = "#approver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Where approvals are posted besides the approver's own conversation: HR's channel, by platform."""

    hr: Mapping[Platform, Place]


def ask(
    tx: Transaction, request: ApprovalRequest, *, routes: Routes, platform: Platform, asked_by: ChannelIdentity
) -> tuple[Posting, ...]:
    """The cards that ask: in HR's channel, and to the approver directly where they are linked."""
    postings: list[Posting] = []
    channel = routes.hr.get(platform)
    if channel is not None:
        postings.append(
            Posting(
                draft=_question(request, voice(None), detailed=False),
                to=asked_by,
                place=channel,
                notice=Notice.APPROVAL_POSTED,
            )
        )
    for link in _approver_links(tx, request):
        person = tx.persons.find(link.identity)
        draft = _question(request, voice(person.locale if person else None), detailed=True)
        postings.append(
            Posting(
                draft=draft,
                to=link.channel,
                place=direct_place(link.channel),
                notice=Notice.APPROVAL_WANTED,
            )
        )
    return tuple(postings)


def _approver_links(tx: Transaction, request: ApprovalRequest) -> tuple[Link, ...]:
    if request.by_hr or request.approver is None:
        return ()
    person = tx.persons.by_employee(request.approver)
    return () if person is None else tuple(tx.links.of_identity(person.identity))


def _question(request: ApprovalRequest, reader: Voice, *, detailed: bool) -> Draft:
    """A shared card shows who and when; kind and note only to the approver (DESIGN: confidential values)."""
    say = reader.say
    facts = [Fact(label=say("hr.working_days"), value=request.amount)]
    if detailed and request.kind:
        facts.append(Fact(label=say("hr.kind"), value=request.kind))
    quotes = (Quote(author=request.subject_name, text=request.note),) if detailed and request.note else ()
    card = Card(
        headline=_headline(request, reader),
        body=say("hr.ask.by_hr") if request.by_hr else say("hr.ask.body"),
        facts=tuple(facts),
        quotes=quotes,
        status=Status.WAITING,
        quiet=f"{request.source} · {say('hr.ask.code')}",
    )
    leave = request.about.removeprefix("Leave::")
    return Draft(
        card=card,
        buttons=(
            _press(say("hr.approve"), "approve_leave", leave, ActionStyle.PRIMARY),
            _press(say("hr.refuse"), "refuse_leave", leave, ActionStyle.DANGER),
        ),
        audience=Audience.PLACE,
        about=request.about + APPROVER,
    )


def _press(label: str, capability: str, leave: str, style: ActionStyle) -> Button:
    intent = Intent(capability=capability, arguments={"leave": leave}, origin=Origin.PRESS)
    return Button(label=label, intent=intent, style=style, opens_dialog=True)


def _headline(about: ApprovalRequest | DecisionMade, reader: Voice) -> str:
    return reader.say("hr.ask.headline", name=about.subject_name, range=days(about.start, about.end, reader.language))


def show_decision(tx: Transaction, made: DecisionMade, at: str) -> tuple[Posting, ...]:
    """Edits of every copy, and a message in the requester's thread."""
    postings: list[Posting] = []
    for about in (made.about + APPROVER, made.about + REQUESTER):
        for posted in tx.posted.about(about):
            own = about.endswith(REQUESTER)
            reader = _reader(tx, posted.to) if own else voice(None)
            draft = Draft(card=_decided_card(made, reader, at, own=own), audience=Audience.PLACE)
            edit = edit_of(tx, posted, draft)
            if edit is not None:
                postings.append(edit)
            if own and not made.withdrawn:
                postings.append(
                    Posting(
                        draft=_told(made, reader, at),
                        to=posted.to,
                        place=posted.place,
                        notice=Notice.REQUEST_DECIDED,
                    )
                )
    return tuple(postings)


def _reader(tx: Transaction, channel: ChannelIdentity) -> Voice:
    link = tx.links.find(channel)
    person = tx.persons.find(link.identity) if link else None
    return voice(person.locale if person else None)


def _decided_card(made: DecisionMade, reader: Voice, at: str, *, own: bool) -> Card:
    status = Status.ALLOWED if made.approved else Status.DENIED
    return Card(
        headline=reader.say(
            "hr.request_leave.sent" if own else "hr.ask.headline",
            name=made.subject_name,
            range=days(made.start, made.end, reader.language),
        ),
        body=reader.say(f"hr.outcome.{_outcome(made)}", name=made.by_name, time=at),
        status=Status.PLAIN if made.withdrawn else status if made.final else Status.WAITING,
    )


def _outcome(made: DecisionMade) -> str:
    if made.withdrawn:
        return "withdrawn"
    if not made.approved:
        return "refused"
    return "approved" if made.final else "hr_next"


def _told(made: DecisionMade, reader: Voice, at: str) -> Draft:
    """What the requester is told in the thread."""
    key = f"hr.told.{_outcome(made)}"
    range_ = days(made.start, made.end, reader.language)
    quotes = (Quote(author=made.by_name, text=made.note),) if made.note else ()
    card = Card(
        headline=reader.say(key, name=made.by_name, range=range_),
        quotes=quotes,
        status=Status.ALLOWED if made.approved else Status.DENIED,
        quiet=at,
    )
    return Draft(card=card, audience=Audience.PERSON)
