"""What of ours stands with what a system answers: uses of break-glass on top, what was asked about a request below."""

from __future__ import annotations

from dataclasses import replace

from bot.capabilities.model import Capability
from bot.domain.answer import Result
from bot.ports.database import Transaction
from bot.services import break_glass_cards
from bot.services.approval_cards import talk_quotes
from bot.services.authorization import Authorizer
from bot.services.deciding import DOORWARD
from bot.services.turns import Turn
from policy.model import Permit


def with_ours(tx: Transaction, turn: Turn, capability: Capability, result: Result, authorizer: Authorizer) -> Result:
    """The answer with what this capability shows of ours beside it."""
    if capability.reviews_on_top:
        return _reviews_on_top(tx, turn, result, authorizer)
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


def _with_talk(tx: Transaction, turn: Turn, result: Result) -> Result:
    """One request, with what was asked about it and answered: policy has let this person see it."""
    assert turn.facts is not None
    asked = tx.approvals.asked(str(turn.facts.ref))
    if asked is None or not asked.talk or result.form is not None:
        return result
    card = result.draft.card
    quotes = (*card.quotes, *talk_quotes(asked.talk, turn.voice))
    return replace(result, draft=replace(result.draft, card=replace(card, quotes=quotes)))
