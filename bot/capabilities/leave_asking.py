"""Before a decision on leave: whoever may see the request asks about it, and whoever made it answers.

Both are words alone. They stand on every copy of the card that asks for the decision, and in the conversation of
whoever is asked; no record of the audit log has them.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field

from bot.capabilities.leave_decisions import OneLeave, asks_leave, of_leave
from bot.capabilities.model import Acting, Capability, Effect, Group, Local
from bot.domain.answer import Button, Draft, Posting, Result
from bot.domain.approval import AskedRequest, Remark, RequestState
from bot.domain.cards import ActionStyle, Card, Status
from bot.domain.identity import Link, Person
from bot.domain.intent import Intent, Origin
from bot.domain.messages import Place, PlaceKind
from bot.domain.notice import Notice
from bot.services.approval_cards import REQUESTER, remark_author, remark_quote
from bot.services.approvals import show_talk, talk_of
from bot.services.delivery import direct_place
from bot.services.standing_in import reachable
from bot.services.throttling import QUESTIONS, hit
from bot.texts.formats import days
from bot.texts.sentences import Voice, voice

QUESTION = "#question"


class AboutLeave(OneLeave):
    """One leave request, and what somebody writes about it."""

    text: str = Field(min_length=1)


def ask_about_leave(local: Local, acting: Acting) -> Result:
    """Put a question to whoever made a request that waits; every copy of the card shows it."""
    asked = _open(local, acting)
    if asked is None:
        return _not_sent(acting, "closed")
    found = reachable(local.tx, asked.request.owner)
    if found is None:
        return _not_sent(acting, "unreachable")
    if not _within(local, acting, "question"):
        return _not_sent(acting, "throttled")
    asked = _said(local, acting, asked, asks=True)
    sent = _sent(acting, "asked", asked.request.subject_name)
    return replace(sent, postings=(*show_talk(local.tx, asked), *_to_owner(local, asked, *found)))


def answer_about_leave(local: Local, acting: Acting) -> Result:
    """Answer what was asked about one's own request; every copy of the card shows it, and whoever asked is told."""
    asked = _open(local, acting)
    if asked is None:
        known = local.tx.approvals.asked(str(acting.facts.ref)) is not None
        return _not_sent(acting, "closed" if known else "nothing_asked")
    questions = [remark for remark in asked.talk if remark.asks]
    if not questions:
        return _not_sent(acting, "nothing_asked")
    if not _within(local, acting, "answer"):
        return _not_sent(acting, "throttled")
    asked = _said(local, acting, asked, asks=False)
    local.tx.notices.close(talk_of(asked.about), acting.now)
    sent = _sent(acting, "answered", questions[-1].name)
    return replace(sent, postings=(*show_talk(local.tx, asked), *_to_asker(local, asked, questions[-1])))


def _open(local: Local, acting: Acting) -> AskedRequest | None:
    """The request, held, as long as it waits for a decision; one that was made in the HR system itself, too."""
    asked = local.tx.approvals.hold(str(acting.facts.ref))
    if asked is None and local.asked is not None:
        asked = local.asked
        local.tx.approvals.close(asked.about, "void")  # given to a request whose row is gone
    waits = asked is not None and asked.state is RequestState.OPEN and not asked.taken_by
    return asked if waits else None


def _within(local: Local, acting: Acting, what: str) -> bool:
    return hit(local.tx, f"{what}|{acting.principal.key}|{acting.facts.ref}", QUESTIONS, acting.now)


def _said(local: Local, acting: Acting, asked: AskedRequest, *, asks: bool) -> AskedRequest:
    """The request with one remark more, kept."""
    remark = Remark(
        asks=asks,
        name=acting.principal.display_name,
        on_behalf_of="" if acting.on_behalf_of is None else acting.on_behalf_of.name,
        text=acting.argument("text"),
        channel=acting.channel,
        at=acting.now,
    )
    asked = replace(asked, talk=(*asked.talk, remark))
    local.tx.approvals.ask(asked)
    return asked


