"""What somebody is told whom policy does not let do it."""

from __future__ import annotations

from bot.capabilities.model import Capability, Group
from bot.domain.answer import Answer
from bot.services import refusals
from bot.services.facts_desk import NOT_KNOWN
from bot.services.turns import Turn
from policy.model import Deny, Reason


def told_why(turn: Turn, capability: Capability, decision: Deny) -> Answer:
    """Why not; where one's own is not there, that it is not there: whoever asks knows whose it would be."""
    assert turn.facts is not None
    own = capability.group is Group.HR and decision.reason is Reason.NOT_OWNER
    if own and turn.own_record:
        if turn.person.employee is None:
            return refusals.denied(turn.voice, "no_record", "", code=decision.reason)
        if turn.facts.ref.id == NOT_KNOWN and capability.resource_type == "Payslip":
            return refusals.denied(turn.voice, "no_payslip", "", code=decision.reason)
    return refusals.denied(turn.voice, decision.reason, capability.name)
