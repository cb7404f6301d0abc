"""Decides through policy, and is the only maker of a `Grant`.

What a grant proves, and what `GrantMint.verify` checks before a connector does anything:

(1) every field is as it was when the grant was made (MAC under a key that is not in the database);
(2) the digest is that of the canonical action;
(3) the grant is in its minute;
(4) the capability is one this operation belongs to (the connector says which).

That it is spent once is the database's part (`EffectStore.intend`, one row a grant).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.action import CanonicalAction, ResourceFacts, ResourceRef
from bot.domain.approval import Behalf
from bot.domain.assurance import counts
from bot.domain.canonical import canonical_json
from bot.domain.grant import GRANT_SECONDS, FactsGrant, Grant
from bot.domain.identity import Principal, Role
from bot.domain.messages import PlaceKind
from bot.domain.proof import Proof, ProofMethod
from bot.domain.session import Session
from bot.errors import NotAllowed
from bot.services.factors import Factor
from bot.services.provider_step_up import ProviderStepUp, StepUps
from policy import model
from policy.engine import PolicyEngine, ResistantOnly, decide


class GrantMint:
    """Makes and verifies grants with one key for that purpose alone."""

    def __init__(self, key: bytes | Callable[[], Sequence[bytes]]) -> None:
        """With a function for a key, what it gives at the moment: the first one makes, all of them verify."""
        self._keys = key if callable(key) else lambda: (key,)

    def issue(
        self,
        *,
        grant_id: str,
        principal: Principal,
        action: CanonicalAction,
        policy_hash: str,
        now: datetime,
        correlation: str,
    ) -> Grant:
        """The right to do `action` once, within a minute. Only called on a permit."""
        unsigned = Grant(
            id=grant_id,
            identity=principal.identity,
            employee=principal.employee,
            action=action,
            digest=action.digest,
            policy_hash=policy_hash,
            issued_at=now,
            until=now + timedelta(seconds=GRANT_SECONDS),
            correlation=correlation,
            mac="",
        )
        return replace(unsigned, mac=self._mac(_grant_bytes(unsigned)))

    def renew(self, grant: Grant, now: datetime) -> Grant:
        """The same grant for another minute, to look up what became of it; its id, and so its key, stay the same.

        Raises `NotAllowed` for a grant that is not ours.
        """
        if not self._is_ours(_grant_bytes(grant), grant.mac):
            raise NotAllowed("grant is not ours", code="grant.forged")
        unsigned = replace(grant, issued_at=now, until=now + timedelta(seconds=GRANT_SECONDS), mac="")
        return replace(unsigned, mac=self._mac(_grant_bytes(unsigned)))

    def issue_facts(self, *, principal: Principal, ref: ResourceRef, correlation: str) -> FactsGrant:
        """The right to learn the facts of `ref`."""
        unsigned = FactsGrant(
            identity=principal.identity, employee=principal.employee, ref=ref, correlation=correlation, mac=""
        )
        return replace(unsigned, mac=self._mac(_facts_bytes(unsigned)))

    def verify(self, grant: Grant, now: datetime) -> None:
        """Check conditions (1) to (3). Raises `NotAllowed`."""
        # Condition 1 of the list above.
        if not self._is_ours(_grant_bytes(grant), grant.mac):
            raise NotAllowed("grant is not ours", code="grant.forged")
        # Condition 2 of the list above.
        if not hmac.compare_digest(grant.digest, grant.action.digest):
            raise NotAllowed("digest is of another action", code="grant.digest")
        # Condition 3 of the list above.
        if not grant.issued_at <= now < grant.until:
            raise NotAllowed("grant is out of time", code="grant.expired")

    def verify_facts(self, grant: FactsGrant) -> None:
        """Check that a facts grant is ours. Raises `NotAllowed`."""
        if not self._is_ours(_facts_bytes(grant), grant.mac):
            raise NotAllowed("facts grant is not ours", code="grant.forged")

    def _mac(self, message: bytes) -> str:
        return hmac.digest(self._keys()[0], message, "sha256").hex()

    def _is_ours(self, message: bytes, mac: str) -> bool:
        made = [hmac.digest(key, message, "sha256").hex() for key in self._keys()]
        return any([hmac.compare_digest(one, mac) for one in made])  # noqa: C419 - all are compared


def _grant_bytes(grant: Grant) -> bytes:
    return canonical_json(
        {
            "kind": "grant",
            "id": grant.id,
            "identity": grant.identity.key,
            "employee": grant.employee,
            "action": grant.action.canonical().decode(),
            "digest": grant.digest,
            "policy": grant.policy_hash,
            "issued": grant.issued_at.isoformat(),
            "until": grant.until.isoformat(),
            "correlation": grant.correlation,
        }
    )


def _facts_bytes(grant: FactsGrant) -> bytes:
    return canonical_json(
        {
            "kind": "facts",
            "identity": grant.identity.key,
            "employee": grant.employee,
            "ref": str(grant.ref),
            "correlation": grant.correlation,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision is made on besides principal, action and facts."""

    session: Session | None
    idp_checked_at: datetime
    platform: str
    workspace: str = ""
    place: PlaceKind | None
    """None on our own pages."""
    authenticators: tuple[Factor, ...]
    """Those that can give a proof now."""
    waiting: tuple[Factor, ...] = ()
    """Those that do not count yet."""
    at_provider: datetime | None = None
    """When they last proved themselves by signing in at their provider."""
    src_ip: str | None = None
    provider: str = ""
    """Whose person this is, by the provider's name in the settings."""
    on_behalf_of: Behalf | None = None
    """For whom this person would decide, where it is not for themselves."""
    break_glass: int | None = None
    """The length of the reason given, where this person goes past whoever is entitled."""

    def has_passkey(self, now: datetime) -> bool:
        """Whether a passkey of theirs counts now; one that is too new takes nothing from whoever has no other yet."""
        keys = [factor for factor in self.authenticators if factor.method is ProofMethod.PASSKEY]
        return any(counts(factor.counts_from, now) for factor in keys)


