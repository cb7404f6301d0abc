"""A code out of a chat dialog: whether it counts, for exactly what its dialog is of."""

from __future__ import annotations

from dataclasses import dataclass

from bot.domain.audit import EventType
from bot.domain.interaction import Interaction
from bot.domain.messages import IncomingMessage
from bot.domain.proof import ConsentKind, Proof, ProofMethod
from bot.domain.proposal import Proposal, ProposalState
from bot.domain.secret import Secret
from bot.domain.session import SessionLimits, SessionState
from bot.ports.clock import Clock
from bot.ports.database import Transaction
from bot.ports.ingress import FieldError
from bot.services import refusals, step_up
from bot.services.audit_trail import Scribe
from bot.services.bindings import proposal_under
from bot.texts.formats import clock_time
from bot.texts.sentences import Voice, voice


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeChecking:
    """Checks inside the reply window, in the transaction of what goes on; the code itself is kept nowhere."""

    clock: Clock
    limits: SessionLimits

    def check(
        self, tx: Transaction, message: IncomingMessage, interaction: Interaction | None, code: Secret
    ) -> tuple[Proposal, Proof] | FieldError:
        """The proof, and what it is of; or why the code did not count. Raises `IntegrityAlarm`."""
        now = self.clock.now()
        standing = tx.sessions.use(message.who, now=now, limits=self.limits)
        reader = voice((standing.person.locale if standing.person else "") or message.locale)
        if not tx.inbox.note(message):  # delivered before: a repeated submission is no further try
            return refusals.code_refused(reader, "consent.late")
        alive = standing.state is SessionState.ALIVE and standing.person is not None and not standing.person.locked
        if not alive or interaction is None or interaction.kind != "code" or interaction.audience != message.who.key:
            return refusals.code_refused(reader, "consent.late")
        proposal = proposal_under(tx, interaction)
        assert standing.person is not None
        ours = proposal is not None and proposal.identity == standing.person.identity
        if proposal is None or not ours or proposal.state is not ProposalState.WAITING:
            return refusals.code_refused(reader, "consent.late")
        if proposal.until <= now:
            until = clock_time(proposal.until, standing.person.timezone, reader.language)
            return refusals.code_refused(reader, "changed.expired.code", at=until)
        if (refused := self._refused(tx, message, proposal, code, reader)) is not None:
            return refused
        proof = step_up.prove(
            tx,
            proposal.identity,
            method=ProofMethod.TOTP,
            kind=ConsentKind.PER_ACTION,
            binding=proposal.digest,
            now=now,
            session=standing.session,
        )
        return proposal, proof

    def _refused(
        self, tx: Transaction, message: IncomingMessage, proposal: Proposal, code: Secret, reader: Voice
    ) -> FieldError | None:
        """Compare, and write down what came of it."""
        now = self.clock.now()
        scribe = Scribe(
            time=now, channel=message.who.key, correlation=message.event_id, principal=proposal.identity.key
        )
        result = step_up.check_code(tx, proposal.identity, code.reveal(), path=step_up.CodePath.CHAT, now=now)
        refused = isinstance(result, step_up.CodeRefusal)
        tx.audit.append(
            scribe.event(
                EventType.PROOF_REFUSED if refused else EventType.PROOF_GIVEN,
                action=proposal.action.action,
                resource=str(proposal.action.resource),
                decision="deny" if refused else "allow",
                code=result.value if isinstance(result, step_up.CodeRefusal) else "totp",
                digest=proposal.digest,
            )
        )
        return (
            refusals.code_refused(reader, f"consent.{result.value}")
            if isinstance(result, step_up.CodeRefusal)
            else None
        )