def _to_owner(local: Local, asked: AskedRequest, person: Person, links: tuple[Link, ...]) -> list[Posting]:
    """The question, where the request was made; what is about sensitive leave to the direct conversation alone."""
    own = {link.channel for link in links}
    there = [(posted.to, posted.place) for posted in local.tx.posted.about(asked.about + REQUESTER) if posted.to in own]
    places: dict[Place, Posting] = {}
    for to, place in there or [(link.channel, direct_place(link.channel)) for link in links]:
        hidden = not asked.request.kind and place.kind is not PlaceKind.DIRECT
        at = direct_place(to) if hidden else place
        draft = _question(asked, voice(person.locale))
        places.setdefault(at, Posting(draft=draft, to=to, place=at, notice=Notice.MORE_WANTED))
    return list(places.values())


def _question(asked: AskedRequest, reader: Voice) -> Draft:
    remark, leave = asked.talk[-1], asked.about.removeprefix("Leave::")
    answer = Intent(capability="view_leave", arguments={"leave": leave, "then": "answer"}, origin=Origin.PRESS)
    card = Card(
        headline=reader.say("talk.to_owner", name=remark_author(remark, reader), range=_range(asked, reader)),
        body=reader.say("talk.to_owner_body"),
        quotes=(remark_quote(remark, reader),),
        status=Status.WAITING,
    )
    button = Button(
        label=reader.say("talk.answer"), intent=answer, style=ActionStyle.PRIMARY, opens_dialog=True, lasts=True
    )
    return Draft(card=card, buttons=(button,), about=talk_of(asked.about) + QUESTION)


def _to_asker(local: Local, asked: AskedRequest, question: Remark) -> tuple[Posting, ...]:
    """Whoever asked last hears of the answer in their own conversation: an edit alone makes no sound.

    Not where that chat account is theirs no more: what is answered is for whoever asked.
    """
    link = local.tx.links.find(question.channel)
    person = None if link is None else local.tx.persons.find(link.identity)
    if link is None or link.linked_at > question.at or person is None or person.locked:
        return ()
    reader = voice(person.locale)
    card = Card(
        headline=reader.say("talk.to_asker", name=asked.request.subject_name, range=_range(asked, reader)),
        quotes=(remark_quote(question, reader), remark_quote(asked.talk[-1], reader)),
        status=Status.WAITING,
    )
    draft, place = Draft(card=card), direct_place(question.channel)
    return (Posting(draft=draft, to=question.channel, place=place, notice=Notice.MORE_TOLD),)


def _range(asked: AskedRequest, reader: Voice) -> str:
    return days(asked.request.start, asked.request.end, reader.language)


def _sent(acting: Acting, how: str, name: str) -> Result:
    card = Card(headline=acting.voice.say(f"talk.sent.{how}", name=name), status=Status.ALLOWED)
    return Result(draft=Draft(card=card))


def _not_sent(acting: Acting, why: str) -> Result:
    card = Card(headline=acting.voice.say(f"talk.not_sent.{why}"), status=Status.DENIED)
    return Result(draft=Draft(card=card), code=f"talk.{why}")


LEAVE_ASKING: tuple[Capability, ...] = (
    Capability(
        name="ask_about_leave",
        action="AskAboutLeave",
        group=Group.HR,
        resource_type="Leave",
        arguments=AboutLeave,
        canonical=("text",),
        effect=Effect.WRITE,
        target=of_leave,
        local=ask_about_leave,
        asks=asks_leave,
        preview_action="ViewLeave",
        stands_in=True,
        command="leaves ask",
    ),
    Capability(
        name="answer_about_leave",
        action="AnswerAboutLeave",
        group=Group.HR,
        resource_type="Leave",
        arguments=AboutLeave,
        canonical=("text",),
        effect=Effect.WRITE,
        target=of_leave,
        local=answer_about_leave,
        command="leaves answer",
    ),
)
