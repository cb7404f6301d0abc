"""Recovery codes on our pages: shown once, and one of them used when every other factor is lost."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Pages, go
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import OWN_PAGE, Visit
from bot.domain.audit import EventType
from bot.ports.database import Transaction
from bot.services import factors, recovery
from bot.services.factors import Told
from bot.services.recovery import RecoveryRefusal

RECOVER = "/enrol/recover"
STATUS = {RecoveryRefusal.WRONG: 422, RecoveryRefusal.THROTTLED: 429}


async def shown_once(pages: Pages, visit: Visit, key: str, codes: tuple[str, ...]) -> Response:
    """The page that shows new recovery codes, under `web.<key>.title` of the texts."""
    back_url = await pages.way_back(visit)
    title = visit.voice.say(f"web.{key}.title")
    return pages.render(visit.voice, "recovery.html", title=title, codes=codes, back_url=back_url)


class Recovering:
    """Takes a recovery code: it lets its owner start over with a new factor, and signs nothing."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """The page that asks for one."""
        return go(OWN_PAGE) if visit.known is None else self._page(visit)

    def _page(self, visit: Visit, refusal: RecoveryRefusal | None = None) -> Response:
        return self._pages.form(
            visit,
            "recover.html",
            status_code=200 if refusal is None else STATUS[refusal],
            form_action=RECOVER,
            error="" if refusal is None else visit.voice.say(f"web.recovery.{refusal.value}"),
        )

    async def take(self, visit: Visit, form: dict[str, str]) -> Response:
        """Use one up: every old factor goes, and the page for a first one comes."""
        if visit.known is None:
            return go(OWN_PAGE)
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, OWN_PAGE, afresh=True))
        refusal = await self._web.database.write(lambda tx: self._take(tx, visit, form.get("recovery_code", "")))
        return go(OWN_PAGE) if refusal is None else self._page(visit, refusal)

    def _take(self, tx: Transaction, visit: Visit, code: str) -> RecoveryRefusal | None:
        scribe = scribe_of(visit.owner, visit.now)
        refusal = recovery.spend(tx, visit.identity, code, visit.now)
        if refusal is not None:
            tx.audit.append(scribe.event(EventType.PROOF_REFUSED, decision="deny", code=refusal.value))
            return refusal
        tx.audit.append(scribe.event(EventType.RECOVERY_CODE_USED, decision="allow"))
        visit.renew(tx)
        factors.remove_all(tx, visit.identity, scribe)
        factors.end_others(tx, visit.identity, visit.session, scribe)
        visit.vouch(tx)
        factors.tell(tx, visit.owner, Told.RECOVERED, None, visit.now)
        return None
