"""A person's own page: open sessions with a way to end each, chat accounts, what is kept about them, and who looked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import Response

from adapters.web.pages import OWN_RECORDS, Pages, go
from adapters.web.scribes import scribe_of
from adapters.web.signing_in import SigningIn
from adapters.web.visitors import Visit
from bot.domain.audit import EventType
from bot.domain.cards import Status
from bot.domain.session import BrowserSession, Session
from bot.errors import HandleSpent, Malformed, NotAllowed
from bot.ports.database import Transaction
from bot.services import own_records
from bot.services.sessions import end_everything
from bot.services.token_revocation import retire
from bot.texts.formats import moment

SEEN = ("ListOwnSessions", "ListOwnAccounts", "ViewOwnData")


class OwnPage:
    """Shows on GET; ends on POST."""

    def __init__(self, pages: Pages, signing_in: SigningIn) -> None:
        self._pages = pages
        self._web = pages.web
        self._signing_in = signing_in

    async def show(self, visit: Visit) -> Response:
        """Everything on one page, to whoever signed in with this browser."""
        if visit.known is None:
            return self._signing_in.ask(visit, OWN_RECORDS)
        await self._allowed(visit, *SEEN)
        return self._pages.form(visit, "own.html", **await self._web.database.write(lambda tx: self._opened(tx, visit)))

    async def _allowed(self, visit: Visit, *actions: str) -> None:
        for action in actions:
            if not await self._web.may(visit.owner, action):
                raise NotAllowed(action, code="page.not_allowed")

    def _opened(self, tx: Transaction, visit: Visit) -> dict[str, Any]:
        """What is shown, and the record that it was: the one is not without the other."""
        shown = self._shown(tx, visit)
        about = f"Person::{visit.identity.key}"
        scribe = scribe_of(visit.owner, visit.now)
        tx.audit.append(scribe.event(EventType.VIEW_OPENED, resource=about, decision="allow", code="view.own_page"))
        return shown

    def _shown(self, tx: Transaction, visit: Visit) -> dict[str, Any]:
        owner, say = visit.owner, visit.voice.say
        sessions = tx.sessions.of_identity(owner.identity)
        looks = own_records.looks(tx, owner.identity, owner.employee)
        browsers = tx.browsers.of_identity(owner.identity, visit.now)
        return {
            "who": owner.username,
            "browsers": [self._browser(visit, session) for session in browsers],
            "form_action": f"{OWN_RECORDS}/end",
            "sessions": [self._session(visit, session) for session in sessions],
            "accounts": [
                {
                    "account": link.channel.account,
                    "place": f"{say(f'platforms.{link.channel.platform}')} · {link.channel.tenant}",
                    "since": self._at(visit, link.linked_at),
                }
                for link in tx.links.of_identity(owner.identity)
            ],
            "kept": [
                (say(f"web.own.kept.{kept.kind}"), kept.count, say(f"web.own.until.{kept.kind}"))
                for kept in own_records.kept(tx, owner.identity)
            ],
            "looks": [
                (look.who, own_records.in_words(look.action, visit.voice), self._at(visit, look.at)) for look in looks
            ],
        }

    def _session(self, visit: Visit, session: Session) -> dict[str, str]:
        platform = visit.voice.say(f"platforms.{session.channel.platform}")
        return {
            "id": session.id,
            "name": f"{platform} · {session.channel.account}",
            "since": self._at(visit, session.opened_at),
            "used": self._at(visit, session.last_used_at),
            "until": self._at(visit, session.absolute_until),
        }

    def _browser(self, visit: Visit, session: BrowserSession) -> dict[str, str]:
        here = visit.session is not None and session.opened_at == visit.session.opened_at
        return {
            "id": session.id,
            "name": visit.voice.say("web.own.this_browser" if here else "web.own.a_browser"),
            "since": self._at(visit, session.opened_at),
            "until": self._at(visit, session.until),
        }

    def _at(self, visit: Visit, when: datetime) -> str:
        return moment(when, visit.owner.timezone, visit.voice.language)

    async def end(self, visit: Visit, form: dict[str, str]) -> Response:
        """End one session of a chat or a browser, or everything everywhere. Raises `HandleSpent`, `Malformed`."""
        if visit.known is None:
            return go(OWN_RECORDS)
        await self._allowed(visit, "SignOut")
        which, _, target = form.get("end", "").partition(":")
        if which == "all":
            await self._web.database.write(lambda tx: self._end_all(tx, visit))
            response = await self._pages.ends(visit, "ended_everywhere", status=Status.ALLOWED)
            self._pages.cookie.clear(response)
            return response
        if which == "browser":
            await self._web.database.write(lambda tx: self._end_browser(tx, visit, target))
            return go(OWN_RECORDS)
        if which != "one":
            raise Malformed("neither one nor all", code="form.malformed")
        await self._web.database.write(lambda tx: self._end_one(tx, visit, target))
        return go(OWN_RECORDS)

    def _end_one(self, tx: Transaction, visit: Visit, target: str) -> None:
        found = next((one for one in tx.sessions.of_identity(visit.identity) if one.id == target), None)
        if found is None:
            raise HandleSpent("the session is gone", code="session.gone")
        tx.sessions.end(found.channel)
        tx.pending.take(found.channel, now=visit.now)
        tx.proposals.void_all(visit.identity)
        tx.proofs.void_all(visit.identity)
        if not tx.sessions.of_identity(visit.identity):
            retire(tx, visit.identity)
        scribe = scribe_of(visit.owner, visit.now)
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, resource=found.channel.key, code="session.own"))

    def _end_browser(self, tx: Transaction, visit: Visit, target: str) -> None:
        if not tx.browsers.end_own(target, visit.identity):
            raise HandleSpent("the session is gone", code="session.gone")
        scribe = scribe_of(visit.owner, visit.now)
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, resource=visit.identity.key, code="session.own_browser"))

    def _end_all(self, tx: Transaction, visit: Visit) -> None:
        end_everything(tx, visit.identity)
        scribe = scribe_of(visit.owner, visit.now)
        tx.audit.append(scribe.event(EventType.SESSION_ENDED, resource=visit.identity.key, code="session.own_all"))
