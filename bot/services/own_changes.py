"""What policy asks of somebody who changes how they prove themselves: a factor of their own, or a chat account more.

These are asked on our pages, where the factor is taken in the transaction of the change. So a kind of factor is named
here only where policy permits with a fresh proof of that kind, and the pages take no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain.audit import AuditEvent, EventType
from bot.domain.identity import Person, principal_of
from bot.domain.proof import ProofMethod
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.services.audit_trail import Scribe
from bot.services.authorization import Authorizer, Circumstances
from bot.services.factors import Factor
from bot.services.facts_desk import own_record
from policy.model import Decision, Deny, EnrolRequired, Reason, StepUpRequired

CHANGE_FACTORS = "ChangeOwnFactors"
ADD_LINK = "AddLink"
NOT_ENOUGH = "factor.not_enough"
"""The code of a refusal where a factor would do that this person does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What policy takes for a change."""

    methods: frozenset[ProofMethod]
    rules: tuple[str, ...]
    policy_hash: str

    def event(self, scribe: Scribe, action: str) -> AuditEvent:
        """The record of the decision, once the factor was given.

        It has no digest: that of the change is the proof's, whose record names the change itself and stands beside this
        one. A digest is of one action in the whole log (`storage.audit_agreement`).
        """
        return scribe.event(
            EventType.ACCESS_DECIDED,
            action=action,
            resource=f"Person::{scribe.principal}",
            decision="allow",
            rules=self.rules,
            policy_hash=self.policy_hash,
        )


class OwnChanges:
    """Asks policy with the factors somebody could give now."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def asked(
        self,
        tx: Transaction,
        person: Person,
        action: str,
        own: Sequence[Factor],
        *,
        checked_at: datetime,
        now: datetime,
    ) -> Taken:
        """The kinds of factor among `own` that this change takes; `checked_at` is when the provider last proved them.

        A browser stands in no workspace: what one of their chats may is taken, as where they are let in. Raises
        `NotAllowed` where policy forbids it, or takes what they do not have.
        """
        grants = tuple(tx.roles.of_identity(person.identity))
        principal = principal_of(person, grants, now)
        workspaces = dict.fromkeys(link.channel.tenant for link in tx.links.of_identity(person.identity)) or {"": None}
        found: list[Decision] = []
        for workspace in workspaces:
            here = Circumstances(
                session=None,
                idp_checked_at=checked_at,
                platform="web",
                workspace=workspace,
                place=None,
                authenticators=tuple(own),
                provider=person.provider,
            )
            decision = self._authorizer.decide(principal, action, own_record(principal), here, proof=None, now=now)
            if isinstance(decision, StepUpRequired):
                return Taken(
                    methods=frozenset(ProofMethod(method) for method in decision.methods),
                    rules=decision.rules,
                    policy_hash=decision.policy_hash,
                )
            found.append(decision)
        if any(_lacks(one) for one in found):
            raise NotAllowed(action, code="factor.not_enough")
        raise NotAllowed(action, code="factor.not_allowed")

    def ends_with_a_passkey(self, action: str) -> bool:
        """Whether a policy about `action` looks at whether somebody has a passkey.

        Then what was enough without one may not be once it is made: its making promises nothing about such an action.
        """
        return any(rule.looks_at_passkey for rule in self._authorizer.engine.rules_for(action))


def _lacks(decision: Decision) -> bool:
    """Whether some factor would do. A permit without any counts as none: these changes are never without one."""
    unavailable = isinstance(decision, Deny) and decision.reason is Reason.SECOND_FACTOR_UNAVAILABLE
    return unavailable or isinstance(decision, EnrolRequired)
