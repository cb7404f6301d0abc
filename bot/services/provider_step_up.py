"""The identity provider's own step-up: signing in there again, for one consent that waits here.

A sign-in counts as a proof when all of this holds, in one transaction with the sign-in itself:

(1) it came back to the browser that began it, with the state and nonce of that beginning (`services.linking`);
(2) its issuer and subject are those of whom the proposal waits for;
(3) the proposal still waits, its digest is the one that was shown, and policy took this method for it;
(4) the person authenticated after the browser was sent away for it, by the provider's own `auth_time`;
(5) where contexts (acr, Entra's acrs) were asked for, the token has one of them; it is phishing-resistant where that is
    one of those the settings call so.

A change of somebody's own factors (`Waiting.change`) takes (1), (4) and (5), with a phishing-resistant context alone;
(2) and (3) are one: the digest that was shown is that of this change by whoever signed in, and of nobody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlencode

from bot.domain.audit import EventType
from bot.domain.identity import LinkedIdentity
from bot.domain.proof import ConsentKind, ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.session import Session, SessionLimits
from bot.errors import SignInRefused
from bot.ports.database import Transaction
from bot.ports.identity_provider import VerifiedClaims
from bot.services import step_up
from bot.services.audit_trail import Scribe
from bot.services.bindings import proposal_under
from bot.services.factors import Change

SKEW = timedelta(seconds=5)
"""Between the provider's clock and ours; `auth_time` has whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStepUp:
    """What a step-up at one provider asks for."""

    acr_values: tuple[str, ...] = ()
    phishing_resistant: frozenset[str] = frozenset()

    @property
    def asked_for(self) -> tuple[str, ...]:
        """The contexts in the order of preference (OpenID Connect Core §3.1.2.1), strong ones first.

        Which one it was is for policy to judge: a weaker one than it takes is asked for again.
        """
        return tuple(sorted(self.acr_values, key=lambda value: value not in self.phishing_resistant))


StepUps = Mapping[str, ProviderStepUp]
"""By the provider's name; one that is not there has no step-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What a sign-in is to prove: the page it returns to, and exactly what that page showed."""

    handle: str
    provider: str
    digest: str
    acr_values: tuple[str, ...] = ()
    change: str = ""
    """`verb:target`, where it is a change of one's own factors; its page may have no handle then."""

    @property
    def page(self) -> str:
        """The path of the page it returns to."""
        if not self.change:
            return f"/consent/{self.handle}"
        return f"/enrol{self.handle and '/'}{self.handle}/change?{urlencode({'change': self.change})}"


def waiting(proposal: Proposal, handle: str, provider: str, at_provider: ProviderStepUp) -> Waiting:
    """What to ask the provider for."""
    return Waiting(handle=handle, provider=provider, digest=proposal.digest, acr_values=at_provider.asked_for)


def waiting_change(
    change: Change, identity: LinkedIdentity, handle: str, provider: str, at_provider: ProviderStepUp
) -> Waiting:
    """What to ask the provider for, for a change of one's own factors; `handle` is of the action behind, or empty."""
    return Waiting(
        handle=handle,
        provider=provider,
        digest=change.digest(identity),
        acr_values=tuple(sorted(at_provider.phishing_resistant)),
        change=f"{change.verb}:{change.target}",
    )


