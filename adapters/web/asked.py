"""What one of our consent pages is about: a proposal, opened by its own person only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bot.domain.identity import LinkedIdentity
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.session import Session, SessionLimits
from bot.errors import HandleSpent, NotAllowed
from bot.ports.database import Transaction
from bot.services import factors, step_up
from bot.services.bindings import proposal_under
from bot.services.no_longer_waiting import NoLongerWaiting, gone


class OtherPerson(NotAllowed):
    """The page is somebody else's; what it is about stays untold."""

    code = "page.other_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A proposal that waits, with what it takes to go on."""

    handle: str
    proposal: Proposal
    session: Session | None
    """The chat session it was made in, where that is alive."""
    needs_code: bool
    methods: frozenset[ProofMethod]
    """The kinds of factor this person has now that count for it."""
    counts_from: datetime | None = None
    """When a factor that would do begins to count; None where there is none such."""

    @property
    def needs_enrolment(self) -> bool:
        """A factor is needed, and none that counts is there."""
        return self.needs_code and not self.methods

    @property
    def session_ended(self) -> bool:
        """One's own reading is opened for a chat session: without it there is nothing to open it for."""
        return self.proposal.consent is ConsentKind.OWN_READING and self.session is None

    @property
    def binding(self) -> str:
        """What a proof for this is bound to. Raises `HandleSpent` for a reading without a chat session."""
        if self.proposal.consent is ConsentKind.PER_ACTION:
            return self.proposal.digest
        if self.session is None:
            raise HandleSpent(code="consent.spent")
        return step_up.reading_binding(self.session.id, self.proposal.reading_set)


def is_there(tx: Transaction, handle: str, kind: str, now: datetime) -> bool:
    """Whether there is anything behind a handle."""
    found = tx.interactions.find(handle, now=now)
    return found is not None and found.kind == kind


def asked(tx: Transaction, handle: str, identity: LinkedIdentity, *, limits: SessionLimits, now: datetime) -> Asked:
    """What the page at `handle` asks of this person.

    Raises `NoLongerWaiting` for what is late, done or withdrawn; `HandleSpent` for what is unknown; `OtherPerson` for
    somebody else's.
    """
    found = tx.interactions.find(handle, now=now)
    if found is None or found.kind != "consent":
        raise HandleSpent(code="consent.spent")
    if found.audience != identity.key:
        raise OtherPerson
    proposal = proposal_under(tx, found)
    if proposal is None or proposal.identity != identity:
        raise HandleSpent(code="consent.spent")
    if proposal.state is not ProposalState.WAITING or now >= proposal.until:
        raise NoLongerWaiting(gone(tx, proposal))
    session = step_up.session_of(tx, proposal, limits, now)
    needs_code = proposal.method is not None or _reading_closed(tx, proposal, session, now)
    own = tuple(factor for factor in factors.of_person(tx, identity) if factor.method in accepted(proposal))
    needs_code = needs_code and not _proven(tx, proposal, session, now)
    return Asked(
        handle=handle,
        proposal=proposal,
        session=session,
        needs_code=needs_code,
        methods=frozenset((*_at_provider(proposal), *(one.method for one in step_up.counting(own, now)))),
        counts_from=factors.next_to_count(own, now),
    )


def _proven(tx: Transaction, proposal: Proposal, session: Session | None, now: datetime) -> bool:
    """Whether a sign-in at the provider has proven exactly this already: a press is all that is left."""
    binding = proposal.digest
    if proposal.consent is ConsentKind.OWN_READING:
        binding = "" if session is None else step_up.reading_binding(session.id, proposal.reading_set)
    proof = tx.proofs.unspent(proposal.identity, binding, now=now) if binding else None
    return proof is not None and proof.method is ProofMethod.PROVIDER


def _at_provider(proposal: Proposal) -> tuple[ProofMethod, ...]:
    """The provider's own step-up, where policy took it when this was proposed."""
    return (ProofMethod.PROVIDER,) if ProofMethod.PROVIDER in proposal.methods else ()


def accepted(proposal: Proposal) -> frozenset[ProofMethod]:
    """The kinds of factor that count: a passkey is the stronger one, so it counts wherever a code does."""
    if proposal.methods and ProofMethod.TOTP not in proposal.methods:
        return frozenset(proposal.methods)
    return frozenset({*proposal.methods, ProofMethod.TOTP, ProofMethod.PASSKEY})


def _reading_closed(tx: Transaction, proposal: Proposal, session: Session | None, now: datetime) -> bool:
    """Whether the proof that made a code unnecessary when this was proposed has run out since."""
    if proposal.consent is not ConsentKind.OWN_READING or session is None:
        return False
    binding = step_up.reading_binding(session.id, proposal.reading_set)
    return tx.proofs.unspent(proposal.identity, binding, now=now) is None
