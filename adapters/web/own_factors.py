"""A person's own page: which factors they have, and each change of them confirmed by one that is there."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from adapters.web.binding import Binding
from adapters.web.enrolling import Enrolling
from adapters.web.forms import read_query
from adapters.web.pages import Pages, go
from adapters.web.passkey_options import passkey_options
from adapters.web.proving import CREDENTIAL, Signing, Wrong, take_factor
from adapters.web.recovering import RECOVER, shown_once
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import OWN_PAGE, Visit
from adapters.web.vouching import Vouching
from bot.domain.assurance import counts
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.passkey import Passkey
from bot.domain.proof import Proof, ProofMethod
from bot.errors import HandleSpent, Malformed, NotAllowed
from bot.ports.database import Transaction
from bot.services import factors, provider_step_up, recovery, step_up
from bot.services.factors import Change, Factor, Told
from bot.services.own_changes import CHANGE_FACTORS, NOT_ENOUGH, Taken
from bot.services.step_up import CodeRefusal, Enrolment
from bot.texts.formats import moment

VERBS = ("remove", "passkey", "app", "recovery")


class OwnFactors:
    """Lists, and changes on proof."""

    def __init__(
        self, pages: Pages, signing_in: SigningIn, enrolling: Enrolling, binding: Binding, vouching: Vouching
    ) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in
        self._enrolling = enrolling
        self._binding = binding
        self._vouching = vouching

    async def show(self, visit: Visit) -> Response:
        """What this person has; the way to a first factor where that is nothing."""
        if visit.known is None:
            return self._signing_in.ask(visit, OWN_PAGE)
        own, left = await self._web.database.read(
            lambda tx: (factors.of_person(tx, visit.identity), tx.recovery_codes.left(visit.identity))
        )
        return self._list(visit, own, left) if own else self._first(visit)

    def _first(self, visit: Visit) -> Response:
        say, keyed = visit.voice.say, self._web.webauthn is not None
        return self._pages.form(
            visit,
            "step.html",
            who=visit.owner.username,
            heading=say("web.factor.title" if keyed else "web.enrol.title"),
            sentence=say("web.factor.sentence" if keyed else "web.enrol.sentence"),
            button=say("web.factor.button" if keyed else "web.enrol.button"),
            form_action=OWN_PAGE,
            passkey_action=f"{OWN_PAGE}/passkey/begin" if keyed else "",
            step="enrol-first",
        )

    def _list(self, visit: Visit, own: tuple[Factor, ...], left: int) -> Response:
        return self._pages.form(
            visit,
            "factors.html",
            who=visit.owner.username,
            factors=[self._line(visit, factor) for factor in own],
            with_passkeys=self._web.webauthn is not None,
            with_app=not any(factor.method is ProofMethod.TOTP for factor in own),
            recovery_left=left,
            recover_url=RECOVER,
            form_action=f"{OWN_PAGE}/change",
        )

    def _line(self, visit: Visit, factor: Factor) -> dict[str, object]:
        language, timezone = visit.voice.language, visit.owner.timezone
        used = factors.last_used(factor)
        return {
            "id": factor.id,
            "name": self._name(visit, factor),
            "method": factor.method.value,
            "added": moment(factor.created_at, timezone, language),
            "used": "" if used is None else moment(used, timezone, language),
            "disabled": factor.disabled,
            "counts_from": "" if counts(factor.counts_from, visit.now) else _at(factor.counts_from, timezone, language),
        }

    def _name(self, visit: Visit, factor: Factor) -> str:
        return factor.name if isinstance(factor, Passkey) else visit.voice.say("factors.methods.totp")

    async def begin_passkey(self, visit: Visit, form: dict[str, str]) -> Response:
        """A first passkey is made at once; a further one takes a proof first."""
        return await self._change(visit, Change(verb="passkey"))

    async def change(self, visit: Visit, form: dict[str, str]) -> Response:
        """Ask for a factor that is there to sign this change."""
        return await self._change(visit, _change_of(form))

    async def _change(self, visit: Visit, change: Change) -> Response:
        if visit.known is None:
            return go(visit.page_before)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, visit.page_before, afresh=True))
        own, taken = await self._web.database.read(lambda tx: self._taken(tx, visit))
        if own:
            return self._ask(visit, change, own, taken)
        if not visit.may_bind_first(self._web.factor_rules):
            return self._vouching.page(visit)
        return await self._binding.page(visit) if change.verb == "passkey" else go(OWN_PAGE)

    def _taken(self, tx: Transaction, visit: Visit) -> tuple[tuple[Factor, ...], Taken | None]:
        """One's factors, and which of them policy takes for a change; None where none of them would do.

        Raises `NotAllowed` where nothing would do.
        """
        own = factors.of_person(tx, visit.identity)
        able = factors.that_change(own, visit.now)
        if not able:
            return own, None
        session, checked_at = visit.session, visit.owner.idp_checked_at
        if session is not None and session.auth_time is not None:
            checked_at = max(checked_at, session.auth_time)
        ask = self._web.own_changes.asked
        try:
            return own, ask(tx, visit.owner, CHANGE_FACTORS, able, checked_at=checked_at, now=visit.now)
        except NotAllowed as error:
            if error.code != NOT_ENOUGH:
                raise
            return own, None

    def _ask(
        self,
        visit: Visit,
        change: Change,
        own: tuple[Factor, ...],
        taken: Taken | None,
        wrong: Wrong | None = None,
        *,
        proven: bool = False,
    ) -> Response:
        say = visit.voice.say
        methods = frozenset() if taken is None else taken.methods
        has_code = any(factor.method is ProofMethod.TOTP for factor in factors.that_change(own, visit.now))
        target = next((self._name(visit, factor) for factor in own if factor.id == change.target), "")
        with_passkey = ProofMethod.PASSKEY in methods and self._web.webauthn is not None and not proven
        return self._pages.form(
            visit,
            "change.html",
            status_code=200 if wrong is None else wrong.status_code,
            who=visit.owner.username,
            heading=say(f"web.change.{change.verb}.title", factor=target),
            sentence=say(f"web.change.{change.verb}.sentence"),
            button=say(f"web.change.{change.verb}.button"),
            form_action=f"{visit.own_path}/change/confirm",
            passkey_options=f"{visit.own_path}/change/options" if with_passkey else "",
            with_code=ProofMethod.TOTP in methods and not proven,
            provider_action=f"{visit.own_path}/change/provider" if self._resists(visit, taken) and not proven else "",
            provider_name=self._web.providers.get(visit.owner.provider, visit.owner.provider),
            proven=proven,
            hidden_fields={"change": f"{change.verb}:{change.target}"},
            error="" if wrong is None else wrong.sentence(visit.voice),
            back_url=visit.page_before,
            recover_url=RECOVER,
            code_is_weak=has_code and ProofMethod.TOTP not in methods and not proven,
        )

    def _resists(self, visit: Visit, taken: Taken | None) -> bool:
        """Whether policy takes the provider's step-up for a change, and the provider has one that resists phishing."""
        at_provider = self._web.step_ups.get(visit.owner.provider)
        strong = at_provider is not None and bool(at_provider.phishing_resistant)
        return strong and taken is not None and ProofMethod.PROVIDER in taken.methods

    async def to_provider(self, visit: Visit, form: dict[str, str]) -> Response:
        """On to the provider, with the change it is for kept in the leg. Raises `NotAllowed`."""
        if visit.known is None:
            return go(visit.page_before)
        change = _change_of(form)
        _, taken = await self._web.database.read(lambda tx: self._taken(tx, visit))
        if not self._resists(visit, taken):
            raise NotAllowed("not offered here", code="step_up.not_offered")
        provider, handle = visit.owner.provider, visit.handle() if visit.has_action else ""
        at_provider = self._web.step_ups[provider]
        waiting = provider_step_up.waiting_change(change, visit.identity, handle, provider, at_provider)
        return go(await self._web.linking.begin_step_up(visit.browser_id, visit.owner, waiting))

    async def back_from_provider(self, visit: Visit) -> Response:
        """The change again, once the provider has proven it is them: the press is left, which makes it."""
        if visit.known is None:
            return go(visit.page_before)
        change = _change_of(read_query(visit.request))
        own, taken = await self._web.database.read(lambda tx: self._taken(tx, visit))
        proven = await self._web.database.read(lambda tx: self._proven(tx, visit, change, taken) is not None)
        return self._ask(visit, change, own, taken, proven=proven)

    def _proven(self, tx: Transaction, visit: Visit, change: Change, taken: Taken | None) -> Proof | None:
        """The provider's proof of exactly this change, where policy takes it still."""
        if not self._resists(visit, taken):
            return None
        proof = tx.proofs.unspent(visit.identity, change.digest(visit.identity), now=visit.now)
        good = proof is not None and proof.method is ProofMethod.PROVIDER and proof.phishing_resistant
        return proof if good else None

    async def options(self, visit: Visit, form: dict[str, str]) -> Response:
        """A challenge over exactly this change."""
        signs = _change_of(form).digest(visit.identity)
        answer = await self._web.database.write(lambda tx: passkey_options(tx, visit, self._web.webauthn, signs=signs))
        return Response(answer, media_type="application/json")

    async def confirm(self, visit: Visit, form: dict[str, str]) -> Response:
        """The proof: the change is made with it, in one transaction."""
        if visit.known is None:
            return go(visit.page_before)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, visit.page_before, afresh=True))
        change = _change_of(form)
        own, taken, result = await self._web.database.write(lambda tx: self._confirm(tx, visit, change, form))
        if isinstance(result, Wrong):
            return self._ask(visit, change, own, taken, result)
        if isinstance(result, Enrolment):
            return self._enrolling.new_key(visit, None, result)
        if isinstance(result, tuple):
            return await shown_once(self._pages, visit, "recovery_made", result)
        if change.verb == "passkey":
            return await self._binding.page(visit, result)
        return await self._pages.ends(visit, "factor_removed", status=Status.ALLOWED)

    def _confirm(
        self, tx: Transaction, visit: Visit, change: Change, form: dict[str, str]
    ) -> tuple[tuple[Factor, ...], Taken | None, Wrong | Enrolment | tuple[str, ...] | str]:
        tx.authenticators.hold(visit.identity)
        own, taken = self._taken(tx, visit)
        signing = Signing(
            digest=change.digest(visit.identity),
            methods=frozenset() if taken is None else taken.methods,
            action=f"factor.{change.verb}",
            too_new_as_well=not step_up.counting(own, visit.now),
        )
        proof = self._proven(tx, visit, change, taken)
        if taken is not None and proof is not None and not form.get(CREDENTIAL) and not form.get("code"):
            if not tx.proofs.spend(proof.id, now=visit.now):
                raise HandleSpent("used already", code="factor.gone")
            visit.renew(tx)
            tx.audit.append(taken.event(scribe_of(visit.owner, visit.now), CHANGE_FACTORS))
            return own, taken, self._make(tx, visit, change, own)
        given = take_factor(tx, visit, form, signing=signing, webauthn=self._web.webauthn)
        if taken is None or isinstance(given, Wrong):
            return own, taken, given if isinstance(given, Wrong) else Wrong(refusal=CodeRefusal.NO_AUTHENTICATOR)
        scribe = scribe_of(visit.owner, visit.now)
        tx.audit.append(taken.event(scribe, CHANGE_FACTORS))
        event = scribe.event(
            EventType.PROOF_GIVEN, action=signing.action, decision="allow", code=given.value, digest=signing.digest
        )
        tx.audit.append(event)
        return own, taken, self._make(tx, visit, change, own)

    def _make(
        self, tx: Transaction, visit: Visit, change: Change, own: tuple[Factor, ...]
    ) -> Enrolment | tuple[str, ...] | str:
        scribe = scribe_of(visit.owner, visit.now)
        if change.verb == "recovery":
            factors.end_others(tx, visit.identity, visit.session, scribe)
            return recovery.renew(tx, visit.identity, scribe)
        if change.verb == "passkey":
            return factors.permit(tx, visit.identity, visit.now)
        if change.verb == "app":
            enrolment = step_up.begin_enrolment(tx, visit.identity, visit.now)
            if enrolment is None:
                raise NotAllowed("there is an authenticator app already", code="factor.exists")
            return enrolment
        target = next((factor for factor in own if factor.id == change.target), None)
        if target is None:
            raise HandleSpent("the factor is gone", code="factor.gone")
        factors.remove(tx, target, scribe)
        factors.end_others(tx, visit.identity, visit.session, scribe)
        factors.tell(tx, visit.owner, Told.REMOVED, target.method, visit.now)
        return ""


def _at(when: datetime | None, timezone: str, language: str) -> str:
    return "" if when is None else moment(when, timezone, language)


def _change_of(form: dict[str, str]) -> Change:
    verb, _, target = form.get("change", "").partition(":")
    if verb not in VERBS:
        raise Malformed("no such change", code="form.malformed")
    return Change(verb=verb, target=target)
