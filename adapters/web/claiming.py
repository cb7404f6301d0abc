"""The page behind the link that `doorward setup` prints: a company sign-in and a factor make an administrator."""

from __future__ import annotations

from starlette.responses import Response

from adapters.web.pages import Pages, go
from adapters.web.passkey_options import passkey_options
from adapters.web.proving import Signing, Wrong, take_factor
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.change import Change
from bot.domain.proof import ProofMethod
from bot.ports.database import Transaction
from bot.services import changes, factors, first_administrator, step_up
from bot.services.factors import Factor
from bot.texts.formats import moment


class Claiming:
    """Peeks on GET; the claim is a POST."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """Sign in first, then a factor, then the claim. Raises `HandleSpent`."""
        handle = visit.handle()
        kind = await self._web.database.read(lambda tx: first_administrator.look(tx, handle, visit.now))
        if visit.known is None:
            return self._signing_in.ask(visit, _path(visit))
        own = await self._web.database.read(lambda tx: self._own(tx, visit, kind))
        return self._page(visit, own, kind) if self._methods(visit, own) else self._first_factor(visit, kind)

    async def options(self, visit: Visit, form: dict[str, str]) -> Response:
        """A challenge over exactly this claim. Raises `HandleSpent`, `NotAllowed`."""
        handle = visit.handle()

        def work(tx: Transaction) -> str:
            first_administrator.look(tx, handle, visit.now)
            signs = first_administrator.digest(handle, visit.identity)
            return passkey_options(tx, visit, self._web.webauthn, signs=signs)

        return Response(await self._web.database.write(work), media_type="application/json")

    def _own(self, tx: Transaction, visit: Visit, kind: str) -> tuple[Factor, ...]:
        """The factors that may sign: in a lost last one's place a passkey alone, wherever our address has them."""
        own = factors.of_person(tx, visit.identity)
        resistant = kind == first_administrator.RECOVERY and self._web.webauthn is not None
        return tuple(factor for factor in own if factor.method is ProofMethod.PASSKEY) if resistant else own

    def _methods(self, visit: Visit, own: tuple[Factor, ...]) -> frozenset[ProofMethod]:
        """The kinds that may sign: one that does not count yet only where none does."""
        methods = frozenset(factor.method for factor in factors.that_change(own, visit.now))
        return methods if self._web.webauthn is not None else methods - {ProofMethod.PASSKEY}

    async def decide(self, visit: Visit, form: dict[str, str]) -> Response:
        """The button."""
        if visit.known is None:
            return go(_path(visit))
        if not visit.is_fresh:
            return go(await self._signing_in.again(visit, _path(visit), afresh=True))
        handle = visit.handle()
        kind = await self._web.database.read(lambda tx: first_administrator.look(tx, handle, visit.now))
        own = await self._web.database.read(lambda tx: self._own(tx, visit, kind))
        if not self._methods(visit, own):
            return go("/enrol")
        change, wrong = await self._web.database.write(lambda tx: self._claim(tx, visit, form))
        if wrong is not None:
            return self._page(visit, own, kind, wrong)
        if change is not None and change.due_at is not None:
            at = moment(change.due_at, visit.owner.timezone, visit.voice.language)
            return self._pages.message(visit, "regain_waits", status=Status.WAITING, at=at, id=change.id)
        return await self._pages.ends(visit, "setup_done", status=Status.ALLOWED)

    def _claim(self, tx: Transaction, visit: Visit, form: dict[str, str]) -> tuple[Change | None, Wrong | None]:
        """The change that waits for its day, where it is not made at once; why not, where the factor did not count."""
        scribe, handle = scribe_of(visit.owner, visit.now), visit.handle()
        first_administrator.take_turn(tx, visit.now)
        kind = first_administrator.look(tx, handle, visit.now)
        own, about = self._own(tx, visit, kind), f"Person::{visit.identity.key}"
        signing = Signing(
            digest=first_administrator.digest(handle, visit.identity),
            methods=self._methods(visit, own),
            resource=about,
            too_new_as_well=not step_up.counting(own, visit.now),
        )
        given = take_factor(tx, visit, form, signing=signing, webauthn=self._web.webauthn)
        if isinstance(given, Wrong):
            return None, given
        tx.audit.append(scribe.event(EventType.PROOF_GIVEN, resource=about, decision="allow", code=given.value))
        if first_administrator.claim(tx, handle, visit.identity, scribe) == first_administrator.SETUP:
            return None, None
        return changes.propose_recovery(tx, visit.identity, scribe), None

    def _page(self, visit: Visit, own: tuple[Factor, ...], kind: str, wrong: Wrong | None = None) -> Response:
        say, methods = visit.voice.say, self._methods(visit, own)
        words = "setup" if kind == first_administrator.SETUP else "regain"
        return self._pages.form(
            visit,
            "change.html",
            status_code=200 if wrong is None else wrong.status_code,
            who=visit.owner.username,
            heading=say(f"web.{words}.title"),
            sentence=say(f"web.{words}.sentence"),
            button=say(f"web.{words}.button"),
            passkey_options=f"{_path(visit)}/options" if ProofMethod.PASSKEY in methods else "",
            with_code=ProofMethod.TOTP in methods,
            error="" if wrong is None else wrong.sentence(visit.voice),
            form_action=_path(visit),
            hidden_fields={},
        )

    def _first_factor(self, visit: Visit, kind: str) -> Response:
        say = visit.voice.say
        words = "setup_codes" if kind == first_administrator.SETUP else "regain_passkey"
        return self._pages.form(
            visit,
            "step.html",
            who=visit.owner.username,
            heading=say(f"web.{words}.title"),
            sentence=say(f"web.{words}.sentence"),
            button=say(f"web.{words}.button"),
            form_action=_path(visit),
            step="setup-codes",
        )


def _path(visit: Visit) -> str:
    return f"/setup/{visit.handle()}"
