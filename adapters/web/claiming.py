"""The page behind the link that `doorward setup` prints: a company sign-in and a code make the first administrator."""

from __future__ import annotations

import structlog
from starlette.responses import Response

from adapters.web.pages import Pages, go
from adapters.web.proving import Wrong
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.domain.cards import Status
from bot.domain.proof import ProofMethod
from bot.ports.database import Transaction
from bot.services import factors, first_administrator, further_accounts

log = structlog.get_logger("doorward.web")


class Claiming:
    """Peeks on GET; the claim is a POST."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """Sign in first, then codes, then the claim. Raises `HandleSpent`."""
        handle = visit.handle()
        await self._web.database.read(lambda tx: first_administrator.look(tx, handle, visit.now))
        if visit.known is None:
            return self._signing_in.ask(visit, _path(visit))
        ready = await self._web.database.read(lambda tx: _has_codes(tx, visit))
        return self._page(visit) if ready else self._first_codes(visit)

    async def decide(self, visit: Visit, form: dict[str, str]) -> Response:
        """The button."""
        if visit.known is None:
            return go(_path(visit))
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, _path(visit), afresh=True))
        if not await self._web.database.read(lambda tx: _has_codes(tx, visit)):
            return go("/enrol")
        kind, wrong = await self._web.database.write(lambda tx: self._claim(tx, visit, form.get("code", "")))
        if wrong is not None:
            return self._page(visit, wrong)
        if kind == first_administrator.RECOVERY:
            log.critical("administrator_recovered", principal=visit.identity.key)
        return self._pages.message("setup_done", status=Status.ALLOWED)

    def _claim(self, tx: Transaction, visit: Visit, code: str) -> tuple[str, Wrong | None]:
        scribe, handle = scribe_of(visit.owner, visit.now), visit.handle()
        first_administrator.take_turn(tx, visit.now)
        first_administrator.look(tx, handle, visit.now)
        refused = further_accounts.check_code(
            tx, visit.identity, f"Person::{visit.identity.key}", code, scribe, too_new_as_well=True
        )
        if refused is not None:
            return "", Wrong(refusal=refused.refusal, tries_left=refused.tries_left)
        return first_administrator.claim(tx, handle, visit.identity, scribe), None

    def _page(self, visit: Visit, wrong: Wrong | None = None) -> Response:
        say = self._pages.voice.say
        return self._pages.form(
            visit,
            "step.html",
            status_code=200 if wrong is None else wrong.status_code,
            who=visit.owner.username,
            heading=say("web.setup.title"),
            sentence=say("web.setup.sentence"),
            button=say("web.setup.button"),
            with_code=True,
            error="" if wrong is None else wrong.sentence(self._pages.voice),
            form_action=_path(visit),
            step="setup",
        )

    def _first_codes(self, visit: Visit) -> Response:
        say = self._pages.voice.say
        return self._pages.form(
            visit,
            "step.html",
            who=visit.owner.username,
            heading=say("web.setup_codes.title"),
            sentence=say("web.setup_codes.sentence"),
            button=say("web.setup_codes.button"),
            form_action=_path(visit),
            step="setup-codes",
        )


def _path(visit: Visit) -> str:
    return f"/setup/{visit.handle()}"


def _has_codes(tx: Transaction, visit: Visit) -> bool:
    own = factors.of_person(tx, visit.identity)
    return any(item.method is ProofMethod.TOTP and not item.disabled for item in own)