class Authorizer:
    """Turns our values into policy's, and asks."""

    def __init__(self, engine: PolicyEngine, *, passkeys: bool = False, step_ups: StepUps | None = None) -> None:
        """With `passkeys`, one can be enrolled on our pages: they have an address that is a relying party's."""
        self.engine = engine
        self._step_ups = step_ups or {}
        self._passkeys = passkeys

    def proves_at_provider(self, provider: str) -> bool:
        """Whether a person of this provider can prove themselves by signing in there."""
        return provider in self._step_ups

    def always_revalidates(self, action: str) -> bool:
        """Whether every policy that could permit this wants the identity provider asked; no where none could."""
        permits = [rule for rule in self.engine.rules_for(action) if rule.permits]
        return bool(permits) and all(rule.obligations.revalidate for rule in permits)

    def decide(
        self,
        principal: Principal,
        action: str,
        facts: ResourceFacts,
        circumstances: Circumstances,
        *,
        proof: Proof | None,
        now: datetime,
        approvals: model.ApprovalsContext | None = None,
        resistant: bool = False,
    ) -> model.Decision:
        """Permit, Deny, StepUpRequired, ContextRequired or EnrolRequired (DESIGN §3.6).

        With `resistant`, only a phishing-resistant proof lifts a denial, whatever policy would take besides.
        """
        engine = ResistantOnly(self.engine) if resistant else self.engine
        request = model.DecisionRequest(
            principal=replace(principal_entity(principal), has_passkey=circumstances.has_passkey(now)),
            action=action,
            resource=resource_entity(facts),
            session=_session_context(circumstances, now),
            proof=None if proof is None else proof_context(proof, now),
            approvals=approvals,
            on_behalf_of=_behalf_context(circumstances.on_behalf_of),
            break_glass=_break_glass_context(circumstances.break_glass),
            now=now,
        )
        decision = self._decided(engine, request, circumstances)
        if isinstance(decision, model.Deny) and decision.reason is model.Reason.SIGN_IN_AGAIN:
            interactive = replace(request.session, interactive=True)
            # Whoever may not do it after signing in either is told so before they are asked to.
            after = self._decided(engine, replace(request, session=interactive), circumstances)
            return after if isinstance(after, model.Deny) else decision
        return decision

    def _decided(
        self, engine: PolicyEngine, request: model.DecisionRequest, circumstances: Circumstances
    ) -> model.Decision:
        return decide(
            engine,
            request,
            producible=(
                *_at_provider(self._step_ups.get(circumstances.provider), circumstances.src_ip),
                *producible(circumstances.authenticators, circumstances.src_ip),
            ),
            enrollable=ENROLLABLE_WITH_PASSKEYS if self._passkeys else ENROLLABLE,
        )


