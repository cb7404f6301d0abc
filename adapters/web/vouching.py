"""Where a company sign-in shows one factor alone: sign in with more, or bring a code that two administrators gave."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Pages, go
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import CONTINUE, SigningIn
from adapters.web.visitors import Visit
from bot.ports.database import Transaction
from bot.services import enrolment_codes
from bot.services.enrolment_codes import EnrolmentRefusal

STATUS = {EnrolmentRefusal.WRONG: 422, EnrolmentRefusal.THROTTLED: 429}


class Vouching:
    """Says what a first factor takes, and takes an enrolment code."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    def page(self, visit: Visit, refusal: EnrolmentRefusal | None = None) -> Response:
        """Both ways on."""
        return self._pages.form(
            visit,
            "vouch.html",
            status_code=200 if refusal is None else STATUS[refusal],
            who=visit.owner.username,
            form_action=f"{visit.own_path}/vouch",
            sign_in_action=CONTINUE,
            hidden_fields={"next": visit.page_before, "afresh": "yes"},
            error="" if refusal is None else visit.voice.say(f"web.enrolment.{refusal.value}"),
        )

    async def take(self, visit: Visit, form: dict[str, str]) -> Response:
        """Use a code up; then back to where a factor is set up."""
        if visit.known is None:
            return go(visit.page_before)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, visit.page_before, afresh=True))
        halves = form.get("first_half", ""), form.get("second_half", "")
        refusal = await self._web.database.write(lambda tx: self._take(tx, visit, halves))
        return go(visit.page_before) if refusal is None else self.page(visit, refusal)

    def _take(self, tx: Transaction, visit: Visit, halves: tuple[str, str]) -> EnrolmentRefusal | None:
        refusal = enrolment_codes.spend(tx, visit.identity, halves, scribe_of(visit.owner, visit.now))
        if refusal is None:
            visit.renew(tx)
            visit.vouch(tx)
        return refusal
