"""Why a request that was shown on one of our pages no longer waits: late, done, refused, changed, or ended.

Its own person alone is told, and from the log: a proposal's row says that it is void, and not why.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.identity import ChannelIdentity
from bot.domain.proposal import Proposal, ProposalState
from bot.errors import HandleSpent
from bot.ports.database import Transaction

LOOKED_AT = 200
"""Records of one person since a request was made, which is an hour ago at the most."""
DISMISSED = "proposal.dismissed"
CHANGED = "changed"
"""How the codes of `bot.capabilities.since_shown` begin."""


class Why(StrEnum):
    """What became of it."""

    EXPIRED = "expired"
    DONE = "done"
    DISMISSED = "dismissed"
    CHANGED = "changed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What may be told of it."""

    why: Why
    headline: str
    channel: ChannelIdentity
    until: datetime


class NoLongerWaiting(HandleSpent):
    """One's own request, which no longer waits."""

    code = "consent.spent"

    def __init__(self, gone: Gone) -> None:
        super().__init__(gone.why, code="consent.spent")
        self.gone = gone


def gone(tx: Transaction, proposal: Proposal) -> Gone:
    """What became of a proposal that no longer waits."""
    return Gone(
        why=_why(tx, proposal),
        headline=proposal.shown.headline,
        channel=proposal.channel,
        until=proposal.until,
    )


def _why(tx: Transaction, proposal: Proposal) -> Why:
    if proposal.state is ProposalState.WAITING:
        return Why.EXPIRED
    if proposal.state is ProposalState.SPENT:
        return Why.DONE
    of_it = [
        record.event.code
        for record in tx.audit.search(principal=proposal.identity.key, since=proposal.created_at, limit=LOOKED_AT)
        if record.event.digest == proposal.digest
    ]
    if DISMISSED in of_it:
        return Why.DISMISSED
    return Why.CHANGED if any(code.startswith(CHANGED) for code in of_it) else Why.ENDED
