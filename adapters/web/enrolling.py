"""Binding an authenticator app; the first code confirms it, and signs what waits."""

from __future__ import annotations

from typing import Any

import segno
from starlette.responses import Response

from adapters.web.asked import Asked
from adapters.web.consenting import Consenting, grouped, seconds_left
from adapters.web.pages import Pages, go
from adapters.web.proving import Wrong, take_code
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.domain.cards import Status
from bot.domain.totp import provisioning_uri
from bot.errors import Malformed, NotAllowed
from bot.ports.database import Transaction
from bot.services import step_up
from bot.services.step_up import CodeRefusal, Enrolment

OWN_PAGE = "/enrol"
QR_SCALE = 4


class Enrolling:
    """Shows a new key once, only after a fresh company sign-in."""

    def __init__(self, pages: Pages, signing_in: SigningIn, consenting: Consenting) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in
        self._consenting = consenting

    async def show(self, visit: Visit) -> Response:
        """The page without a waiting action: set one up, or see that there is one."""
        if visit.known is None:
            return self._signing_in.ask(visit, OWN_PAGE)
        usable = await self._web.database.read(lambda tx: step_up.usable(tx, visit.identity))
        if usable:
            return self._pages.message("enrolled_already", status=Status.ALLOWED)
        say = self._pages.voice.say
        return self._pages.form(
            visit,
            "step.html",
            who=visit.owner.username,
            heading=say("web.enrol.title"),
            sentence=say("web.enrol.sentence"),
            button=say("web.enrol.button"),
            form_action=OWN_PAGE,
            step="enrol-first",
        )

    async def begin(self, visit: Visit, form: dict[str, str]) -> Response:
        """Make a key and show it, this once."""
        back = self._page_before(visit)
        if visit.known is None:
            return go(back)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, back, afresh=True))
        found, enrolment = await self._web.database.write(lambda tx: self._begin(tx, visit))
        if enrolment is None:
            usable = await self._web.database.read(lambda tx: step_up.usable(tx, visit.identity))
            if not usable:
                raise NotAllowed("the authenticator is disabled", code="totp.disabled")
            return go(back)
        return self._page(visit, found, enrolment)

    def _begin(self, tx: Transaction, visit: Visit) -> tuple[Asked | None, Enrolment | None]:
        found = self._asked(tx, visit)
        return found, step_up.begin_enrolment(tx, visit.identity, visit.now)

    async def confirm(self, visit: Visit, form: dict[str, str]) -> Response:
        """The first code."""
        if visit.known is None:
            return go(self._page_before(visit))
        if form.get("decision") == "no":
            return await self._not_now(visit, form)
        if form.get("decision") != "yes":
            raise Malformed("neither yes nor no", code="form.malformed")
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, self._page_before(visit), afresh=True))
        found, wrong = await self._web.database.write(lambda tx: self._take(tx, visit, form.get("code", "")))
        if wrong is not None:
            return self._again(visit, found, wrong)
        if found is None:
            return self._pages.message("enrolled", status=Status.ALLOWED)
        return await self._consenting.run(visit, found.proposal)

    def _take(self, tx: Transaction, visit: Visit, code: str) -> tuple[Asked | None, Wrong | None]:
        found = self._asked(tx, visit)
        # A chat session that ended meanwhile leaves nothing to bind a reading to; the authenticator is bound anyway.
        signs = found if found is not None and not found.session_ended else None
        return found, take_code(tx, visit, code, asked=signs, enrolling=True)

    async def _not_now(self, visit: Visit, form: dict[str, str]) -> Response:
        if self._has_action(visit):
            return await self._consenting.dismiss(visit, form)
        return self._pages.message("enrol_later")

    def _asked(self, tx: Transaction, visit: Visit) -> Asked | None:
        return self._consenting.look(tx, visit) if self._has_action(visit) else None

    def _has_action(self, visit: Visit) -> bool:
        return "handle" in visit.request.path_params

    def _page_before(self, visit: Visit) -> str:
        return f"/consent/{visit.handle()}" if self._has_action(visit) else OWN_PAGE

    def _path(self, visit: Visit) -> str:
        return f"{OWN_PAGE}/{visit.handle()}" if self._has_action(visit) else OWN_PAGE

    def _page(self, visit: Visit, found: Asked | None, enrolment: Enrolment) -> Response:
        account = visit.owner.username
        uri = provisioning_uri(enrolment.seed, account=account)
        return self._pages.form(
            visit,
            "enrol.html",
            account=account,
            qr=segno.make(uri, micro=False).svg_data_uri(scale=QR_SCALE),
            key=" ".join(enrolment.seed[at : at + 4] for at in range(0, len(enrolment.seed), 4)),
            otpauth_uri=uri,
            form_action=f"{self._path(visit)}/confirm",
            **self._waiting(visit, found),
        )

    def _again(self, visit: Visit, found: Asked | None, wrong: Wrong) -> Response:
        """Asks for the code again without the key, which is shown once; a new key is one press away."""
        if wrong.refusal is CodeRefusal.NO_AUTHENTICATOR:
            return go(self._page_before(visit))
        say = self._pages.voice.say
        return self._pages.form(
            visit,
            "step.html",
            status_code=wrong.status_code,
            heading=say("web.enrol_again.title"),
            sentence=say("web.enrol_again.sentence"),
            button=say("web.enrol_again.button"),
            error=wrong.sentence(self._pages.voice),
            with_code=True,
            form_action=f"{self._path(visit)}/confirm",
            other_action=self._path(visit),
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
            "submit": self._consenting.verb(proposal),
            "digest": grouped(proposal.digest),
            "seconds_left": seconds_left(visit, proposal),
        }
