"""Binding an authenticator app; the first code confirms it, and signs what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import segno
from starlette.responses import Response

from adapters.web.asked import Asked
from adapters.web.consenting import Consenting, grouped, seconds_left
from adapters.web.pages import Pages, go
from adapters.web.proving import Wrong, give_first, take_first_code
from adapters.web.recovering import shown_once
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from adapters.web.vouching import Vouching
from bot.domain.cards import Status
from bot.domain.proof import ProofMethod
from bot.domain.totp import provisioning_uri
from bot.errors import Malformed, NotAllowed
from bot.ports.database import Transaction
from bot.services import announcing, factors, recovery, step_up
from bot.services.factors import Told
from bot.services.step_up import CodeRefusal, Enrolment

QR_SCALE = 4


class Enrolling:
    """Shows a new key once, only after a fresh company sign-in."""

    def __init__(self, pages: Pages, signing_in: SigningIn, consenting: Consenting, vouching: Vouching) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in
        self._consenting = consenting
        self._vouching = vouching

    async def begin(self, visit: Visit, form: dict[str, str]) -> Response:
        """Make a key and show it, this once."""
        back = visit.page_before
        if visit.known is None:
            return go(back)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, back, afresh=True))
        if not await self._web.database.read(lambda tx: self._may(tx, visit)):
            return self._vouching.page(visit)
        found, enrolment = await self._web.database.write(lambda tx: self._begin(tx, visit))
        if enrolment is None:
            own = await self._web.database.read(lambda tx: factors.of_person(tx, visit.identity))
            if all(factor.disabled for factor in own):
                raise NotAllowed("the authenticator is disabled", code="totp.disabled")
            return go(back)
        return self.new_key(visit, found, enrolment)

    def _may(self, tx: Transaction, visit: Visit) -> bool:
        """Whether the sign-in is good for a first factor; a further one stands on what is there."""
        return visit.may_bind_first(self._web.factor_rules) or bool(factors.of_person(tx, visit.identity))

    def _begin(self, tx: Transaction, visit: Visit) -> tuple[Asked | None, Enrolment | None]:
        found = self._asked(tx, visit)
        first = visit.may_bind_first(self._web.factor_rules)
        if not factors.may_bind(tx, visit.identity, "", visit.now, spend=False, first=first):
            return found, None  # a further factor takes a proof by one that is there
        return found, step_up.begin_enrolment(tx, visit.identity, visit.now)

    async def confirm(self, visit: Visit, form: dict[str, str]) -> Response:
        """The first code."""
        if visit.known is None:
            return go(visit.page_before)
        if form.get("decision") == "no":
            return await self._not_now(visit, form)
        if form.get("decision") != "yes":
            raise Malformed("neither yes nor no", code="form.malformed")
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, visit.page_before, afresh=True))
        found, result = await self._web.database.write(lambda tx: self._take(tx, visit, form.get("code", "")))
        if isinstance(result, Wrong):
            return self._again(visit, found, result)
        await announcing.post(self._web.mail, factors.letter(visit.owner, ProofMethod.TOTP, self._late(visit)))
        if found is not None:
            return await self._consenting.run(visit, found.proposal)
        if result:
            return await shown_once(self._pages, visit, "enrolled", result)
        return await self._pages.ends(visit, "enrolled", status=Status.ALLOWED)

    def _late(self, visit: Visit) -> datetime | None:
        """From when what is bound now counts; None where that is at once."""
        since = self._web.factor_rules.counts_from(visit.session, visit.now)
        return since if since > visit.now else None

    def _take(self, tx: Transaction, visit: Visit, code: str) -> tuple[Asked | None, Wrong | tuple[str, ...]]:
        tx.authenticators.hold(visit.identity)
        found = self._asked(tx, visit)
        first = not factors.of_person(tx, visit.identity)
        if first and not visit.may_bind_first(self._web.factor_rules):
            raise NotAllowed("the sign-in shows one factor alone", code="factor.sign_in")
        # A chat session that ended meanwhile leaves nothing to bind a reading to; the authenticator is bound anyway.
        signs = found if found is not None and not found.session_ended else None
        counts_from = self._web.factor_rules.counts_from(visit.session, visit.now)
        wrong = take_first_code(tx, visit, code, asked=signs, counts_from=counts_from)
        if wrong is not None:
            return found, wrong
        factors.forget_unconfirmed(tx, visit.identity)
        visit.use_voucher(tx)
        scribe = scribe_of(visit.owner, visit.now)
        if not first:
            factors.tell(tx, visit.owner, Told.BOUND, ProofMethod.TOTP, visit.now)
        waiting = None if found is None else found.proposal
        factors.end_others(tx, visit.identity, visit.session, scribe, waiting=waiting, first=first)
        if signs is not None:
            give_first(tx, visit, signs, counts_from)
        return found, recovery.renew(tx, visit.identity, scribe) if first and found is None else ()

    async def _not_now(self, visit: Visit, form: dict[str, str]) -> Response:
        if visit.has_action:
            return await self._consenting.dismiss(visit, form)
        return await self._pages.ends(visit, "enrol_later")

    def _asked(self, tx: Transaction, visit: Visit) -> Asked | None:
        return self._consenting.look(tx, visit) if visit.has_action else None

    def new_key(self, visit: Visit, found: Asked | None, enrolment: Enrolment) -> Response:
        """The page that shows a new key."""
        account = visit.owner.username
        uri = provisioning_uri(enrolment.seed, account=account)
        return self._pages.form(
            visit,
            "enrol.html",
            account=account,
            qr=segno.make(uri, micro=False).svg_data_uri(scale=QR_SCALE),
            key=" ".join(enrolment.seed[at : at + 4] for at in range(0, len(enrolment.seed), 4)),
            otpauth_uri=uri,
            form_action=f"{visit.own_path}/confirm",
            **self._waiting(visit, found),
        )

    def _again(self, visit: Visit, found: Asked | None, wrong: Wrong) -> Response:
        """Asks for the code again without the key, which is shown once; a new key is one press away."""
        if wrong.refusal is CodeRefusal.NO_AUTHENTICATOR:
            return go(visit.page_before)
        say = visit.voice.say
        return self._pages.form(
            visit,
            "step.html",
            status_code=wrong.status_code,
            heading=say("web.enrol_again.title"),
            sentence=say("web.enrol_again.sentence"),
            button=say("web.enrol_again.button"),
            error=wrong.sentence(visit.voice),
            with_code=True,
            form_action=f"{visit.own_path}/confirm",
            other_action=visit.own_path,
            other_button=say("web.enrol_again.afresh"),
            step="enrol-again",
            **self._waiting(visit, found),
        )

    def _waiting(self, visit: Visit, found: Asked | None) -> dict[str, Any]:
        if found is None:
            return {}
        proposal = found.proposal
        return {
            "waiting": proposal.shown,
            "submit": self._consenting.verb(visit, proposal),
            "digest": grouped(proposal.digest),
            "seconds_left": seconds_left(visit, proposal),
        }
