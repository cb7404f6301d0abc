"""Binding a passkey: as a first factor after a fresh company sign-in, as a further one with a permit.

Made on a page that shows a request that waits, it also signs that request, where a new app's first code would.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from adapters.web.asked import Asked
from adapters.web.consenting import Consenting, grouped, seconds_left
from adapters.web.pages import Pages, go
from adapters.web.passkey_options import creation_options
from adapters.web.proving import CEREMONY, CREDENTIAL, Wrong, give_made, signs_by_making
from adapters.web.recovering import shown_once
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.passkey import Passkey
from bot.domain.proof import ProofMethod
from bot.errors import NotAllowed
from bot.ports.database import Transaction
from bot.ports.webauthn import WebAuthn
from bot.services import announcing, factors, passkeys, recovery
from bot.services.factors import Told

PERMIT = "permit"


class Binding:
    """Makes a passkey this person's; the browser's part is in `passkey.js`."""

    def __init__(self, pages: Pages, signing_in: SigningIn, consenting: Consenting) -> None:
        self._consenting = consenting
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def page(self, visit: Visit, permit: str = "", wrong: Wrong | None = None) -> Response:
        """The page on which a passkey is named and made; what waits is shown where this signs it."""
        found = await self._web.database.read(lambda tx: self._asked(tx, visit))
        signs = found is not None and self._signs(visit, found, self._counts_from(visit))
        return self._pages.form(
            visit,
            "passkey.html",
            status_code=200 if wrong is None else wrong.status_code,
            who=visit.owner.username,
            form_action=f"{visit.own_path}/passkey",
            passkey_options=f"{visit.own_path}/passkey/options",
            back_url=visit.page_before,
            hidden_fields={PERMIT: permit},
            error="" if wrong is None else wrong.sentence(visit.voice),
            **(self._waiting(visit, found) if found is not None and signs else {}),
        )

    def _waiting(self, visit: Visit, found: Asked) -> dict[str, Any]:
        proposal = found.proposal
        return {
            "waiting": proposal.shown,
            "submit": self._consenting.verb(visit, proposal),
            "digest": grouped(proposal.digest),
            "seconds_left": seconds_left(visit, proposal),
        }

    def _asked(self, tx: Transaction, visit: Visit) -> Asked | None:
        return self._consenting.look(tx, visit) if visit.has_action else None

    def _signs(self, visit: Visit, found: Asked, counts_from: datetime) -> bool:
        """Whether the making is the proof of what waits: not of what takes more from whoever has a passkey."""
        more = self._web.own_changes.ends_with_a_passkey(found.proposal.action.action)
        return not more and signs_by_making(visit, found, counts_from)

    def _counts_from(self, visit: Visit) -> datetime:
        return self._web.factor_rules.counts_from(visit.session, visit.now)

    async def options(self, visit: Visit, form: dict[str, str]) -> Response:
        """A challenge for a new credential."""
        webauthn = self._fresh(visit)

        def work(tx: Transaction) -> str:
            if not self._may_bind(tx, visit, form):
                raise NotAllowed("a further factor takes one that is there", code="factor.no_permit")
            found = self._asked(tx, visit)
            return creation_options(tx, visit, webauthn, waiting="" if found is None else found.proposal.digest)

        return Response(await self._web.database.write(work), media_type="application/json")

    async def bind(self, visit: Visit, form: dict[str, str]) -> Response:
        """The browser made one."""
        if visit.known is None:
            return go(visit.page_before)
        webauthn = self._fresh(visit)
        result = await self._web.database.write(lambda tx: self._bind(tx, visit, form, webauthn))
        if isinstance(result, Wrong):
            return await self.page(visit, form.get(PERMIT, ""), result)
        since = self._counts_from(visit)
        late = since if since > visit.now else None
        await announcing.post(self._web.mail, factors.letter(visit.owner, ProofMethod.PASSKEY, late))
        if isinstance(result, Asked):
            return await self._consenting.run(visit, result.proposal)
        if visit.has_action:
            return go(visit.page_before)  # the new passkey signs it there
        if result:
            return await shown_once(self._pages, visit, "passkey_bound", result)
        return await self._pages.ends(visit, "passkey_bound", status=Status.ALLOWED)

    def _may_bind(self, tx: Transaction, visit: Visit, form: dict[str, str]) -> bool:
        first = visit.may_bind_first(self._web.factor_rules)
        return factors.may_bind(tx, visit.identity, form.get(PERMIT, ""), visit.now, spend=False, first=first)

    def _fresh(self, visit: Visit) -> WebAuthn:
        if self._web.webauthn is None:
            raise NotAllowed("no passkeys at this address", code="passkey.none")
        if not visit.is_fresh:
            raise NotAllowed("the sign-in is not fresh", code="factor.stale")
        return self._web.webauthn

    def _bind(
        self, tx: Transaction, visit: Visit, form: dict[str, str], webauthn: WebAuthn
    ) -> Wrong | Asked | tuple[str, ...]:
        """Why not; what waits, where this signed it; or recovery codes, with a first factor alone."""
        tx.authenticators.hold(visit.identity)
        first = not factors.of_person(tx, visit.identity)
        if not self._may_bind(tx, visit, form):
            raise NotAllowed("a further factor takes one that is there", code="factor.no_permit")
        counts_from, found = self._counts_from(visit), self._asked(tx, visit)
        result = passkeys.bind(
            tx,
            webauthn,
            visit.identity,
            handle=form.get(CEREMONY, ""),
            response=form.get(CREDENTIAL, ""),
            name=form.get("name", ""),
            now=visit.now,
            counts_from=counts_from,
            waiting="" if found is None else found.proposal.digest,
        )
        scribe = scribe_of(visit.owner, visit.now)
        if not isinstance(result, Passkey):
            tx.audit.append(scribe.event(EventType.PROOF_REFUSED, decision="deny", code=result.value))
            return Wrong(refusal=result)
        visit.renew(tx)
        if not first:
            tx.interactions.take(form.get(PERMIT, ""), now=visit.now)
            factors.tell(tx, visit.owner, Told.BOUND, ProofMethod.PASSKEY, visit.now)
        factors.forget_unconfirmed(tx, visit.identity)
        visit.use_voucher(tx)
        tx.audit.append(scribe.event(EventType.AUTHENTICATOR_BOUND, decision="allow", code=ProofMethod.PASSKEY.value))
        waiting = None if found is None else found.proposal
        factors.end_others(tx, visit.identity, visit.session, scribe, waiting=waiting, first=first)
        if found is not None and self._signs(visit, found, counts_from):
            give_made(tx, visit, found)
            return found
        return recovery.renew(tx, visit.identity, scribe) if first and not visit.has_action else ()
