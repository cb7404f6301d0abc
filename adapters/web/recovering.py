"""Starting over on our pages, when every factor is lost: by a recovery code, or by what two administrators gave."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Pages, go
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import OWN_PAGE, Visit
from bot.domain.audit import EventType
from bot.ports.database import Transaction
from bot.services import enrolment_codes, factors, recovery
from bot.services.enrolment_codes import EnrolmentRefusal
from bot.services.factors import Told
from bot.services.recovery import RecoveryRefusal

RECOVER = "/enrol/recover"
STATUS: dict[RecoveryRefusal | EnrolmentRefusal, int] = {
    RecoveryRefusal.WRONG: 422,
    RecoveryRefusal.THROTTLED: 429,
    EnrolmentRefusal.WRONG: 422,
    EnrolmentRefusal.THROTTLED: 429,
}


async def shown_once(pages: Pages, visit: Visit, key: str, codes: tuple[str, ...]) -> Response:
    """The page that shows new recovery codes, under `web.<key>.title` of the texts."""
    back_url = await pages.way_back(visit)
    title = visit.voice.say(f"web.{key}.title")
    return pages.render(visit.voice, "recovery.html", title=title, codes=codes, back_url=back_url)


class Recovering:
    """Takes a recovery or an enrolment code: either lets its owner start over with a new factor, and signs nothing."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """The page that asks for one."""
        return go(OWN_PAGE) if visit.known is None else self._page(visit)

    def _page(self, visit: Visit, refusal: RecoveryRefusal | EnrolmentRefusal | None = None) -> Response:
        say, by_two = visit.voice.say, isinstance(refusal, EnrolmentRefusal)
        words = "enrolment" if by_two else "recovery"
        said = "" if refusal is None else say(f"web.{words}.{refusal.value}")
        return self._pages.form(
            visit,
            "recover.html",
            status_code=200 if refusal is None else STATUS[refusal],
            form_action=RECOVER,
            error="" if by_two else said,
            halves_error=said if by_two else "",
        )

    async def take(self, visit: Visit, form: dict[str, str]) -> Response:
        """Use one up: every old factor goes, and the page for a first one comes."""
        if visit.known is None:
            return go(OWN_PAGE)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, OWN_PAGE, afresh=True))
        take = self._take_halves if "first_half" in form else self._take
        refusal = await self._web.database.write(lambda tx: take(tx, visit, form))
        return go(OWN_PAGE) if refusal is None else self._page(visit, refusal)

    def _take(self, tx: Transaction, visit: Visit, form: dict[str, str]) -> RecoveryRefusal | None:
        scribe = scribe_of(visit.owner, visit.now)
        refusal = recovery.spend(tx, visit.identity, form.get("recovery_code", ""), visit.now)
        if refusal is not None:
            tx.audit.append(scribe.event(EventType.PROOF_REFUSED, decision="deny", code=refusal.value))
            return refusal
        tx.audit.append(scribe.event(EventType.RECOVERY_CODE_USED, decision="allow"))
        self._start_over(tx, visit, Told.RECOVERED)
        return None

    def _take_halves(self, tx: Transaction, visit: Visit, form: dict[str, str]) -> EnrolmentRefusal | None:
        halves = form.get("first_half", ""), form.get("second_half", "")
        refusal = enrolment_codes.spend(tx, visit.identity, halves, scribe_of(visit.owner, visit.now))
        if refusal is None:
            self._start_over(tx, visit, Told.RESET)
        return refusal

    def _start_over(self, tx: Transaction, visit: Visit, told: Told) -> None:
        scribe = scribe_of(visit.owner, visit.now)
        visit.renew(tx)
        factors.remove_all(tx, visit.identity, scribe)
        factors.end_others(tx, visit.identity, visit.session, scribe)
        visit.vouch(tx)
        factors.tell(tx, visit.owner, told, None, visit.now)
