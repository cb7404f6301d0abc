"""Takes a code on our pages: counted, checked, and turned into the proof of one consent, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.web.asked import Asked
from adapters.web.scribes import scribe_of
from adapters.web.visitors import Visit
from bot.domain.audit import EventType
from bot.domain.proof import ProofMethod
from bot.ports.database import Transaction
from bot.services import step_up, throttling
from bot.services.step_up import CodePath, CodeRefusal
from bot.texts.sentences import Voice

STATUS = {
    CodeRefusal.WRONG: 422,
    CodeRefusal.THROTTLED: 429,
    CodeRefusal.DISABLED: 403,
    CodeRefusal.NO_AUTHENTICATOR: 403,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A code that did not count."""

    refusal: CodeRefusal
    tries_left: int

    def sentence(self, voice: Voice) -> str:
        """What the page says under the field."""
        said = voice.say(f"web.code.{self.refusal}")
        if self.refusal is not CodeRefusal.WRONG:
            return said
        return f"{said} {voice.say('web.tries_left', count=self.tries_left)}" if self.tries_left else said

    @property
    def status_code(self) -> int:
        """The HTTP status of the page that says so."""
        return STATUS[self.refusal]


def take_code(
    tx: Transaction, visit: Visit, code: str, *, asked: Asked | None, enrolling: bool = False
) -> Wrong | None:
    """Check a code and write what comes of it; why not, where it does not count.

    A refusal is a value, so that the attempt that was counted stays counted.
    """
    scribe = scribe_of(visit.owner, visit.now)
    action = "" if asked is None else asked.proposal.action.action
    resource = "" if asked is None else str(asked.proposal.action.resource)
    result = step_up.check_code(tx, visit.identity, code, path=CodePath.PAGE, now=visit.now, enrolling=enrolling)
    if isinstance(result, CodeRefusal):
        tx.audit.append(
            scribe.event(EventType.PROOF_REFUSED, action=action, resource=resource, decision="deny", code=result.value)
        )
        left = throttling.codes_left(tx, visit.identity.key, CodePath.PAGE.value, visit.now)
        return Wrong(refusal=result, tries_left=left)
    if enrolling:
        tx.audit.append(scribe.event(EventType.AUTHENTICATOR_BOUND, decision="allow", code=ProofMethod.TOTP.value))
    if asked is not None:
        step_up.prove(
            tx,
            visit.identity,
            method=ProofMethod.TOTP,
            kind=asked.proposal.consent,
            binding=asked.binding,
            now=visit.now,
            src_ip=visit.src_ip,
        )
        tx.audit.append(
            scribe.event(
                EventType.PROOF_GIVEN,
                action=action,
                resource=resource,
                decision="allow",
                code=ProofMethod.TOTP.value,
            )
        )
    return None
