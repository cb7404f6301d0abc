"""Proposals: a canonical action waiting for its person's consent or confirmation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.action import CanonicalAction
from bot.domain.cards import Fact, Quote
from bot.domain.identity import ChannelIdentity, LinkedIdentity
from bot.domain.messages import Place
from bot.domain.proof import ConsentKind, ProofMethod

PROPOSAL_SECONDS = 300


class ProposalState(StrEnum):
    """The life of a proposal; only `WAITING` ever leads on."""

    WAITING = "waiting"
    SPENT = "spent"
    VOID = "void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the person is shown and signs, generated from the canonical action."""

    headline: str
    facts: tuple[Fact, ...] = ()
    quotes: tuple[Quote, ...] = ()
    line: Fact | None = None
    """How it stands in a list that is consented to as one; None where it never does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A canonical action with what was shown, waiting for a confirmation or a second factor."""

    id: str
    identity: LinkedIdentity
    channel: ChannelIdentity
    place: Place
    action: CanonicalAction
    digest: str
    shown: Shown
    facts_version: str
    confirmed: bool
    """The person pressed the confirming button of exactly this digest."""
    method: ProofMethod | None
    """The second factor to offer first; None where a confirmation is enough."""
    consent: ConsentKind
    reading_set: str
    """What one proof opens, where consent is `own_reading`."""
    confidential: bool
    """The result opens on our page, never in chat."""
    source: str | None
    """The posted message the request came from."""
    created_at: datetime
    until: datetime
    state: ProposalState = ProposalState.WAITING
    origin: str = "press"
    methods: tuple[ProofMethod, ...] = ()
    """Every kind of second factor that policy takes for this."""
    roles: tuple[str, ...] | None = None
    """What its person was when it was shown, each role with its scope; None where that was not kept."""
    policy_hash: str = ""
    """The policies it was shown under."""
    members: tuple[str, ...] = ()
    """The proposals of a list that is consented to as one, in the order shown; its action names their digests."""
