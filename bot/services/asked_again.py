"""A request that is asked anew on the card it stands on: edited in its place, with one line of what happened to it.

An edit makes no sound. In a channel the line stands in the card's thread, for whoever reads its history; in a person's
own conversation it is the notice that calls them, in their hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.answer import ApprovalRequest, Button, DecisionMade, Draft, Posting
from bot.domain.cards import ActionStyle, Card, Status
from bot.domain.identity import Link
from bot.domain.intent import Intent, Origin
from bot.domain.messages import Place, PlaceKind
from bot.domain.notice import Notice
from bot.domain.outbound import PostedMessage
from bot.ports.database import Transaction
from bot.services.approval_cards import by_whom, headline
from bot.services.delivery import edit_of
from bot.texts.formats import days
from bot.texts.sentences import Voice

AGAIN = "#again"


def copy_in(copies: Sequence[PostedMessage], place: Place) -> PostedMessage | None:
    """The newest copy in a shared conversation."""
    wanted = (place.platform, place.tenant, place.conversation)
    found = [one for one in copies if (one.place.platform, one.place.tenant, one.place.conversation) == wanted]
    return found[-1] if found else None


def copy_for(copies: Sequence[PostedMessage], link: Link) -> PostedMessage | None:
    """The newest copy in somebody's own conversation, posted since that chat account is theirs."""
    direct = [one for one in copies if one.place.kind is PlaceKind.DIRECT and one.to == link.channel]
    found = [one for one in direct if one.posted_at >= link.linked_at]
    return found[-1] if found else None


def in_its_place(
    tx: Transaction, posted: PostedMessage, draft: Draft, *, line: Card | None = None, anew: bool = True
) -> Posting | None:
    """The question on the card that is there; posted anew where that is gone. None where another edit won."""
    edit = edit_of(tx, posted, draft)
    return None if edit is None else replace(edit, line=line, anew=anew)


def thread_line(request: ApprovalRequest, made: DecisionMade | None, reader: Voice) -> Card:
    """What happened, for everybody in a channel: of sensitive leave not from which days to which."""
    return Card(headline=_said(request, made, reader, told=bool(request.kind)))


def call(request: ApprovalRequest, made: DecisionMade | None, reader: Voice, posted: PostedMessage) -> Posting:
    """The notice that calls an approver back to a card of theirs that was edited."""
    card = Card(
        headline=_said(request, made, reader, told=True),
        body=headline(request, reader),
        status=Status.WAITING,
    )
    show = Button(
        label=reader.say("notices.show"),
        intent=Intent(capability="waiting", arguments={}, origin=Origin.PRESS),
        style=ActionStyle.PRIMARY,
        lasts=True,
    )
    draft = Draft(card=card, buttons=(show,), about=request.about + AGAIN)
    return Posting(draft=draft, to=posted.to, place=posted.place, notice=Notice.APPROVAL_WANTED)


def _said(request: ApprovalRequest, made: DecisionMade | None, reader: Voice, *, told: bool) -> str:
    if made is None:
        return reader.say("approvals.again.moved")
    name, was = by_whom(made, reader), request.was
    if made.undone == "changed" and told and was is not None:
        before, after = days(*was, reader.language), days(request.start, request.end, reader.language)
        return reader.say("approvals.again.changed", name=name, was=before, becomes=after)
    if made.undone:
        return reader.say(
            "approvals.again.revoked" if made.undone == "revoked" else "approvals.again.other_days", name=name
        )
    return reader.say("approvals.again.approved", name=name)