ENROLLABLE = (model.ProofContext(method=model.Method.TOTP, phishing_resistant=False, age_seconds=0, src_ip=None),)
"""What somebody without an authenticator could enrol here and now."""
ENROLLABLE_WITH_PASSKEYS = (
    model.ProofContext(method=model.Method.PASSKEY, phishing_resistant=True, age_seconds=0, src_ip=None),
    *ENROLLABLE,
)


def producible(authenticators: Sequence[Factor], src_ip: str | None) -> tuple[model.ProofContext, ...]:
    """The proofs this person can give now, in the order they are offered."""
    usable = {item.method for item in authenticators if item.confirmed_at is not None and not item.disabled}
    return tuple(
        model.ProofContext(
            method=model.Method(method), phishing_resistant=method is ProofMethod.PASSKEY, age_seconds=0, src_ip=src_ip
        )
        for method in ProofMethod
        if method in usable
    )


def _at_provider(step_up: ProviderStepUp | None, src_ip: str | None) -> tuple[model.ProofContext, ...]:
    """The proof that signing in at the provider again would give."""
    if step_up is None:
        return ()
    strong = bool(step_up.phishing_resistant)
    return (model.ProofContext(method=model.Method.PROVIDER, phishing_resistant=strong, age_seconds=0, src_ip=src_ip),)


def principal_entity(principal: Principal) -> model.PrincipalEntity:
    """The principal as policy sees it.

    A role from the provider reaches the person's own department, HR's reaches all; a local grant reaches its scope.
    """
    scopes: dict[str, set[str]] = {role.value: set() for role in principal.roles}
    for role in principal.provider_roles:
        scopes[role.value].add(model.EVERY_DEPARTMENT if role is Role.HR_MANAGER else principal.department)
    for grant in principal.grants:
        scopes[grant.role.value].add(grant.scope)
    return model.PrincipalEntity(
        key=principal.key,
        roles=frozenset(role.value for role in principal.roles),
        department=principal.department,
        region=principal.region,
        employee=principal.employee,
        locked=principal.locked,
        scopes={role: frozenset(scope) for role, scope in scopes.items()},
    )


def resource_entity(facts: ResourceFacts) -> model.ResourceEntity:
    """The resource as policy sees it."""
    return model.ResourceEntity(
        type=facts.ref.type,
        id=facts.ref.id,
        owner=facts.owner,
        manager=facts.manager,
        department=facts.department,
        region=facts.region,
        state=facts.state,
        amount=facts.amount,
    )


def proof_context(proof: Proof, now: datetime) -> model.ProofContext:
    """A proof as policy sees it. A proof from the future is no proof: its age is made unacceptable."""
    age = int((now - proof.at).total_seconds())
    return model.ProofContext(
        method=model.Method(proof.method),
        phishing_resistant=proof.phishing_resistant,
        age_seconds=age if age >= 0 else 2**31,
        src_ip=proof.src_ip,
    )


def _behalf_context(behalf: Behalf | None) -> model.BehalfContext | None:
    if behalf is None:
        return None
    return model.BehalfContext(employee=behalf.employee, manner=model.Manner(behalf.manner))


def _break_glass_context(reason: int | None) -> model.BreakGlassContext | None:
    return None if reason is None else model.BreakGlassContext(reason=reason)


def _session_context(circumstances: Circumstances, now: datetime) -> model.SessionContext:
    session = circumstances.session
    # A provider that does not say when the person authenticated leaves the moment the session was opened.
    opened = now if session is None else session.auth_time or session.opened_at
    return model.SessionContext(
        acr=None if session is None else session.acr,
        age_seconds=max(0, int((now - opened).total_seconds())),
        idp_checked_age_seconds=max(0, int((now - circumstances.idp_checked_at).total_seconds())),
        interactive=session is None or session.interactive,
        platform=circumstances.platform,
        workspace=circumstances.workspace,
        place=model.Place.WEB if circumstances.place is None else model.Place(circumstances.place),
    )
