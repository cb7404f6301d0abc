"""The cards of approvals: the question, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bot.domain.answer import ApprovalRequest, Button, DecisionMade, Draft, Progress
from bot.domain.approval import Remark
from bot.domain.cards import ActionStyle, Audience, Card, Fact, Quote, Status
from bot.domain.intent import Intent, Origin
from bot.services.hr_words import kind_name
from bot.texts.formats import clock_time, days, number
from bot.texts.sentences import Voice

REQUESTER = "#requester"
APPROVER = "#approver"
MOST_REMARKS = 6
"""The newest stand on the card; a platform's card has an end."""


def question(
    request: ApprovalRequest,
    reader: Voice,
    *,
    detailed: bool,
    timezone: str = "",
    progress: Progress | None = None,
    talk: Sequence[Remark] = (),
) -> Draft:
    """A shared card shows who and when; kind, note and what was asked about it only to the approver (DESIGN §5.5).

    Whoever looks at a shared card opens these with a press of their own, if policy lets them. `timezone` is the
    reader's; a channel has none, and shows no time of day.
    """
    say = reader.say
    facts = [Fact(label=say("hr.working_days"), value=_length(request, reader))]
    if request.was is not None and (detailed or request.kind):
        facts.insert(0, Fact(label=say("hr.change_leave.was"), value=days(*request.was, reader.language)))
    if detailed and request.kind:
        facts.append(Fact(label=say("hr.kind"), value=kind_name(request.leave_type, request.kind, reader)))
    if progress is not None:
        facts.append(Fact(label=say("approvals.so_far"), value=progress_line(progress, reader)))
    quotes = [Quote(author=request.subject_name, text=request.note)] if detailed and request.note else []
    if detailed:
        quotes += talk_quotes(talk, reader)
    elif talk:
        facts.append(Fact(label=say("talk.label"), value=say("talk.open" if talk[-1].asks else "talk.answered")))
    card = Card(
        headline=headline(request, reader),
        body=_waits_for(request, reader, progress),
        facts=tuple(facts),
        quotes=tuple(quotes),
        status=Status.WAITING,
        quiet=f"{_source(request, reader, timezone)} · {say('hr.ask.code')}",
    )
    leave = request.about.removeprefix("Leave::")
    buttons = [
        _press(say("hr.approve"), "approve_leave", leave, ActionStyle.PRIMARY),
        _press(say("hr.refuse"), "refuse_leave", leave, ActionStyle.DANGER),
    ]
    more = Intent(capability="view_leave", arguments={"leave": leave, "then": "ask"}, origin=Origin.PRESS)
    buttons.append(Button(label=say("talk.ask"), intent=more, opens_dialog=True))
    if not detailed:
        buttons.append(_details(say("approvals.details"), leave))
    return Draft(card=card, buttons=tuple(buttons), audience=Audience.PLACE, about=request.about + APPROVER)


def _length(request: ApprovalRequest, reader: Voice) -> str:
    working_days = request.working_days if request.working_days is not None else Decimal(request.days)
    return day_count(working_days, reader)


def _source(request: ApprovalRequest, reader: Voice, timezone: str) -> str:
    if request.read_at is None or not timezone:
        return reader.say("hr.ask.source")
    return reader.say("common.source.hr", time=clock_time(request.read_at, timezone, reader.language))


def talk_quotes(talk: Sequence[Remark], reader: Voice) -> list[Quote]:
    """The newest of what was asked about a request and answered, each marked as its author's."""
    return [remark_quote(item, reader) for item in talk[-MOST_REMARKS:]]


def remark_quote(remark: Remark, reader: Voice) -> Quote:
    """Somebody's own words, marked as theirs."""
    return Quote(author=remark_author(remark, reader), text=remark.text)


def remark_author(remark: Remark, reader: Voice) -> str:
    """Who wrote it, and in whose place."""
    if not remark.on_behalf_of:
        return remark.name
    return reader.say("approvals.on_behalf", name=remark.name, of=remark.on_behalf_of)


def day_count(amount: Decimal | None, reader: Voice) -> str:
    """An amount of days in words; a dash where the system keeps none."""
    if amount is None:
        return "–"
    return reader.say("hr.days", count=float(amount), days=number(amount, reader.language))


