"""What a press hears that came too late: who decided and when, also where that was in the HR system itself."""

from __future__ import annotations

from dataclasses import replace

from bot.capabilities.model import Acting, Capability, Systems
from bot.capabilities.performing import Performing
from bot.domain.answer import Answer
from bot.domain.leave import LeaveState
from bot.domain.proposal import Shown
from bot.errors import DoorwardError, StorageUnavailable
from bot.ports.hr import Leave
from bot.services.turns import Turn
from bot.texts.formats import moment
from policy.model import Deny, Reason

DECIDES = frozenset({"approve_leave", "refuse_leave", "ask_about_leave"})
OPEN = frozenset({LeaveState.PENDING, LeaveState.SECOND_APPROVAL})


async def with_how_it_ended(
    performing: Performing, turn: Turn, capability: Capability, decision: Deny, answer: Answer
) -> Answer:
    """The refusal with how the request ended, for whoever may see the request; as it is for everybody else.

    Raises `StorageUnavailable`.
    """
    late = decision.reason is Reason.ALREADY_DECIDED and not decision.error and capability.name in DECIDES
    if not late or answer.draft is None:
        return answer
    try:
        shown = await performing.read(turn, capability, _ended, lambda _tx, _shown: None)
    except StorageUnavailable:
        raise
    except DoorwardError:
        return answer
    if not shown.headline:
        return answer
    card = replace(answer.draft.card, body=f"{shown.headline}\n{turn.voice.say('approvals.late.next')}")
    return replace(answer, draft=replace(answer.draft, card=card))


async def _ended(systems: Systems, acting: Acting) -> Shown:
    leave = await systems.hr.get_leave(acting.grant, acting.call, leave=acting.facts.ref.id)
    return Shown(headline=how_it_ended(acting, leave), facts=())


def how_it_ended(acting: Acting, leave: Leave) -> str:
    """Who decided and when, as far as the system says; empty where it waits still."""
    if leave.state in OPEN:
        return ""
    if leave.state is LeaveState.CANCELLED:
        return acting.voice.say("approvals.late.cancelled")
    if leave.decided_by_name is None or leave.decided_at is None:
        return acting.voice.say(f"approvals.late.unnamed_{leave.state}")
    at = moment(leave.decided_at, acting.principal.timezone, acting.voice.language)
    return acting.voice.say(f"approvals.late.{leave.state}", name=leave.decided_by_name, time=at)
