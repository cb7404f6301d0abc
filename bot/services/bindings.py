"""What lies under the handle of a card, a dialog or a page that asks for consent: one proposal, and what it showed."""

from __future__ import annotations

import hmac

from bot.domain.interaction import Interaction
from bot.domain.proposal import Proposal
from bot.ports.database import Transaction


def bound_to(proposal: Proposal) -> dict[str, object]:
    """What a handle for exactly this proposal carries: its digest besides its id."""
    return {"proposal": proposal.id, "digest": proposal.digest}


def proposal_under(tx: Transaction, found: Interaction) -> Proposal | None:
    """The proposal a handle was made for; None where there is none, or it is no longer what was shown under it.

    Raises `IntegrityAlarm` for a proposal that is not ours.
    """
    proposal = tx.proposals.find(str(found.payload["proposal"])) if "proposal" in found.payload else None
    if proposal is None or not hmac.compare_digest(str(found.payload.get("digest", "")), proposal.digest):
        return None
    return proposal