def take(
    tx: Transaction,
    waiting: Waiting,
    claims: VerifiedClaims,
    identity: LinkedIdentity,
    *,
    begun_at: datetime,
    step_ups: StepUps,
    limits: SessionLimits,
    scribe: Scribe,
    src_ip: str | None,
) -> None:
    """Write the proof, conditions (2) to (5). Raises `SignInRefused`, and the transaction is undone."""
    now = scribe.time
    at_provider = step_ups.get(waiting.provider)
    if at_provider is None:
        raise SignInRefused("no step-up at this provider", code="step_up.not_offered")
    if waiting.change:
        _take_change(tx, waiting, claims, identity, at_provider, begun_at=begun_at, scribe=scribe, src_ip=src_ip)
        return
    proposal = _waiting_proposal(tx, waiting, identity, now)
    _check_freshness(claims, waiting, begun_at)
    session = step_up.session_of(tx, proposal, limits, now)
    step_up.prove(
        tx,
        identity,
        method=ProofMethod.PROVIDER,
        kind=proposal.consent,
        binding=_binding(proposal, session),
        now=now,
        session=session,
        src_ip=src_ip,
        phishing_resistant=bool(claims.contexts & at_provider.phishing_resistant),
    )
    action = proposal.action
    tx.audit.append(
        replace(scribe, principal=identity.key).event(
            EventType.PROOF_GIVEN,
            action=action.action,
            resource=str(action.resource),
            decision="allow",
            code=ProofMethod.PROVIDER.value,
            digest=proposal.digest,
        )
    )


def _take_change(
    tx: Transaction,
    waiting: Waiting,
    claims: VerifiedClaims,
    identity: LinkedIdentity,
    at_provider: ProviderStepUp,
    *,
    begun_at: datetime,
    scribe: Scribe,
    src_ip: str | None,
) -> None:
    verb, _, target = waiting.change.partition(":")
    if Change(verb=verb, target=target).digest(identity) != waiting.digest:
        raise SignInRefused("somebody else signed in", code="step_up.other_person")
    _check_freshness(claims, waiting, begun_at)
    if not claims.contexts & at_provider.phishing_resistant:
        raise SignInRefused("a change takes what resists phishing", code="step_up.weak")
    step_up.prove(
        tx,
        identity,
        method=ProofMethod.PROVIDER,
        kind=ConsentKind.PER_ACTION,
        binding=waiting.digest,
        now=scribe.time,
        src_ip=src_ip,
        phishing_resistant=True,
    )
    by = replace(scribe, principal=identity.key)
    tx.audit.append(
        by.event(
            EventType.PROOF_GIVEN,
            action=f"factor.{verb}",
            decision="allow",
            code=ProofMethod.PROVIDER.value,
            digest=waiting.digest,
        )
    )


def _waiting_proposal(tx: Transaction, waiting: Waiting, identity: LinkedIdentity, now: datetime) -> Proposal:
    """Conditions (2) and (3). Raises `SignInRefused`."""
    found = tx.interactions.find(waiting.handle, now=now)
    if found is None or found.kind != "consent":
        raise SignInRefused("nothing waits any more", code="step_up.gone")
    if found.audience != identity.key:
        raise SignInRefused("somebody else signed in", code="step_up.other_person")
    proposal = proposal_under(tx, found)
    waits = proposal is not None and proposal.state is ProposalState.WAITING and now < proposal.until
    if proposal is None or not waits or proposal.identity != identity or proposal.digest != waiting.digest:
        raise SignInRefused("nothing waits any more", code="step_up.gone")
    if ProofMethod.PROVIDER not in proposal.methods:
        raise SignInRefused("policy takes another method", code="step_up.not_offered")
    return proposal


def _check_freshness(claims: VerifiedClaims, waiting: Waiting, begun_at: datetime) -> None:
    """Conditions (4) and (5), but for how strong the context is. Raises `SignInRefused`."""
    if claims.auth_time is None or claims.auth_time < begun_at.replace(microsecond=0) - SKEW:
        raise SignInRefused("nobody authenticated for this", code="step_up.stale")
    if waiting.acr_values and not claims.contexts & set(waiting.acr_values):
        raise SignInRefused("the context is not one asked for", code="step_up.weak")


def _binding(proposal: Proposal, session: Session | None) -> str:
    if proposal.consent is ConsentKind.PER_ACTION:
        return proposal.digest
    if session is None:
        raise SignInRefused("the chat session this was asked in has ended", code="step_up.gone")
    return step_up.reading_binding(session.id, proposal.reading_set)
