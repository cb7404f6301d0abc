"""Takes a factor on our pages: counted, checked, and turned into the proof of one consent, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.web.asked import Asked, accepted
from adapters.web.scribes import scribe_of
from adapters.web.visitors import Visit
from bot.domain.assurance import counts
from bot.domain.audit import EventType
from bot.domain.passkey import Passkey
from bot.domain.proof import ProofMethod
from bot.ports.database import Transaction
from bot.ports.webauthn import WebAuthn
from bot.services import passkeys, step_up, throttling
from bot.services.passkeys import PasskeyRefusal
from bot.services.step_up import CodePath, CodeRefusal
from bot.texts.sentences import Voice

STATUS = {
    CodeRefusal.WRONG: 422,
    CodeRefusal.CHAT_CLOSED: 403,
    CodeRefusal.NOT_ENOUGH: 403,
    CodeRefusal.TOO_NEW: 403,
    CodeRefusal.THROTTLED: 429,
    CodeRefusal.DISABLED: 403,
    CodeRefusal.NO_AUTHENTICATOR: 403,
}
JUST_MADE = "passkey.made"
"""The audit trail's code of a proof that is the making of a passkey, which its key did not sign."""
CREDENTIAL, CEREMONY = "credential", "ceremony"
"""The fields that the page's script fills in: the authenticator's response, and the handle of its challenge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A factor that did not count."""

    refusal: CodeRefusal | PasskeyRefusal
    tries_left: int = 0

    def sentence(self, voice: Voice) -> str:
        """What the page says under the field."""
        if isinstance(self.refusal, PasskeyRefusal):
            return voice.say(f"web.passkey.{self.refusal}")
        said = voice.say(f"web.code.{self.refusal}")
        if self.refusal is not CodeRefusal.WRONG:
            return said
        return f"{said} {voice.say('web.tries_left', count=self.tries_left)}" if self.tries_left else said

    @property
    def status_code(self) -> int:
        """The HTTP status of the page that says so."""
        return 422 if isinstance(self.refusal, PasskeyRefusal) else STATUS[self.refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What a factor is asked to sign."""

    digest: str
    methods: frozenset[ProofMethod]
    """The kinds of factor that count for it."""
    action: str = ""
    resource: str = ""
    too_new_as_well: bool = False
    """For a change among factors of which none counts yet."""


def signing_of(asked: Asked) -> Signing:
    """What a consent page asks to be signed."""
    action = asked.proposal.action
    return Signing(
        digest=asked.proposal.digest, methods=asked.methods, action=action.action, resource=str(action.resource)
    )


def take_proof(
    tx: Transaction, visit: Visit, form: Mapping[str, str], *, asked: Asked, webauthn: WebAuthn | None
) -> Wrong | None:
    """Check whichever factor was given, and write the proof of this consent; why not, where it does not count."""
    method = take_factor(tx, visit, form, signing=signing_of(asked), webauthn=webauthn)
    if isinstance(method, Wrong):
        return method
    _give(tx, visit, asked, method)
    return None


def take_factor(
    tx: Transaction, visit: Visit, form: Mapping[str, str], *, signing: Signing, webauthn: WebAuthn | None
) -> ProofMethod | Wrong:
    """Check whichever factor was given: a passkey's response, or a code."""
    if form.get(CREDENTIAL) and webauthn is not None and ProofMethod.PASSKEY in signing.methods:
        wrong = _passkey(tx, visit, form, signing, webauthn)
        return wrong or _proven(tx, visit, ProofMethod.PASSKEY)
    if ProofMethod.TOTP not in signing.methods:
        # It is compared with nothing, so that nobody learns here whether a code was right.
        lacking = CodeRefusal.NOT_ENOUGH if signing.methods else CodeRefusal.NO_AUTHENTICATOR
        return _refused(tx, visit, signing, lacking)
    wrong = _code(tx, visit, form.get("code", ""), signing)
    return wrong or _proven(tx, visit, ProofMethod.TOTP)


def take_first_code(
    tx: Transaction, visit: Visit, code: str, *, asked: Asked | None, counts_from: datetime
) -> Wrong | None:
    """Confirm a new authenticator app by its first code; `give_first` has it sign what waits."""
    signing = Signing(digest="", methods=frozenset()) if asked is None else signing_of(asked)
    wrong = _code(tx, visit, code, signing, counts_from=counts_from)
    if wrong is not None:
        return wrong
    visit.renew(tx)
    scribe = scribe_of(visit.owner, visit.now)
    tx.audit.append(scribe.event(EventType.AUTHENTICATOR_BOUND, decision="allow", code=ProofMethod.TOTP.value))
    return None


def _proven(tx: Transaction, visit: Visit, method: ProofMethod) -> ProofMethod:
    """A factor that counted: the browser it was given in gets a new id, as the chat session does."""
    visit.renew(tx)
    return method


def give_first(tx: Transaction, visit: Visit, asked: Asked, counts_from: datetime) -> None:
    """The proof that the first code of a new app is, where the app counts at once."""
    if counts(counts_from, visit.now):
        _give(tx, visit, asked, ProofMethod.TOTP)


def signs_by_making(visit: Visit, asked: Asked, counts_from: datetime) -> bool:
    """Whether the making of a passkey is the proof of what waits: where a new app's first code would be one.

    Neither is signed by a key that was there before. Where policy takes no code, because one can be relayed, it takes
    no registration either; and what does not count yet proves nothing.
    """
    coded = ProofMethod.TOTP in accepted(asked.proposal)
    return asked.needs_code and coded and not asked.session_ended and counts(counts_from, visit.now)


def give_made(tx: Transaction, visit: Visit, asked: Asked) -> None:
    """The proof that the making of a passkey is, where `signs_by_making`."""
    _give(tx, visit, asked, ProofMethod.PASSKEY, just_made=True)


def _code(
    tx: Transaction, visit: Visit, code: str, signing: Signing, *, counts_from: datetime | None = None
) -> Wrong | None:
    """A refusal is a value, so that the attempt that was counted stays counted."""
    result = step_up.check_code(
        tx,
        visit.identity,
        code,
        path=CodePath.PAGE,
        now=visit.now,
        enrolling=counts_from is not None,
        too_new_as_well=signing.too_new_as_well,
        counts_from=counts_from,
    )
    if not isinstance(result, CodeRefusal):
        return None
    left = throttling.codes_left(tx, visit.identity, CodePath.PAGE.value, visit.now)
    return _refused(tx, visit, signing, result, tries_left=left)


def _passkey(
    tx: Transaction, visit: Visit, form: Mapping[str, str], signing: Signing, webauthn: WebAuthn
) -> Wrong | None:
    result = passkeys.check(
        tx,
        webauthn,
        visit.identity,
        handle=form.get(CEREMONY, ""),
        response=form[CREDENTIAL],
        signs=signing.digest,
        now=visit.now,
        too_new_as_well=signing.too_new_as_well,
    )
    return None if isinstance(result, Passkey) else _refused(tx, visit, signing, result)


def _refused(
    tx: Transaction, visit: Visit, signing: Signing, refusal: CodeRefusal | PasskeyRefusal, tries_left: int = 0
) -> Wrong:
    event = scribe_of(visit.owner, visit.now).event(
        EventType.PROOF_REFUSED,
        action=signing.action,
        resource=signing.resource,
        decision="deny",
        code=refusal.value,
        digest=signing.digest,
    )
    tx.audit.append(event)
    return Wrong(refusal=refusal, tries_left=tries_left)


def _give(tx: Transaction, visit: Visit, asked: Asked, method: ProofMethod, *, just_made: bool = False) -> None:
    step_up.prove(
        tx,
        visit.identity,
        method=method,
        kind=asked.proposal.consent,
        binding=asked.binding,
        now=visit.now,
        session=asked.session,
        src_ip=visit.src_ip,
        just_made=just_made,
    )
    action = asked.proposal.action
    tx.audit.append(
        scribe_of(visit.owner, visit.now).event(
            EventType.PROOF_GIVEN,
            action=action.action,
            resource=str(action.resource),
            decision="allow",
            code=JUST_MADE if just_made else method.value,
            digest=asked.proposal.digest,
        )
    )