def _waits_for(request: ApprovalRequest, reader: Voice, progress: Progress | None) -> str:
    if progress is not None:
        return reader.say("approvals.more", by=", ".join(progress.given))
    return reader.say("hr.ask.by_hr") if request.by_hr else reader.say("hr.ask.body")


def progress_line(progress: Progress, reader: Voice) -> str:
    """`1 of 2`."""
    return reader.say("approvals.progress", given=len(progress.given), needed=progress.needed)


def _press(label: str, capability: str, leave: str, style: ActionStyle) -> Button:
    intent = Intent(capability=capability, arguments={"leave": leave}, origin=Origin.PRESS)
    return Button(label=label, intent=intent, style=style, opens_dialog=True)


def _details(label: str, leave: str) -> Button:
    """Opens for whoever presses it, if policy lets them see it."""
    return Button(label=label, intent=Intent(capability="view_leave", arguments={"leave": leave}, origin=Origin.PRESS))


def headline(about: ApprovalRequest | DecisionMade, reader: Voice) -> str:
    """Whose leave, and when."""
    return reader.say("hr.ask.headline", name=about.subject_name, range=days(about.start, about.end, reader.language))


def by_whom(made: DecisionMade, reader: Voice) -> str:
    """Who decided, and under whose authority."""
    if not made.on_behalf_of:
        return made.by_name
    return reader.say("approvals.on_behalf", name=made.by_name, of=made.on_behalf_of)


def decided_card(made: DecisionMade, reader: Voice, at: str, *, own: bool) -> Card:
    """What a copy becomes."""
    status = Status.ALLOWED if made.approved else Status.DENIED
    return Card(
        headline=reader.say(
            "hr.request_leave.sent" if own else "hr.ask.headline",
            name=made.subject_name,
            range=days(made.start, made.end, reader.language),
        ),
        body=reader.say(f"hr.outcome.{outcome(made)}", name=by_whom(made, reader), time=at),
        status=Status.PLAIN if made.withdrawn else status if made.final else Status.WAITING,
    )


def after_decision(made: DecisionMade, reader: Voice, *, own: bool, decider: bool) -> tuple[Button, ...]:
    """What may still be done, if policy lets them: the owner cancels approved leave, the decider takes that back."""
    leave = made.about.removeprefix("Leave::")
    if own and not made.final and made.undone != "changed":
        return owner_buttons(leave, reader, changeable=made.undone == "revoked")
    if made.withdrawn or not made.final:
        return ()
    if own and made.approved:
        intent = Intent(capability="cancel_leave", arguments={"leave": leave}, origin=Origin.PRESS)
        return (Button(label=reader.say("hr.cancel"), intent=intent),)
    if not decider:
        return ()
    intent = Intent(capability="view_leave", arguments={"leave": leave, "then": "reopen"}, origin=Origin.PRESS)
    return (Button(label=reader.say("hr.reopen"), intent=intent, opens_dialog=True),)


def owner_buttons(leave: str, reader: Voice, *, changeable: bool) -> tuple[Button, ...]:
    """What its owner may do while a request waits: other days before the first decision, withdraw it at any time."""
    withdraw = Intent(capability="withdraw_leave", arguments={"leave": leave}, origin=Origin.PRESS)
    change = Intent(capability="view_leave", arguments={"leave": leave, "then": "change"}, origin=Origin.PRESS)
    found = (Button(label=reader.say("hr.withdraw"), intent=withdraw),)
    return (Button(label=reader.say("hr.change"), intent=change, opens_dialog=True), *found) if changeable else found


def outcome(made: DecisionMade) -> str:
    """The word for how it ended."""
    if made.undone == "changed":
        return "changed"
    if made.undone:
        return "cancelled" if made.undone == "cancelled" else "revoked"
    if made.withdrawn:
        return "withdrawn"
    if not made.approved:
        return "refused"
    return "approved" if made.final else "hr_next"


def told(made: DecisionMade, reader: Voice, at: str) -> Draft:
    """What the requester is told in the thread."""
    range_ = days(made.start, made.end, reader.language)
    quotes = (Quote(author=made.by_name, text=made.note),) if made.note else ()
    card = Card(
        headline=reader.say(f"hr.told.{outcome(made)}", name=by_whom(made, reader), range=range_),
        quotes=quotes,
        status=Status.WAITING if made.undone else Status.ALLOWED if made.approved else Status.DENIED,
        quiet=at,
    )
    return Draft(card=card, audience=Audience.PERSON)
