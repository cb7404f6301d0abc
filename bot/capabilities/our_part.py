"""What of ours stands with what a system answers: uses of break-glass on top, what was asked about a request below."""

from __future__ import annotations

from dataclasses import replace

from bot.capabilities.leave import MOST_BUTTONS
from bot.capabilities.model import Capability
from bot.domain.answer import Button, Result
from bot.domain.approval import AskedRequest, RequestState
from bot.domain.cards import ActionStyle
from bot.domain.intent import Intent, Origin
from bot.ports.database import Transaction
from bot.services import break_glass_cards
from bot.services.approval_cards import talk_quotes
from bot.services.authorization import Authorizer
from bot.services.deciding import DOORWARD
from bot.services.turns import Turn
from bot.texts.formats import days
from bot.texts.sentences import Voice
from policy.model import Permit

MOST_QUESTIONS = 3


def with_ours(tx: Transaction, turn: Turn, capability: Capability, result: Result, authorizer: Authorizer) -> Result:
    """The answer with what this capability shows of ours beside it."""
    if capability.reviews_on_top:
        return _reviews_on_top(tx, turn, result, authorizer)
    if capability.shows_questions:
        return _questions_on_top(tx, turn, result)
    return _with_talk(tx, turn, result) if capability.shows_talk else result


def _reviews_on_top(tx: Transaction, turn: Turn, result: Result, authorizer: Authorizer) -> Result:
    """What waits, with the uses of break-glass first where policy lets this person see them."""
    assert turn.circumstances is not None
    decision = authorizer.decide(turn.person, "ListBreakGlass", DOORWARD, turn.circumstances, proof=None, now=turn.now)
    uses = tx.break_glass.unreviewed() if isinstance(decision, Permit) else ()
    if not uses:
        return result
    card = break_glass_cards.on_top(result.draft.card, uses, tx, turn.voice, turn.person.timezone)
    buttons = (break_glass_cards.show_button(turn.voice), *result.draft.buttons)
    return replace(result, draft=replace(result.draft, card=card, buttons=buttons))


def _questions_on_top(tx: Transaction, turn: Turn, result: Result) -> Result:
    """One's own requests, with a button for each that somebody asks about and nobody has answered."""
    employee = turn.person.employee
    if turn.facts is None or employee is None or turn.facts.owner != employee:
        return result
    asked = [one for one in tx.approvals.of_owner(employee) if one.state is RequestState.OPEN and _unanswered(one)]
    buttons = tuple(_answer(one, turn.voice) for one in asked[:MOST_QUESTIONS])
    return replace(result, draft=replace(result.draft, buttons=(*buttons, *result.draft.buttons)[:MOST_BUTTONS]))


def _unanswered(asked: AskedRequest) -> bool:
    return bool(asked.talk) and asked.talk[-1].asks


def _answer(asked: AskedRequest, reader: Voice) -> Button:
    leave, request = asked.about.removeprefix("Leave::"), asked.request
    range_ = days(request.start, request.end, reader.language)
    label = reader.say("talk.answer_about", name=asked.talk[-1].name, range=range_)
    intent = Intent(capability="view_leave", arguments={"leave": leave, "then": "answer"}, origin=Origin.PRESS)
    return Button(label=label[:75], intent=intent, style=ActionStyle.PRIMARY, opens_dialog=True)


def _with_talk(tx: Transaction, turn: Turn, result: Result) -> Result:
    """One request, with what was asked about it and answered: policy has let this person see it."""
    assert turn.facts is not None
    asked = tx.approvals.asked(str(turn.facts.ref))
    if asked is None or not asked.talk or result.form is not None:
        return result
    card = result.draft.card
    quotes = (*card.quotes, *talk_quotes(asked.talk, turn.voice))
    return replace(result, draft=replace(result.draft, card=replace(card, quotes=quotes)))
